import importlib.metadata
import json
import re

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components import ExampleValidator
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from tfx_sequence.components.sequence_example_validator import ExamplesInvalidError, SequenceExampleValidator
from tfx_sequence.components.sequence_example_validator.component import SequenceExampleValidatorSpec
from tfx_sequence.components.sequence_example_validator.executor import Executor
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError
from tfx_sequence.schemas.tfmd.parts import find_sequence_struct

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    }
)
CLEAN = ({"id": "s1"}, {"tokens": ["a", "b"], "tags": ["X", "Y"]}), ({"id": "s2"}, {"tokens": ["c"], "tags": ["X"]})
UNSEEN = (({"id": "s3"}, {"tokens": ["d"], "tags": ["Z"]}),)


def make_schema(spec=SPEC):
    schema = to_schema(spec)
    (tags,) = [proto for proto in find_sequence_struct(schema).struct_domain.feature if proto.name == "tags"]
    tags.domain = "tags"
    schema.string_domain.add(name="tags", value=["X", "Y"])
    return schema


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


def channels():
    return {
        "statistics": types.Channel(type=standard_artifacts.ExampleStatistics),
        "schema": types.Channel(type=standard_artifacts.Schema),
    }


class Case:
    """Artifacts in a folder, and the executor run on them."""

    def __init__(self, folder, statistics, example):
        self.folder = folder
        self._statistics = statistics
        self._example = example
        self.anomalies = standard_artifacts.ExampleAnomalies()
        self.anomalies.uri = str(folder / "anomalies")
        self.schema_text = text_format.MessageToString(make_schema())

    def statistics(self, splits, name="statistics"):
        statistics = standard_artifacts.ExampleStatistics()
        statistics.uri = str(self.folder / name)
        statistics.split_names = artifact_utils.encode_split_names(list(splits))
        statistics.span = 7
        for split, records in splits.items():
            folder = self.folder / name / f"Split-{split}"
            folder.mkdir(parents=True)
            (folder / "FeatureStats.pb").write_bytes(self._statistics(*records).SerializeToString())
        return statistics

    def examples(self, splits, payload=example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE):
        examples = standard_artifacts.Examples()
        examples.uri = str(self.folder / "examples")
        examples.split_names = artifact_utils.encode_split_names(list(splits))
        examples_utils.set_payload_format(examples, payload)
        for split, records in splits.items():
            folder = self.folder / "examples" / f"Split-{split}"
            folder.mkdir(parents=True)
            with tf.io.TFRecordWriter(str(folder / "data-00000-of-00001.gz"), "GZIP") as writer:
                for record in records:
                    writer.write(self._example(*record))
        return examples

    def run(self, splits, more=None, **settings):
        statistics = self.statistics(splits)
        schema = standard_artifacts.Schema()
        schema.uri = str(self.folder / "schema")
        (self.folder / "schema").mkdir()
        (self.folder / "schema" / "schema.pbtxt").write_text(self.schema_text)
        self.properties = Reads(SequenceExampleValidator(**channels(), **settings).spec.exec_properties)
        inputs = {"statistics": [statistics], "schema": [schema], **{key: [a] for key, a in (more or {}).items()}}
        return Executor().Do(inputs, {"anomalies": [self.anomalies]}, self.properties)

    def written(self, split):
        data = (self.folder / "anomalies" / f"Split-{split}" / "SchemaDiff.pb").read_bytes()
        return anomalies_pb2.Anomalies.FromString(data)


@pytest.fixture
def case(tmp_path, statistics, make_example):
    return Case(tmp_path, statistics, make_example)


def test_component_has_the_channels_of_stock_example_validator():
    stock = ExampleValidator(**channels())
    ours = SequenceExampleValidator(**channels())
    for side in ("inputs", "outputs"):
        assert {key: channel.type for key, channel in getattr(ours, side).items()} == {
            key: channel.type for key, channel in getattr(stock, side).items()
        }
    more = {key for key, channel in SequenceExampleValidatorSpec.INPUTS.items() if channel.optional}
    assert more == {"examples", "baseline_statistics", "serving_statistics"}


def test_executor_reads_just_the_properties_that_are_declared(case):
    case.run({"train": CLEAN})
    # The fingerprint of the code is only compared, by TFX.
    assert case.properties.seen == set(SequenceExampleValidatorSpec.PARAMETERS) - {contract.CODE}


@pytest.mark.parametrize("level", ["errors", "", None, 2])
def test_unknown_severity_is_refused_before_the_run(level):
    message = f"`fail_on` is {level!r}, expected one of 'error', 'warning', 'never'"
    with pytest.raises(ValueError, match=re.escape(message)):
        SequenceExampleValidator(**channels(), fail_on=level)


def test_clean_examples_pass_and_are_blessed(case):
    output = case.run({"train": CLEAN, "test": CLEAN})
    assert not case.written("train").anomaly_info
    assert not case.written("test").anomaly_info
    assert case.anomalies.get_json_value_custom_property("blessed") == {"train": 1, "test": 1}
    assert artifact_utils.decode_split_names(case.anomalies.split_names) == ["train", "test"]
    assert case.anomalies.span == 7
    assert output.output_artifacts["anomalies"].artifacts[0] == case.anomalies.mlmd_artifact


