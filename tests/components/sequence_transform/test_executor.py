"""The executor under Beam's runner: what it writes, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from support.transform_corpus import RECORDS, SPEC
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils
from tfx_bsl.tfxio import dataset_options

from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import find_sequence_struct

SEQUENCE_EXAMPLE = example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE
UNCHANGED = ("counts", "scores", "vectors", "notes", "year", "age", "point")
SMALL = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    }
)


def small(key, tokens, tag="X"):
    return {"tokens": tokens.split(), "tags": [tag] * len(tokens.split()), "id": key}


def contents(folder):
    """Relative path to bytes of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize("split", RECORDS)
@pytest.mark.parametrize("name", UNCHANGED)
def test_numbers_keys_and_carried_features_stay_as_they_are(transformed, name, split):
    records = transformed.records(split)
    raw = {row["id"]: row for row in (decode(SPEC, data) for data in transformed.raw(split))}
    assert records.keys() == raw.keys()
    for key, row in raw.items():
        np.testing.assert_array_equal(np.asarray(records[key][name]), np.asarray(row[name]))


def test_examples_are_marked_as_sequence_examples_of_the_same_splits(transformed):
    (artifact,) = transformed.outputs["transformed_examples"]
    assert examples_utils.get_payload_format(artifact) == SEQUENCE_EXAMPLE
    assert sorted(artifact_utils.decode_split_names(artifact.split_names)) == sorted(RECORDS)


def test_every_sequence_feature_is_written_when_a_record_has_no_step(transformed):
    (empty,) = [row for row in transformed.serialized("train") if decode(transformed.spec, row)["id"] == "train-3"]
    lists = tf.train.SequenceExample.FromString(empty).feature_lists.feature_list
    assert set(lists) == set(transformed.spec.sequence)
    assert [len(value.feature) for value in lists.values()] == [0] * len(lists)


def test_transformed_data_has_no_anomalies(transformed):
    anomalies = anomalies_pb2.Anomalies()
    (artifact,) = transformed.outputs["post_transform_anomalies"]
    anomalies.ParseFromString(Path(io_utils.get_only_uri_in_dir(artifact.uri)).read_bytes())
    assert dict(anomalies.anomaly_info) == {}
    assert anomalies.baseline.feature, "an empty file has no anomalies either"


def test_statistics_are_of_the_sequences_that_are_written(transformed):
    (artifact,) = transformed.outputs["post_transform_stats"]
    (path,) = Path(artifact.uri).glob("FeatureStats.pb")
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes()).datasets
    paths = {tuple(feature.path.step): feature for feature in dataset.features}
    # Ids are categorical, so the statistics are those of strings.
    steps, values = paths["##SEQUENCE##", "tokens"].string_stats.common_stats.presence_and_valency_stats
    lengths = [len(record["tokens"]) for records in RECORDS.values() for record in records]
    assert dataset.num_examples == len(lengths)
    assert (steps.min_num_values, steps.max_num_values) == (min(lengths), max(lengths))
    assert (values.min_num_values, values.max_num_values) == (1, 1)
    assert paths[("year",)].num_stats.min == -39


def test_graph_and_post_transform_schemas_are_one(transformed):
    schema = transformed.graph.transformed_metadata.schema
    (artifact,) = transformed.outputs["post_transform_schema"]
    written = schema_pb2.Schema()
    io_utils.parse_pbtxt_file(io_utils.get_only_uri_in_dir(artifact.uri), written)
    assert written == schema
    spec = from_schema(schema)
    assert {name: feature.role for name, feature in spec.features.items() if name in SPEC.features} == {
        name: feature.role for name, feature in SPEC.features.items()
    }
    assert (spec.features["vectors"].width, spec.features["point"].width) == (3, 2)
    assert spec.min_length == SPEC.min_length


