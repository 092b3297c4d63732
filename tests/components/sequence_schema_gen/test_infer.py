import logging
import re

import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_sequence.components.sequence_schema_gen import infer_schema
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

TRAIN = (
    ({"id": "s1", "score": 0.5}, {"tokens": ["a", "b"], "tags": ["X", "Y"]}),
    ({"id": "s2", "score": 1.5}, {"tokens": ["c"], "tags": ["X"]}),
)
TEST = (({"id": "s3", "score": 2.5}, {"tokens": ["d"], "tags": ["Z"]}),)
SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="form"),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    },
    max_length=7,
)


def domains(schema):
    return {domain.name: list(domain.value) for domain in schema.string_domain}


def spec_of(kind, **fields):
    return SequenceSpec(features={"x": Feature(kind=kind, **fields)})


def test_schema_is_what_the_spec_says_and_the_domain_what_the_data_has(statistics):
    schema = infer_schema({"train": statistics(*TRAIN)}, SPEC)
    carried = {"score": Feature(kind="float", role="carried", context=True)}
    assert from_schema(schema) == SPEC.model_copy(update={"features": {**SPEC.features, **carried}})
    assert domains(schema) == {"tags": ["X", "Y"]}


def test_schema_holds_for_the_data_that_it_was_made_from(statistics):
    for spec in (None, SPEC):
        schema = infer_schema({"train": statistics(*TRAIN)}, spec)
        assert not tfdv.validate_statistics(statistics(*TRAIN), schema).anomaly_info


def test_domain_is_of_the_splits_that_are_given(statistics):
    splits = {"train": statistics(*TRAIN), "test": statistics(*TEST)}
    assert domains(infer_schema(splits, SPEC)) == {"tags": ["X", "Y", "Z"]}
    assert domains(infer_schema({"train": splits["train"]}, SPEC)) == {"tags": ["X", "Y"]}


def test_everything_comes_from_the_data_when_there_is_no_spec(statistics):
    spec = from_schema(infer_schema({"train": statistics(*TRAIN)}))
    assert spec == SequenceSpec(
        features={
            "tokens": Feature(kind="categorical"),
            "tags": Feature(kind="categorical"),
            "id": Feature(kind="categorical", context=True),
            "score": Feature(kind="float", context=True),
        }
    )


def test_strings_with_many_values_are_tokens_when_there_is_no_spec(statistics):
    many = [({}, {"tokens": [f"w{i}" for i in range(n)]}) for n in (150, 3)]
    assert from_schema(infer_schema({"train": statistics(*many)})).features == {"tokens": Feature(kind="token")}


def test_carried_strings_have_no_domain(statistics):
    schema = infer_schema({"train": statistics(*TRAIN)}, SequenceSpec(features={"tokens": Feature(kind="token")}))
    assert from_schema(schema).features == {
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="token", role="carried"),
        "id": Feature(kind="token", role="carried", context=True),
        "score": Feature(kind="float", role="carried", context=True),
    }
    assert not tfdv.validate_statistics(statistics(*TRAIN, *TEST), schema).anomaly_info


@pytest.mark.parametrize("spec", [None, SequenceSpec(features={"tokens": Feature(kind="token")})])
def test_feature_that_no_spec_describes_is_kept_as_it_is(statistics, caplog, spec):
    data = statistics(
        ({"genres": ["p", "q"]}, {"tokens": ["a"], "pieces": [[1, 2]]}),
        ({}, {"tokens": ["b", "c"], "pieces": [[3], [4]]}),
    )
    with caplog.at_level(logging.WARNING):
        schema = infer_schema({"train": data}, spec)
    assert list(from_schema(schema).features) == ["tokens"]
    assert {"genres", "pieces"} <= set(schema.tensor_representation_group[""].tensor_representation)
    assert not tfdv.validate_statistics(data, schema).anomaly_info
    said = sorted(record.getMessage() for record in caplog.records)
    assert said == [
        "the feature 'genres' is missing from some records; the schema describes it as TFDV infers it",
        "the feature 'pieces' does not hold one value in every step; the schema describes it as TFDV infers it",
    ]


NESTED = Feature(kind="token", nested=True)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        (None, NESTED.model_copy(update={"kind": "categorical"})),
        (SequenceSpec(features={"tokens": Feature(kind="token")}), NESTED.model_copy(update={"role": "carried"})),
        (SequenceSpec(features={"tokens": Feature(kind="token"), "parts": NESTED}), NESTED),
    ],
)
def test_strings_with_several_in_a_step_are_nested(statistics, spec, found):
    data = statistics(
        ({}, {"tokens": ["a", "b"], "parts": [["a", "b"], []]}), ({}, {"tokens": ["b"], "parts": [["b"]]})
    )
    schema = infer_schema({"train": data}, spec)
    assert from_schema(schema).features["parts"] == found
    assert domains(schema).get("parts") == (["a", "b"] if found.kind == "categorical" else None)
    assert not tfdv.validate_statistics(data, schema).anomaly_info


def test_two_values_in_a_step_are_an_anomaly_still_when_the_feature_is_not_nested(statistics):
    spec = SequenceSpec(features={"tokens": Feature(kind="token"), "parts": NESTED})
    schema = infer_schema({"train": statistics(({}, {"tokens": ["a"], "parts": [["a", "b"]]}))}, spec)
    other = statistics(({}, {"tokens": [["a", "b"]], "parts": [["c", "d"]]}))
    assert list(tfdv.validate_statistics(other, schema).anomaly_info) == ["##SEQUENCE##.tokens"]