def test_label_seen_only_in_test_fails_after_everything_is_written(case):
    message = r"\(1 anomaly\):\n  - split 'test', feature 'tags': Examples contain values missing from the schema: Z "
    with pytest.raises(ExamplesInvalidError, match=message) as caught:
        case.run({"test": UNSEEN, "train": CLEAN})
    assert f"All anomalies are in {case.anomalies.uri}." in str(caught.value)
    assert list(case.written("test").anomaly_info) == ["##SEQUENCE##.tags"]
    assert not case.written("train").anomaly_info
    assert case.anomalies.get_json_value_custom_property("blessed") == {"test": 0, "train": 1}


@pytest.mark.parametrize("fail_on", ["error", "warning", "never"])
def test_error_anomaly_fails_unless_nothing_may(case, fail_on):
    if fail_on == "never":
        case.run({"test": UNSEEN}, fail_on=fail_on)
        assert case.anomalies.get_json_value_custom_property("blessed") == {"test": 0}
    else:
        with pytest.raises(ExamplesInvalidError):
            case.run({"test": UNSEEN}, fail_on=fail_on)


def test_excluded_split_is_not_validated(case):
    case.run({"train": CLEAN, "test": UNSEEN}, exclude_splits=["test"])
    assert artifact_utils.decode_split_names(case.anomalies.split_names) == ["train"]
    assert not (case.folder / "anomalies" / "Split-test").exists()


def test_excluded_split_that_is_not_there_is_refused(case):
    with pytest.raises(ValueError, match=r"`exclude_splits` names \['tset'\], but the statistics have the splits \["):
        case.run({"train": CLEAN}, exclude_splits=["tset"])


def test_split_name_that_looks_like_a_folder_is_kept(case):
    with pytest.raises(ExamplesInvalidError, match="split 'a-Split-b', feature 'tags'"):
        case.run({"a-Split-b": UNSEEN})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], r"schema\.pbtxt is not the text form of .* schema, or is cut off"),
        (lambda text: text.replace("tfx_sequence:1", "tfx_sequence:9"), "marked 'tfx_sequence:9'.*newer tfx-sequence"),
        (lambda text: 'feature { name: "x" type: INT }', "does not describe tf.SequenceExamples; .* are \\['x'\\]"),
        (lambda text: "", "does not describe tf.SequenceExamples"),
    ],
)
def test_schema_that_cannot_be_used_is_one_clear_error(case, change, message):
    case.schema_text = change(case.schema_text)
    with pytest.raises(SchemaError, match=message):
        case.run({"train": CLEAN})
    assert not (case.folder / "anomalies").exists()


def test_schema_of_other_features_is_told_feature_by_feature(case):
    other = to_schema(SequenceSpec(features={"words": Feature(kind="token")}))
    case.schema_text = text_format.MessageToString(other)
    with pytest.raises(ExamplesInvalidError, match="split 'train', feature 'words': Column is completely missing"):
        case.run({"train": CLEAN})
    assert set(case.written("train").anomaly_info) == {f"##SEQUENCE##.{n}" for n in ("words", "tokens", "tags")} | {
        "id"
    }


def test_settings_are_written_as_stock_writes_them():
    component = SequenceExampleValidator(
        **channels(), exclude_splits=["eval"], fail_on="warning", severities={"empty_step": "off"}
    )
    assert component.spec.exec_properties == {
        "exclude_splits": json.dumps(["eval"]),
        "fail_on": "warning",
        "severities": json.dumps({"empty_step": "off"}),
        "code": json.dumps({"tfx-sequence": importlib.metadata.version("tfx-sequence")}),
    }


