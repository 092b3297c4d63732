"""The encoder against protobuf itself: the message built step by step, and its deterministic serialisation."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_sequence.schemas.records.examples import Encoder, decode, encode, make_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec

KINDS = {
    "token": st.text(st.characters(exclude_categories=["Cs"])),
    "categorical": st.sampled_from(["", "X", "<pad>", "0", "ü" * 100]),
    "integer": st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 300),
    "float": st.floats(width=32, allow_nan=False, allow_infinity=False),
}
NESTED = Feature(kind="token", nested=True)
FIELDS = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}


@st.composite
def specs_and_records(draw):
    names = draw(st.lists(st.text("abü_Z", min_size=1, max_size=3), min_size=1, max_size=6, unique=True))
    length = draw(st.integers(0, 5))
    features, record = {}, {}
    for index, name in enumerate(names):
        kind = draw(st.sampled_from([*KINDS, "vector", "nested"]))
        width = draw(st.integers(1, 20)) if kind == "vector" else None
        value = st.lists(KINDS["token"], max_size=3) if kind == "nested" else KINDS[kind if width is None else "float"]
        value = st.lists(value, min_size=width, max_size=width) if width else value
        context = kind != "nested" and index > 0 and draw(st.booleans())
        features[name] = NESTED if kind == "nested" else Feature(kind=kind, width=width, context=context)
        record[name] = draw(value) if context else draw(st.lists(value, min_size=length, max_size=length))
    return SequenceSpec(features=features, min_length=0), record


def built(spec, record):
    """The message as the guide builds it: feature by feature, step by step."""
    example = tf.train.SequenceExample()
    for name, feature in spec.features.items():
        if feature.context:
            fill(example.context.feature[name], feature, record[name])
        else:
            steps = example.feature_lists.feature_list[name]
            for value in record[name]:
                fill(steps.feature.add(), feature, value)
    return example


def fill(message, feature, value):
    values = value if isinstance(value, list) else [value]
    values = [item.encode() if isinstance(item, str) else item for item in values]
    field = getattr(message, FIELDS[feature.dtype])
    field.SetInParent()
    field.value.extend(values)


@given(specs_and_records())
def test_encode_equals_protobuf_and_decode_gives_the_record_back(spec_and_record):
    spec, record = spec_and_record
    data = encode(spec, record)
    example = built(spec, record)
    assert tf.train.SequenceExample.FromString(data) == example
    # protobuf 6 puts "ab" before "a".
    if not any(a != b and a.startswith(b) for a in record for b in record):
        assert data == example.SerializeToString(deterministic=True)
    again = decode(spec, data)
    assert list(again) == list(spec.features)
    assert {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in again.items()} == record
    assert encode(spec, again) == data


@given(specs_and_records())
@settings(max_examples=30)
def test_encode_gives_the_same_bytes_for_numpy_arrays(spec_and_record):
    spec, record = spec_and_record
    arrays = {}
    for name, value in record.items():
        dtype = {"string": None, "int64": np.int64, "float32": np.float32}[spec.features[name].dtype]
        arrays[name] = np.array(value, dtype)[()] if dtype and value != [] else value
    assert encode(spec, arrays) == encode(spec, record)


@given(st.lists(specs_and_records(), min_size=1, max_size=3))
@settings(max_examples=30)
def test_encoder_gives_the_same_bytes_when_used_again(pairs):
    for spec, record in pairs:
        encoder = Encoder(spec)
        assert encoder.encode(record) == encoder.encode(record) == encode(spec, record)


def test_every_declared_list_is_written_when_there_is_no_step():
    spec = SequenceSpec(features={"b": Feature(kind="token"), "a": Feature(kind="float")}, min_length=0)
    example = tf.train.SequenceExample.FromString(encode(spec, {"b": [], "a": []}))
    assert sorted(example.feature_lists.feature_list) == ["a", "b"]
    assert not example.HasField("context")


ONE = {
    "token": Feature(kind="token"),
    "integer": Feature(kind="integer"),
    "float": Feature(kind="float"),
    "vector": Feature(kind="vector", width=2),
    "nested": NESTED,
}


@pytest.mark.parametrize(
    ("kind", "values", "reason"),
    [
        ("token", "abc", Reason.WRONG_TYPE),
        ("token", None, Reason.WRONG_TYPE),
        ("token", ["a", 1], Reason.WRONG_TYPE),
        ("token", ["a", b"b"], Reason.WRONG_TYPE),
        ("token", ["a", ["b"]], Reason.WRONG_TYPE),
        ("token", ["a", None], Reason.WRONG_TYPE),
        ("token", ["\ud800"], Reason.UNDECODABLE),
        ("integer", [1, True], Reason.WRONG_TYPE),
        ("integer", [1, 1.0], Reason.WRONG_TYPE),
        ("integer", [1, "1"], Reason.WRONG_TYPE),
        ("integer", np.array(3), Reason.WRONG_TYPE),
        ("integer", np.array([True]), Reason.WRONG_TYPE),
        ("integer", np.array([1.0]), Reason.WRONG_TYPE),
        ("integer", np.array([[1, 2]]), Reason.WRONG_TYPE),
        ("integer", [2**63], Reason.OUT_OF_RANGE),
        ("integer", [-(2**63) - 1], Reason.OUT_OF_RANGE),
        ("integer", [10**5000], Reason.OUT_OF_RANGE),
        ("float", [1.0, "2.0"], Reason.WRONG_TYPE),
        ("float", [1.0, True], Reason.WRONG_TYPE),
        ("float", [1.0, [2.0]], Reason.WRONG_TYPE),
        ("float", np.array(["1.0"]), Reason.WRONG_TYPE),
        ("float", np.array([[1.0, 2.0]]), Reason.WRONG_TYPE),
        ("float", [math.nan], Reason.NOT_FINITE),
        ("float", [-math.inf], Reason.NOT_FINITE),
        ("float", [1e39], Reason.NOT_FINITE),
        ("float", [10**400], Reason.NOT_FINITE),
        ("vector", [[1.0, 2.0], [1.0]], Reason.WRONG_TYPE),
        ("vector", [[1.0, 2.0], 3.0], Reason.WRONG_TYPE),
        ("vector", [[1.0, "2"]], Reason.WRONG_TYPE),
        ("vector", [[1.0, [2.0]]], Reason.WRONG_TYPE),
        ("vector", np.zeros((2, 3)), Reason.WRONG_TYPE),
        ("vector", np.zeros((2, 2, 1)), Reason.WRONG_TYPE),
        ("vector", [[1.0, math.nan]], Reason.NOT_FINITE),
        ("nested", ["abc"], Reason.WRONG_TYPE),
        ("nested", [["a"], "b"], Reason.WRONG_TYPE),
        ("nested", [["a"], None], Reason.WRONG_TYPE),
        ("nested", [["a", 1]], Reason.WRONG_TYPE),
        ("nested", [["a", ["b"]]], Reason.WRONG_TYPE),
        ("nested", [["a", "\udfff"]], Reason.UNDECODABLE),
        ("nested", [], Reason.EMPTY_SEQUENCE),
        ("token", [], Reason.EMPTY_SEQUENCE),
    ],
)
def test_encode_refuses_with_a_reason_when_values_are_not_of_the_kind(kind, values, reason):
    with pytest.raises(BadRecordError) as error:
        encode(SequenceSpec(features={"x": ONE[kind]}), {"x": values})
    assert error.value.reject.reason is reason
    assert len(str(error.value)) < 1000


def test_encode_does_not_mistake_true_for_a_one_that_it_remembers():
    encoder = Encoder(SequenceSpec(features={"x": ONE["integer"]}))
    encoder.encode({"x": [1, 1]})
    for value in (True, 1.0, np.bool_(True)):
        with pytest.raises(BadRecordError):
            encoder.encode({"x": [value]})


@pytest.mark.parametrize("scalar", [np.int64(5), np.uint8(5), 5])
def test_encode_takes_numpy_scalars(scalar):
    spec = SequenceSpec(features={"i": ONE["integer"], "f": ONE["float"]})
    assert decode(spec, encode(spec, {"i": [scalar], "f": [scalar]})) == {"i": [5], "f": [5.0]}


def test_encode_keeps_nan_but_not_overflow_when_told_to():
    spec = SequenceSpec(features={"x": ONE["vector"]})
    keep = Encoder(spec, not_finite="keep")
    got = decode(spec, keep.encode({"x": [[math.nan, math.inf]]}))["x"]
    np.testing.assert_array_equal(got, np.array([[np.nan, np.inf]], np.float32))
    with pytest.raises(BadRecordError, match="not_finite"):
        keep.encode({"x": [[1e39, 0.0]]})


@pytest.mark.parametrize("not_finite", ["reject", "keep"])
def test_encode_writes_nan_for_numbers_that_may_be_missing(not_finite):
    fields = {"x": {"kind": "float"}, "v": {"kind": "vector", "width": 2}, "c": {"kind": "float", "context": True}}
    spec = SequenceSpec(features={name: Feature(missing=True, **field) for name, field in fields.items()})
    encoder = Encoder(spec, not_finite)
    record = {"x": [1.0, None, math.nan], "v": [[None, 2.0], None, [math.nan, 3]], "c": None}
    got = decode(spec, encoder.encode(record))
    np.testing.assert_array_equal(got["x"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(got["v"], [[np.nan, 2], [np.nan, np.nan], [np.nan, 3]])
    assert math.isnan(got["c"])
    arrays = {"x": np.array([1, np.nan, np.nan]), "v": got["v"], "c": np.nan}
    assert encoder.encode(arrays) == encoder.encode(record)
    for wrong in ({"x": [1e39, 1, 1]}, {"x": ["", 1, 1]}, {"v": [[1.0], None, None]}):
        with pytest.raises(BadRecordError):
            encoder.encode({**record, **wrong})


@pytest.mark.parametrize("value", [None, math.nan])
def test_encode_says_what_to_do_about_a_missing_number(value):
    hint = "set the feature's `missing`"
    for feature, steps in ((ONE["float"], [value]), (ONE["vector"], [[1.0, value]])):
        with pytest.raises(BadRecordError, match=hint):
            encode(SequenceSpec(features={"x": feature}), {"x": steps})
    label = SequenceSpec(features={"x": Feature(kind="float", role="label")})
    with pytest.raises(BadRecordError) as error:
        encode(label, {"x": [value]})
    assert hint not in str(error.value), "a label cannot be missing"


LABELLED = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="FORM"),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    },
    min_length=2,
    max_length=3,
)


@pytest.mark.parametrize(
    ("record", "reason", "message"),
    [
        ({"tokens": ["a"] * 3, "tags": ["X"] * 2}, Reason.UNEQUAL_LENGTHS, "`tokens` has 3 steps, but `tags` has 2"),
        ({"tokens": ["a"], "tags": ["X"]}, Reason.TOO_SHORT, "1 steps, expected at least 2"),
        ({"tokens": ["a"] * 4, "tags": ["X"] * 4}, Reason.TOO_LONG, "4 steps, expected at most 3"),
        ({"tags": ["X"] * 2}, Reason.MISSING_FEATURE, "`tokens` (read from 'FORM') is not in the record"),
    ],
)
def test_encode_names_the_record_and_what_was_expected(record, reason, message):
    with pytest.raises(BadRecordError) as error:
        encode(LABELLED, {"id": "s7", **record})
    assert error.value.reject.reason is reason
    assert error.value.reject.key == "s7"
    assert message in str(error.value)
    assert "X" in error.value.reject.excerpt


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ({"sequence": {"y": ["a"]}}, Reason.MISSING_FEATURE),
        ({"sequence": {"x": [1]}}, Reason.WRONG_TYPE),
        ({"sequence": {"x": [[1.0, 2.0]]}}, Reason.WRONG_TYPE),
    ],
)
def test_decode_refuses_when_the_message_is_of_another_spec(example, reason):
    with pytest.raises(BadRecordError) as error:
        decode(SequenceSpec(features={"x": ONE["token"]}), make_example(**example).SerializeToString())
    assert error.value.reject.reason is reason


def test_decode_reads_a_step_without_a_list_as_empty_when_the_feature_is_nested():
    example = make_example({"x": [["a", "b"], ["c"]]})
    example.feature_lists.feature_list["x"].feature.add()
    assert decode(SequenceSpec(features={"x": NESTED}), example.SerializeToString()) == {"x": [["a", "b"], ["c"], []]}
    with pytest.raises(BadRecordError, match=r"expected any number of value\(s\) in `bytes_list`"):
        decode(SequenceSpec(features={"x": NESTED}), make_example({"x": [1]}).SerializeToString())


def test_decode_refuses_text_that_is_not_utf8():
    example = make_example({"x": ["a"]})
    example.feature_lists.feature_list["x"].feature[0].bytes_list.value[0] = b"\xff"
    with pytest.raises(BadRecordError, match="undecodable: `x` has"):
        decode(SequenceSpec(features={"x": ONE["token"]}), example.SerializeToString())


def test_decode_refuses_bytes_that_are_no_message():
    with pytest.raises(BadRecordError, match="undecodable: 3 bytes"):
        decode(SequenceSpec(features={"x": ONE["token"]}), b"\xff\xff\xff")


def test_make_example_builds_what_the_guide_builds():
    example = make_example({"tokens": [1, 2, 3], "labels": [0, 1, 0]}, context={"length": 3})
    context, sequence = tf.io.parse_single_sequence_example(
        example.SerializeToString(),
        context_features={"length": tf.io.FixedLenFeature([], tf.int64)},
        sequence_features={name: tf.io.FixedLenSequenceFeature([], tf.int64) for name in ("tokens", "labels")},
    )
    assert context["length"].numpy() == 3
    assert sequence["tokens"].numpy().tolist() == [1, 2, 3]
    assert sequence["labels"].numpy().tolist() == [0, 1, 0]


def test_make_example_finds_the_kind_of_each_feature():
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    example = make_example(
        {"words": ["a", "b"], "x": [1, 2.5], "v": vectors, "n": np.array([1, 2])},
        context={"who": "me", "w": [1.0, 2.0]},
    )
    lists = example.feature_lists.feature_list
    assert [step.bytes_list.value[0] for step in lists["words"].feature] == [b"a", b"b"]
    assert [step.float_list.value[0] for step in lists["x"].feature] == [1.0, 2.5]
    assert [list(step.float_list.value) for step in lists["v"].feature] == vectors.tolist()
    assert [step.int64_list.value[0] for step in lists["n"].feature] == [1, 2]
    assert list(example.context.feature["w"].float_list.value) == [1.0, 2.0]
    assert make_example({"x": []}).feature_lists.feature_list["x"] == tf.train.FeatureList()


def test_make_example_refuses_one_name_in_both_places():
    with pytest.raises(BadRecordError, match="`x` is both"):
        make_example({"x": [1]}, context={"x": 1})
