"""Transformed RecordBatches to SequenceExamples, against protobuf, tfx_bsl's decoder and TensorFlow's parser."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout, encode, to_struct_batch
from tfx_sequence.components.sequence_transform.records.wide_integers import restore_integers

LAYOUT = SequenceLayout(
    context=("key", "point", "size"),
    sequence={"ids": 1, "letters": 1, "scores": 1, "vectors": 3, "words": 1},
)
TYPES = {
    "key": pa.large_list(pa.large_binary()),
    "point": pa.large_list(pa.float32()),
    "size": pa.large_list(pa.int64()),
    "ids": pa.large_list(pa.int64()),
    "letters": pa.large_list(pa.large_list(pa.int64())),
    "scores": pa.large_list(pa.float32()),
    "vectors": pa.large_list(pa.float32()),
    "words": pa.large_list(pa.large_binary()),
}
EMPTY_ROW: dict[str, list] = {name: [] for name in TYPES}
KINDS = {pa.large_binary(): "bytes_list", pa.float32(): "float_list", pa.int64(): "int64_list"}

_int64 = st.integers(-(2**63), 2**63 - 1)
_float32 = st.floats(width=32, allow_nan=False)


@st.composite
def rows(draw):
    """A record: name to what stands in its column."""
    length = draw(st.integers(0, 4))

    def steps(strategy, size=length):
        return draw(st.lists(strategy, min_size=size, max_size=size))

    return {
        "key": [draw(st.binary(max_size=200))],
        "point": steps(_float32, 2),
        "size": [draw(_int64)],
        "ids": steps(st.one_of(st.integers(0, 300), _int64)),
        "letters": steps(st.lists(st.integers(0, 300), max_size=3)),
        "scores": steps(_float32),
        "vectors": steps(_float32, 3 * length),
        "words": steps(st.binary(max_size=5)),
    }


def batch_of(records):
    columns = {name: pa.array([record[name] for record in records], kind) for name, kind in TYPES.items()}
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def steps_of(record, name):
    """The steps of a sequence feature, a list of values each."""
    width = LAYOUT.sequence[name]
    if name == "letters":
        return record[name]
    return [record[name][start : start + width] for start in range(0, len(record[name]), width)]


def message_of(record):
    """The SequenceExample, built step by step."""
    message = tf.train.SequenceExample()
    for name in LAYOUT.context:
        getattr(message.context.feature[name], KINDS[TYPES[name].value_type]).value.extend(record[name])
    for name in LAYOUT.sequence:
        message.feature_lists.feature_list[name].SetInParent()
        kind = TYPES[name].value_type
        kind = KINDS[kind.value_type if pa.types.is_large_list(kind) else kind]
        for values in steps_of(record, name):
            step = getattr(message.feature_lists.feature_list[name].feature.add(), kind)
            step.SetInParent()
            step.value.extend(values)
    return message


@given(st.lists(rows(), max_size=4))
def test_encode_writes_what_protobuf_writes(records):
    written = list(encode(batch_of(records), LAYOUT))
    assert [tf.train.SequenceExample.FromString(data) for data in written] == [message_of(row) for row in records]
    assert written == [message_of(row).SerializeToString(deterministic=True) for row in records]


@given(st.lists(rows(), min_size=1, max_size=4))
def test_decoders_read_back_what_encode_wrote(records):
    batch = batch_of(records)
    written = list(encode(batch, LAYOUT))
    decoded = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch(written)
    full = restore_integers(decoded, written, [name for name in ("ids", "letters") if _has_values(decoded, name)])
    struct = full.column(full.schema.get_field_index("##SEQUENCE##")).to_pylist()
    for row, record in enumerate(records):
        for name in LAYOUT.context:
            assert full.column(full.schema.get_field_index(name))[row].as_py() == record[name]
        for name in LAYOUT.sequence:
            assert struct[row][name] == steps_of(record, name)


def _has_values(batch, name):
    """False where the decoder, which has no schema here, could not tell a type: there is not one value."""
    struct = batch.schema.field("##SEQUENCE##").type
    return struct[name].type == pa.large_list(pa.large_list(pa.int64()))


@given(st.lists(rows(), min_size=1, max_size=4))
def test_to_struct_has_the_steps_of_what_encode_writes(records):
    struct = to_struct_batch(batch_of(records), LAYOUT)
    assert struct.schema.names == [*LAYOUT.context, "##SEQUENCE##"]
    for row, record in enumerate(records):
        (steps,) = struct.column(struct.schema.get_field_index("##SEQUENCE##"))[row].as_py()
        assert steps == {name: steps_of(record, name) for name in LAYOUT.sequence}


@given(st.lists(rows(), min_size=3, max_size=5))
def test_a_slice_of_a_batch_is_written_as_its_rows(records):
    sliced = batch_of(records).slice(1, 2)
    assert list(encode(sliced, LAYOUT)) == list(encode(batch_of(records[1:3]), LAYOUT))
    assert to_struct_batch(sliced, LAYOUT).to_pydict() == to_struct_batch(batch_of(records[1:3]), LAYOUT).to_pydict()


def test_encode_keeps_floats_that_are_not_finite():
    row = {**EMPTY_ROW, "scores": [math.nan, math.inf, -math.inf, -0.0]}
    (data,) = encode(batch_of([row]), LAYOUT)
    steps = tf.train.SequenceExample.FromString(data).feature_lists.feature_list["scores"].feature
    values = np.array([step.float_list.value[0] for step in steps], np.float32)
    np.testing.assert_array_equal(values.view(np.int32), np.array(row["scores"], np.float32).view(np.int32))


def test_encode_writes_an_empty_message_when_there_are_no_features():
    empty = SequenceLayout((), {})
    assert list(encode(batch_of([EMPTY_ROW] * 2), empty)) == [b"", b""]


WIDE = [2**31 - 1, 2**31, 2**32, 2**40 + 5, 2**63 - 1, -1, -(2**31) - 1, -(2**63)]


@pytest.fixture
def wide_records():
    """Records with large integers, with records and steps that lack some."""

    def record(**lists):
        message = tf.train.SequenceExample()
        for name, steps in lists.items():
            message.feature_lists.feature_list[name].SetInParent()
            for values in steps:
                message.feature_lists.feature_list[name].feature.add().int64_list.value.extend(values)
        return message.SerializeToString()

    return [
        record(a=[[value] for value in WIDE], b=[[2**40, 1], []]),
        record(a=[]),
        record(),
        record(a=[[2**50]], b=[[2**33]]),
    ]


def test_restore_integers_gives_back_what_the_decoder_cuts_off(wide_records):
    decoded = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch(wide_records)
    (cut, *_) = decoded.column(0).to_pylist()
    assert cut["a"] != [[value] for value in WIDE], "tfx_bsl reads all 64 bits now: `wide_integers` can go"
    restored = restore_integers(decoded, wide_records, ["a", "b"])
    assert restored.schema == decoded.schema
    assert restored.column(0).to_pylist() == [
        {"a": [[value] for value in WIDE], "b": [[2**40, 1], []]},
        {"a": [], "b": None},
        {"a": None, "b": None},
        {"a": [[2**50]], "b": [[2**33]]},
    ]


def test_restore_integers_leaves_other_features_alone(wide_records):
    decoded = SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch(wide_records)
    restored = restore_integers(decoded, wide_records, ["b"])
    assert restored.column(0).field(0).equals(decoded.column(0).field(0))
    assert restore_integers(decoded, wide_records, []) is decoded


def test_column_that_is_missing_is_named_and_not_replaced_by_the_last_one():
    batch = batch_of([EMPTY_ROW])
    for name in ("ids", "key"):
        others = [other for other in batch.schema.names if other != name]
        without = pa.RecordBatch.from_arrays([batch.column(batch.schema.get_field_index(x)) for x in others], others)
        for convert in (lambda batch: list(encode(batch, LAYOUT)), lambda batch: to_struct_batch(batch, LAYOUT)):
            with pytest.raises(ValueError, match=f"must have one column '{name}'"):
                convert(without)


def test_vectors_are_not_made_of_the_numbers_of_two_records():
    layout = SequenceLayout(context=(), sequence={"vectors": 2})
    batch = pa.RecordBatch.from_arrays([pa.array([[1.0], [2.0, 3.0, 4.0]], pa.large_list(pa.float32()))], ["vectors"])
    for convert in (lambda: list(encode(batch, layout)), lambda: to_struct_batch(batch, layout)):
        with pytest.raises(ValueError, match="'vectors' has 1 values in record 0 of its batch, but a step has 2"):
            convert()


def test_integers_are_restored_in_a_batch_without_feature_lists():
    batch = pa.RecordBatch.from_arrays([pa.array([[1]], pa.large_list(pa.int64()))], ["size"])
    record = tf.train.SequenceExample()
    record.context.feature["size"].int64_list.value.append(1)
    assert restore_integers(batch, [record.SerializeToString()], ["ids"]).equals(batch)