@pytest.mark.parametrize(
    ("severities", "message"),
    [
        ({"emty_step": "off"}, "`severities` names 'emty_step', expected one of our rules (broken_span, "),
        (
            {"SCHEMA_NEW_COLUMN": "info"},
            "`severities` gives SCHEMA_NEW_COLUMN the severity 'info', expected one of 'error', 'warning', 'off'",
        ),
    ],
)
def test_unknown_rule_or_severity_is_refused_before_the_run(severities, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SequenceExampleValidator(**channels(), severities=severities)


UNEQUAL = (*CLEAN, ({"id": "s3"}, {"tokens": ["d", "e"], "tags": ["X"]}))


def test_examples_show_what_statistics_do_not(case):
    case.run({"train": UNEQUAL})
    assert not case.written("train").anomaly_info


def test_record_of_examples_is_named_in_the_anomaly_and_in_the_failure(case):
    message = (
        "split 'train', feature 'tags': 1 of 3 records: 's3', record 2 of data-00000-of-00001.gz: `tags` has 1 steps, "
        "but `tokens` has 2."
    )
    with pytest.raises(ExamplesInvalidError, match=re.escape(message)):
        case.run({"train": UNEQUAL, "test": CLEAN[:1]}, {"examples": case.examples({"train": UNEQUAL, "test": ()})})
    (info,) = case.written("train").anomaly_info.values()
    assert info.short_description == "Unequal lengths"
    assert not case.written("test").anomaly_info
    found = json.loads((case.folder / "anomalies" / "Split-train" / "records.json").read_text())
    assert found["groups"][0]["first_rejects"][0]["excerpt"] == "id: 's3', tags: ['X'], tokens: ['d', 'e']"


def test_clean_examples_pass(case):
    case.run({"train": CLEAN}, {"examples": case.examples({"train": CLEAN})})
    assert case.anomalies.get_json_value_custom_property("blessed") == {"train": 1}


def test_rule_has_the_severity_that_it_is_given(case):
    case.run(
        {"train": UNEQUAL}, {"examples": case.examples({"train": UNEQUAL})}, severities={"unequal_lengths": "warning"}
    )
    (info,) = case.written("train").anomaly_info.values()
    assert info.severity == anomalies_pb2.AnomalyInfo.WARNING
    assert case.anomalies.get_json_value_custom_property("blessed") == {"train": 0}


def test_severity_is_given_to_anomalies_of_tfdv_too(case):
    case.run({"test": UNSEEN}, severities={"ENUM_TYPE_UNEXPECTED_STRING_VALUES": "off"})
    assert not case.written("test").anomaly_info


def test_examples_of_another_format_are_refused(case):
    examples = case.examples({"train": CLEAN}, payload=example_gen_pb2.FORMAT_TF_EXAMPLE)
    with pytest.raises(ValueError, match=r"reads FORMAT_TF_SEQUENCE_EXAMPLE, but .* are marked FORMAT_TF_EXAMPLE"):
        case.run({"train": CLEAN}, {"examples": examples})


def test_examples_that_lack_a_split_are_refused(case):
    with pytest.raises(ValueError, match=r"the statistics have the splits \['train', 'test'\], but .* lack \['test'\]"):
        case.run({"train": CLEAN, "test": CLEAN}, {"examples": case.examples({"train": CLEAN})})


def many(tag, length):
    return tuple(({"id": f"s{i}"}, {"tokens": ["a"] * length, "tags": [tag] * length}) for i in range(20))


def with_comparators():
    tags = SPEC.features["tags"].model_copy(update={"drift": 0.3, "skew": 0.3})
    spec = SPEC.model_copy(
        update={"features": {**SPEC.features, "tags": tags}, "length_drift": 0.3, "length_skew": 0.3}
    )
    return text_format.MessageToString(make_schema(spec))


@pytest.mark.parametrize(
    ("key", "name"), [("baseline_statistics", "current and previous"), ("serving_statistics", "training and serving")]
)
def test_values_that_differ_from_other_statistics_are_an_anomaly(case, key, name):
    case.schema_text = with_comparators()
    with pytest.raises(ExamplesInvalidError, match=f"feature 'tags': The Linfty distance between {name} is 1 "):
        case.run({"train": many("X", 3)}, {key: case.statistics({"train": many("Y", 3)}, "other")})
    assert list(case.written("train").anomaly_info) == ["##SEQUENCE##.tags"]


@pytest.mark.parametrize(("key", "name"), [("baseline_statistics", "the baseline"), ("serving_statistics", "serving")])
def test_lengths_that_differ_from_other_statistics_are_an_anomaly(case, key, name):
    case.schema_text = with_comparators()
    message = (
        f"the feature lists: The Kolmogorov-Smirnov distance between the lengths of these records and those of {name} "
        f"is 1.000, above the threshold 0.3: 0% of these records have at most 3 steps, and 100% of those of {name}."
    )
    with pytest.raises(ExamplesInvalidError, match=re.escape(message)):
        case.run({"train": many("X", 9)}, {key: case.statistics({"only": many("X", 3)}, "other")})
    assert list(case.written("train").anomaly_info) == ["##SEQUENCE##"]


@pytest.mark.parametrize(("severity", "expected"), [("warning", [1]), ("off", [])])
def test_lengths_that_differ_have_the_severity_of_their_rule(case, severity, expected):
    case.schema_text = with_comparators()
    other = case.statistics({"only": many("X", 3)}, "other")
    case.run({"train": many("X", 9)}, {"baseline_statistics": other}, severities={"length_drift": severity})
    assert [info.severity for info in case.written("train").anomaly_info.values()] == expected


def test_data_like_the_other_statistics_passes(case):
    case.schema_text = with_comparators()
    more = {key: case.statistics({"train": many("X", 3)}, key) for key in ("baseline_statistics", "serving_statistics")}
    case.run({"train": many("X", 3)}, more)
    assert not case.written("train").anomaly_info


def test_split_that_has_nothing_to_be_compared_with_is_refused(case):
    other = case.statistics({"train": CLEAN, "eval": CLEAN}, "other")
    message = (
        "the split 'test' has nothing to be compared with: `baseline_statistics` have the splits ['train', 'eval']"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        case.run({"test": CLEAN}, {"baseline_statistics": other})