def test_a_data_accessor_reads_the_examples_by_the_schema(transformed):
    factory = tfxio_utils.get_tf_dataset_factory_from_artifact(transformed.outputs["transformed_examples"], ["test"])
    options = dataset_options.TensorFlowDatasetOptions(batch_size=100, num_epochs=1, shuffle=False)
    schema = transformed.graph.transformed_metadata.schema
    (batch,) = factory(transformed.files("eval"), options, schema)
    assert set(batch) == set(transformed.spec.features)
    records = transformed.records("eval")
    for row, key in enumerate(batch["id"].numpy().tolist()):
        record = records[key.decode()]
        for name in ("tokens", "tags", "counts", "vectors"):
            steps = np.reshape(batch[name][row].flat_values.numpy(), np.shape(record[name]))
            np.testing.assert_array_equal(steps, record[name])
        assert batch["year"].numpy()[row] == record["year"]


def test_two_runs_write_the_same_bytes(transformed, make_run):
    again = make_run(SPEC, RECORDS, disable_statistics=True, disable_analyzer_cache=True, **transformed.settings)
    again.do()
    assert set(again.outputs) == {"transform_graph", "transformed_examples"}
    for split in RECORDS:
        assert [Path(path).read_bytes() for path in again.files(split)] == [
            Path(path).read_bytes() for path in transformed.files(split)
        ]
    for part in ("transform_fn/assets", "transformed_metadata"):
        first, second = (contents(Path(run.outputs["transform_graph"][0].uri, part)) for run in (transformed, again))
        assert first == second


def test_a_cached_analysis_gives_the_same_examples_and_vocabularies(transformed, make_run):
    again = make_run(SPEC, disable_statistics=True, **transformed.settings)
    again.inputs["examples"] = transformed.inputs["examples"]
    again.inputs["analyzer_cache"] = transformed.outputs["updated_analyzer_cache"]
    again.do()
    assert contents(again.outputs["updated_analyzer_cache"][0].uri)
    for split in RECORDS:
        assert again.records(split).keys() == transformed.records(split).keys()
        assert sorted(again.serialized(split)) == sorted(transformed.serialized(split))


def test_settings_of_stock_work_together(make_run, tmp_path, monkeypatch):
    """Two spans, a choice of splits, and a preprocessing_fn of the user's that calls ours."""
    (tmp_path / "user_transform.py").write_text(
        "from tfx_sequence.components.sequence_transform import TransformConfig, preprocess\n"
        "from tfx_sequence.schemas.spec import SequenceSpec\n"
        "def user_fn(inputs, custom_config):\n"
        "    spec = SequenceSpec.from_json(custom_config['sequence_spec'])\n"
        "    outputs = preprocess(inputs, spec, {})\n"
        "    outputs['double'] = outputs['tokens'] * custom_config['factor']\n"
        "    return outputs\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    run = make_run(
        SMALL,
        {"train": [small("1", "a b")], "eval": [small("2", "c d")], "test": [small("3", "e")]},
        {"train": [small("4", "a")], "eval": [small("5", "c")], "test": [small("6", "c")]},
        preprocessing_fn="user_transform.user_fn",
        custom_config={"factor": 2},
        splits_config=transform_pb2.SplitsConfig(analyze=["train", "eval"], transform=["eval", "test"]),
        disable_statistics=True,
    )
    run.do()
    assert run.graph.vocabulary_by_name("tokens") == [b"c", b"a", b"d", b"b"]
    for span, eval_ids, test_ids in ((0, [1, 3], [5]), (1, [1], [1])):
        artifact = run.outputs["transformed_examples"][span]
        assert artifact_utils.decode_split_names(artifact.split_names) == ["eval", "test"]
        assert examples_utils.get_payload_format(artifact) == SEQUENCE_EXAMPLE
        for split, ids in (("eval", eval_ids), ("test", test_ids)):
            (record,) = run.records(split, span).values()
            assert record["tokens"] == ids
            assert record["double"] == [2 * number for number in ids]


