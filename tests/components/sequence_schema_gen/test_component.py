import importlib.metadata
import json
import logging

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components import SchemaGen
from tfx.orchestration.data_types import RuntimeParameter
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_schema_gen.component import SequenceSchemaGenSpec
from tfx_sequence.components.sequence_schema_gen.executor import Executor
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema

SPEC = SequenceSpec(features={"tokens": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")})


class Reads(dict):
    """Properties that note which of them are looked at."""

    def __init__(self, *args):
        super().__init__(*args)
        self.seen = set()

    def __getitem__(self, key):
        self.seen.add(key)
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.seen.add(key)
        return super().get(key, default)


def make(**given):
    return SequenceSchemaGen(statistics=types.Channel(type=standard_artifacts.ExampleStatistics), **given)


def properties(component):
    return Reads({key: value for key, value in component.spec.exec_properties.items() if value is not None})


@pytest.fixture
def artifact(tmp_path, statistics):
    """ExampleStatistics with a tag in each split that no other has."""

    def write(*splits):
        made = standard_artifacts.ExampleStatistics()
        made.uri = str(tmp_path / "statistics")
        made.split_names = artifact_utils.encode_split_names(list(splits))
        for split in splits:
            folder = tmp_path / "statistics" / f"Split-{split}"
            folder.mkdir(parents=True)
            data = statistics(({}, {"tokens": ["a"], "tags": [split]}), ({}, {"tokens": ["a"] * 2, "tags": ["x", "y"]}))
            (folder / "FeatureStats.pb").write_bytes(data.SerializeToString())
        return made

    return write


@pytest.fixture
def run(tmp_path):
    """Runs the executor and gives the schema that it wrote."""

    def execute(artifact, component, curated=None):
        output = standard_artifacts.Schema()
        output.uri = str(tmp_path / "schema")
        read = properties(component)
        inputs = {"statistics": [artifact]}
        if curated is not None:
            given = standard_artifacts.Schema()
            given.uri = str(tmp_path / "curated")
            (tmp_path / "curated").mkdir()
            (tmp_path / "curated" / "mine.pbtxt").write_text(text_format.MessageToString(curated))
            inputs["curated"] = [given]
        Executor().Do(inputs, {"schema": [output]}, read)
        read.output = output
        path = io_utils.get_only_uri_in_dir(output.uri)
        assert path.endswith("/schema.pbtxt")
        return io_utils.SchemaReader().read(path), read

    return execute


def tags(schema):
    return set(next(domain.value for domain in schema.string_domain if domain.name == "tags"))


def test_component_has_the_channels_of_stock_schema_gen():
    stock = SchemaGen(statistics=types.Channel(type=standard_artifacts.ExampleStatistics))
    ours = make()
    assert [key for key, channel in SequenceSchemaGenSpec.INPUTS.items() if channel.optional] == ["curated"]
    for channels in ("inputs", "outputs"):
        assert {key: channel.type for key, channel in getattr(ours, channels).items()} == {
            key: channel.type for key, channel in getattr(stock, channels).items()
        }
    assert set(stock.spec.PARAMETERS) < set(SequenceSchemaGenSpec.PARAMETERS)


def test_executor_reads_just_the_properties_that_are_declared(artifact, run):
    _, read = run(artifact("train"), make(spec=SPEC))
    # The fingerprint of the code is only compared, by TFX.
    assert read.seen == set(SequenceSchemaGenSpec.PARAMETERS) - {contract.CODE}


def test_executor_warns_once_of_features_that_the_spec_does_not_name(artifact, run, caplog):
    with caplog.at_level(logging.WARNING):
        run(artifact("train"), make(spec=SequenceSpec(features={"tokens": Feature(kind="token")})))
    assert [record.getMessage() for record in caplog.records] == [
        "the spec does not name the features ['tags'] of the data, so they have the role 'carried' and no model "
        "reads them; to make a feature an input, name it in the spec"
    ]


@pytest.mark.parametrize("given", [{}, {"spec": SPEC}])
def test_executor_warns_of_nothing_when_the_spec_names_all_features(artifact, run, caplog, given):
    with caplog.at_level(logging.WARNING):
        run(artifact("train"), make(**given))
    assert not caplog.records


def test_schema_file_is_one_that_stock_and_ours_read(artifact, run, tmp_path):
    schema, _ = run(artifact("train"), make(spec=SPEC))
    path = tmp_path / "schema" / "schema.pbtxt"
    assert from_schema(parse_schema(path.read_bytes(), str(path))) == SPEC
    assert text_format.Parse(path.read_text(), schema_pb2.Schema()) == schema
    assert tfdv.load_schema_text(str(path)) == schema


@pytest.mark.parametrize(
    ("splits", "excluded", "counted"),
    [
        (("train", "eval", "test"), None, {"train"}),
        (("train", "eval", "test"), [], {"train", "eval", "test"}),
        (("train", "eval", "test"), ["test"], {"train", "eval"}),
        (("early", "late"), None, {"early", "late"}),
    ],
)
def test_domain_comes_from_train_when_no_split_is_excluded(artifact, run, splits, excluded, counted):
    schema, _ = run(artifact(*splits), make(spec=SPEC, exclude_splits=excluded))
    assert tags(schema) == counted | {"x", "y"}


def test_split_that_is_not_there_is_refused(artifact, run):
    with pytest.raises(
        ValueError, match=r"`exclude_splits` names \['tset'\], but the statistics have the splits \['train', "
    ):
        run(artifact("train", "test"), make(exclude_splits=["tset"]))


def test_all_splits_excluded_is_refused(artifact, run):
    with pytest.raises(SchemaError, match="every split is excluded"):
        run(artifact("train"), make(exclude_splits=["train"]))


def test_settings_are_written_as_stock_writes_them():
    component = make(spec=SPEC, infer_feature_shape=False, exclude_splits=["test"])
    assert component.spec.exec_properties == {
        "infer_feature_shape": 0,
        "exclude_splits": json.dumps(["test"]),
        "sequence_spec": SPEC.to_json(),
        "code": json.dumps({"tfx-sequence": importlib.metadata.version("tfx-sequence")}),
    }
    parameter = RuntimeParameter(name="shape", ptype=int)
    assert make(infer_feature_shape=parameter).spec.exec_properties["infer_feature_shape"] is parameter


@pytest.mark.parametrize("shape", [True, False])
def test_schema_has_representations_without_a_spec(artifact, run, shape):
    schema, _ = run(artifact("train"), make(infer_feature_shape=shape))
    assert set(schema.tensor_representation_group[""].tensor_representation) == {"tokens", "tags"}


def curated_schema(spec=SPEC, domain=("train", "x", "y")):
    schema = to_schema(spec)
    (tags,) = [proto for proto in list_feature_protos(schema) if proto.name == "tags"]
    tags.domain = "mine"
    schema.string_domain.add(name="mine", value=domain)
    return schema


def test_curated_schema_wins_and_the_difference_is_kept(artifact, run, caplog):
    curated = curated_schema(SPEC.model_copy(update={"max_length": 1}), domain=("train", "x", "z"))
    with caplog.at_level(logging.WARNING):
        schema, read = run(artifact("train"), make(), curated)
    assert schema == curated
    differences = ["feature `tags`: its domain has 'y'", "feature `tags`: its domain no longer has 'z'"]
    assert read.output.get_json_value_custom_property("differences") == differences
    assert f"the data differs from the curated schema: {differences[0]}" in caplog.messages


def test_curated_schema_of_other_features_is_kept_and_the_contradiction_said(artifact, run):
    curated = curated_schema(SPEC.model_copy(update={"features": {**SPEC.features, "lemma": Feature(kind="token")}}))
    schema, read = run(artifact("train"), make(), curated)
    assert schema == curated
    (difference,) = read.output.get_json_value_custom_property("differences")
    assert difference.startswith("the spec names the feature 'lemma', which the data does not have")


def test_curated_schema_of_stock_is_completed_so_that_transform_reads_it(artifact, run, statistics):
    data = statistics(({}, {"tokens": ["a"], "tags": ["x"]}), ({}, {"tokens": ["a", "b"], "tags": ["x", "y"]}))
    stock = tfdv.infer_schema(data)
    assert not stock.tensor_representation_group
    schema, _ = run(artifact("train"), make(), stock)
    assert set(schema.tensor_representation_group[""].tensor_representation) == {"tokens", "tags"}
    schema.ClearField("tensor_representation_group")
    assert schema == stock


def test_spec_and_curated_schema_together_are_refused():
    with pytest.raises(ValueError, match="`spec` and `curated` are both given"):
        make(spec=SPEC, curated=types.Channel(type=standard_artifacts.Schema))


def test_open_features_have_no_domain(artifact, run):
    statistics = artifact("train")
    closed, _ = run(statistics, make(spec=SPEC))
    assert [domain.name for domain in closed.string_domain] == ["tags"]
    opened, _ = run(statistics, make(spec=SPEC, open_features=["tags"]))
    assert not opened.string_domain
    with pytest.raises(ValueError, match="`open_features` names 'x', which is no feature of `spec`"):
        make(spec=SPEC, open_features=["x"])