def test_name_that_a_spec_does_not_allow_is_kept_undescribed(statistics):
    data = statistics(({"my id": "x"}, {"tokens": ["a"]}), ({"my id": "y"}, {"tokens": ["b", "c"]}))
    schema = infer_schema({"train": data}, SequenceSpec(features={"tokens": Feature(kind="token")}))
    assert list(from_schema(schema).features) == ["tokens"]
    assert not tfdv.validate_statistics(data, schema).anomaly_info


@pytest.mark.parametrize("values", [["1", "2"], ["", "a"], ["true", "false"], ["a\nb", "c d"], ["x"]])
def test_domain_of_a_categorical_holds_any_text(statistics, values):
    schema = infer_schema({"train": statistics(({}, {"x": values}), ({}, {"x": values[:1]}))}, spec_of("categorical"))
    assert domains(schema) == {"x": sorted(values)}


def test_domain_of_a_thousand_values_is_listed(statistics):
    values = [f"v{i:04}" for i in range(1000)]
    assert domains(infer_schema({"train": statistics(({}, {"x": values}))}, spec_of("categorical"))) == {"x": values}


def test_label_of_more_values_than_the_statistics_list_has_no_domain(statistics, caplog):
    values = [f"v{i}" for i in range(1001)]
    schema = infer_schema({"train": statistics(({}, {"x": values}))}, spec_of("categorical"))
    assert domains(schema) == {}
    # It stays a closed set for the transform.
    assert from_schema(schema).features["x"].kind == "categorical"
    (message,) = [record.getMessage() for record in caplog.records if "categorical" in record.getMessage()]
    assert "'x' has 1001 values, of which the statistics list 1000" in message
    assert "stats_options=tfdv.StatsOptions(num_rank_histogram_buckets=1001)" in message


def test_label_that_may_have_unseen_values_has_no_domain(statistics):
    data = {"train": statistics(({}, {"x": ["a", "b"]}))}
    assert domains(infer_schema(data, spec_of("categorical"))) == {"x": ["a", "b"]}
    assert domains(infer_schema(data, spec_of("categorical"), open_features=["x"])) == {}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ([b"\xff\xfe"], "it has values that are not text, or too long to be listed"),
        (["x" * 5000], "it has values that are not text, or too long to be listed"),
    ],
)
def test_categorical_is_refused_when_its_values_cannot_be_listed(statistics, values, problem):
    message = (
        "the feature 'x' is categorical, so its values are a closed set, but the statistics do not list all of them: "
        f"{problem}. Make it a 'token', or an 'integer' feature"
    )
    with pytest.raises(SchemaError, match=re.escape(message)):
        infer_schema({"train": statistics(({}, {"x": values}))}, spec_of("categorical"))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            SequenceSpec(features={"words": Feature(kind="token")}),
            "the spec names the feature 'words', which the data does not have; it has ['id', 'score', 'tags', "
            "'tokens']",
        ),
        (
            SequenceSpec(features={"tokens": Feature(kind="integer")}),
            "the spec says that the feature 'tokens' is a sequence feature of int64, but in the data it is a sequence "
            "feature of the type BYTES",
        ),
        (
            SequenceSpec(features={"tokens": Feature(kind="token"), "tags": Feature(kind="token", context=True)}),
            "the spec says that the feature 'tags' is a context feature of string, but in the data it is a sequence "
            "feature of the type BYTES",
        ),
        (
            SequenceSpec(features={"tokens": Feature(kind="token"), "score": Feature(kind="float")}),
            "the spec says that the feature 'score' is a sequence feature of float32, but in the data it is a context "
            "feature of the type FLOAT",
        ),
    ],
)
def test_contradiction_between_spec_and_data_is_named(statistics, spec, message):
    with pytest.raises(SchemaError, match=re.escape(message)):
        infer_schema({"train": statistics(*TRAIN)}, spec)


def test_name_in_context_and_feature_lists_is_refused(statistics):
    data = statistics(({"x": "a"}, {"x": ["b"], "y": ["c"]}))
    with pytest.raises(SchemaError, match="the data has 'x' both in the context and in the feature lists"):
        infer_schema({"train": data}, SequenceSpec(features={"y": Feature(kind="token")}))


def test_data_without_feature_lists_is_refused(statistics):
    with pytest.raises(SchemaError, match=r"does not describe tf\.SequenceExamples; its features are"):
        infer_schema({"train": statistics(({"x": "a"}, {}))})


def test_no_statistics_are_refused():
    with pytest.raises(SchemaError, match="there are no statistics to make a schema from: every split is excluded"):
        infer_schema({})
    empty = statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics_pb2.DatasetFeatureStatistics()])
    with pytest.raises(
        SchemaError, match=r"there is no record to make a schema from: the splits \['train'\] are empty"
    ):
        infer_schema({"train": empty})


def test_one_empty_split_does_no_harm(statistics):
    empty = statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics_pb2.DatasetFeatureStatistics()])
    schema = infer_schema({"train": statistics(*TRAIN), "eval": empty}, SPEC)
    assert schema == infer_schema({"train": statistics(*TRAIN)}, SPEC)
    assert infer_schema({"eval": empty, "train": statistics(*TRAIN)}, SPEC) == schema