def test_graph_alone_is_written_without_materialize(make_run):
    records = {"train": [small("1", "a b")], "eval": [small("2", "c")]}
    run = make_run(SMALL, records, materialize=False, disable_statistics=True)
    run.do()
    assert set(run.outputs) == {"transform_graph", "updated_analyzer_cache"}
    assert run.graph.num_buckets_for_transformed_feature("tokens") == 4
    assert set(run.spec.features) == {"tokens", "tags", "id"}


def test_compat_v1_writes_the_examples_of_tensorflow_2_and_a_graph_of_tensorflow_1(make_run):
    records = {"train": [small("1", "a b a")], "eval": [small("2", "c")]}
    runs = [make_run(SMALL, records, disable_statistics=True, force_tf_compat_v1=forced) for forced in (False, True)]
    for run in runs:
        run.do()
    second, first = runs
    assert {split: first.serialized(split) for split in records} == {
        split: second.serialized(split) for split in records
    }
    signatures = [list(tf.saved_model.load(run.graph.transform_savedmodel_dir).signatures) for run in (second, first)]
    assert signatures == [["serving_default"], ["transform_signature"]]
    assert first.graph.num_buckets_for_transformed_feature("tokens") == 4


def test_a_label_seen_only_outside_the_analysed_splits_ends_the_run(make_run):
    records = {"train": [small("1", "a b")], "eval": [small("2", "c", "Y"), small("3", "c", "Z")]}
    run = make_run(SMALL, records, disable_statistics=True)
    with pytest.raises(Exception, match=r"the label 'tags' has values that the analysed splits .* do not have: Y"):
        run.do()


@pytest.mark.parametrize("values", [0, 2])
def test_a_step_without_exactly_one_value_ends_the_run(make_run, values):
    bad = tf.train.SequenceExample.FromString(b"")
    for name in ("tokens", "tags"):
        steps = bad.feature_lists.feature_list[name]
        for count in (1, values if name == "tokens" else 1, 1):
            steps.feature.add().bytes_list.value.extend([b"X"] * count)
    bad.context.feature["id"].bytes_list.value.append(b"bad")
    run = make_run(SMALL, {"train": [bad.SerializeToString(), small("1", "a b")]}, disable_statistics=True)
    with pytest.raises(Exception, match=r"the feature 'tokens' has a step that does not hold 1 value"):
        run.do()


def test_a_schema_of_stock_schema_gen_is_read(make_run):
    run = make_run(SMALL, {"train": [small("1", "a b")]}, materialize=False, disable_statistics=True)
    path = f"{run.inputs['schema'][0].uri}/schema.pbtxt"
    schema = schema_pb2.Schema()
    io_utils.parse_pbtxt_file(path, schema)
    schema.ClearField("tensor_representation_group")
    schema.ClearField("annotation")
    for proto in find_sequence_struct(schema).struct_domain.feature:
        proto.ClearField("annotation")
    io_utils.write_pbtxt_file(path, schema)
    run.do()
    assert run.graph.vocabulary_by_name("tokens") == [b"b", b"a"]
    assert run.spec.features["tags"].role == "input"


def test_examples_of_another_payload_format_are_refused(make_run):
    run = make_run(SMALL)
    run.add_examples({"train": []}, example_gen_pb2.FORMAT_TF_EXAMPLE)
    with pytest.raises(ValueError, match=r"reads FORMAT_TF_SEQUENCE_EXAMPLE, .* are marked FORMAT_TF_EXAMPLE"):
        run.do()


def test_a_schema_without_sequences_is_refused(make_run):
    run = make_run(SMALL, {"train": []})
    flat = schema_pb2.Schema(feature=[schema_pb2.Feature(name="age", type=schema_pb2.INT)])
    io_utils.write_pbtxt_file(f"{run.inputs['schema'][0].uri}/schema.pbtxt", flat)
    with pytest.raises(SchemaError, match="has no '##SEQUENCE##' feature"):
        run.do()
