import gzip
import struct

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.sequence_example import SequenceExampleReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"x": Feature(kind="token")})
CONFIG = ReadConfig(format="sequence_example")


def example():
    """One that has more than the spec names: an unset feature, two values in a step, and a field of the future."""
    message = make_example({"x": ["a", "b"], "other": [1.0, 2.0]}, context={"c": 3})
    message.context.feature["unset"].SetInParent()
    message.feature_lists.feature_list["ragged"].feature.add().int64_list.value.extend([1, 2])
    return message.SerializeToString() + b"\x9a\x06\x03abc"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_records_pass_unchanged_with_all_that_the_spec_does_not_name(compress, read):
    data = example()
    items = read(compress(frame(data) * 3), SPEC, CONFIG)
    assert [item.pieces[0] for item in items] == [data] * 3
    assert items[0].record == {"x": ["a", "b"]}
    assert "unset" in tf.train.SequenceExample.FromString(items[0].pieces[0]).context.feature


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"y": ["a"]}, Reason.MISSING_FEATURE),
        ({"x": [1]}, Reason.WRONG_TYPE),
        ({"x": []}, Reason.EMPTY_SEQUENCE),
    ],
)
def test_a_record_of_another_spec_is_a_reject(record, reason, read):
    bad, good = read(frame(make_example(record).SerializeToString()) + frame(example()), SPEC, CONFIG)
    assert (bad.reason, bad.record) == (reason, 0)
    assert isinstance(good, EncodedRecord)


def test_damaged_data_rejects_one_record_and_a_damaged_header_the_rest(read):
    good = frame(example())
    data = bytearray(good * 3)
    data[len(good) + 20] ^= 1
    assert [isinstance(item, EncodedRecord) for item in read(bytes(data), SPEC, CONFIG)] == [True, False, True]
    data[len(good)] ^= 1
    items = read(bytes(data), SPEC, CONFIG)
    assert [isinstance(item, EncodedRecord) for item in items] == [True, False]
    assert (type(items[1]), items[1].offset, items[1].num_records) == (DamagedFile, len(good), 1)
    (_, cut) = read(good + good[:-2], SPEC, CONFIG)
    assert "the file ends within a record" in cut.message


@pytest.mark.parametrize("length", [1 << 31, 1 << 36, (1 << 64) - 1])
def test_a_header_of_a_huge_length_is_damage_of_its_file(length, read):
    packed = struct.pack("<Q", length)
    header = packed + frame(packed)[-4:]  # The checksum of the length is right.
    (_, damaged_file) = read(frame(example()) + header + b"rest", SPEC, CONFIG)
    assert isinstance(damaged_file, DamagedFile)
    assert f"a record has {length} bytes" in damaged_file.message


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b'{"x": ["a"]}\n', "text of the format 'jsonl'"),
        (b"PK\x03\x04rest of it", "a zip archive"),
        (b"just words of a text", "its first bytes are text"),
    ],
)
def test_a_file_of_another_format_is_named(data, hint, read):
    (damaged_file,) = read(data, SPEC, CONFIG)
    assert hint in damaged_file.message


def test_a_long_record_is_a_reject_because_its_bytes_are_kept(read):
    (reject,) = read(frame(example()), SPEC, CONFIG.model_copy(update={"max_length": 1, "on_long": "truncate"}))
    assert reject.reason is Reason.TOO_LONG
    assert len(read(frame(example()), SPEC, CONFIG.model_copy(update={"max_length": 2}))[0].pieces) == 1


def test_the_reader_refuses_a_source():
    with pytest.raises(ValueError, match="`x` has a `source`"):
        SequenceExampleReader(SequenceSpec(features={"x": Feature(kind="token", source="y")}), {})


@given(st.binary(max_size=40), st.integers(0, 150))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, noise, at):
    data = frame(example()) * 2
    items = read(data[:at] + noise + data[at:], SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)
