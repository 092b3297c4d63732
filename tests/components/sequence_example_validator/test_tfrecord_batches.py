import gzip

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.records.rejects import BadRecordError


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_batches_hold_all_records_in_order(write, compression):
    path = write("data", *((str(i), 1) for i in range(600)), compression=compression)
    batches = list(read_batches(path))
    assert [len(batch) for batch in batches] == [512, 88]
    ids = [tf.train.SequenceExample.FromString(r).context.feature["id"].bytes_list.value[0] for b in batches for r in b]
    assert ids == [str(i).encode() for i in range(600)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (gzip.compress(b"tokens and labels, and no record" * 9, mtime=0), "the header of a record is damaged"),
        (b"short", "the header of a record is damaged"),
        (
            gzip.compress(b"x" * 10_000, mtime=0)[:20],
            "Compressed file ended before the end-of-stream marker was reached",
        ),
        (b"\x1f\x8b and then something else", "Unknown compression method"),
    ],
)
def test_file_that_is_no_tfrecord_is_refused(tmp_path, data, problem):
    path = tmp_path / "data.gz"
    path.write_bytes(data)
    with pytest.raises(BadRecordError, match=f"the file is cut off or damaged after 0 records: {problem}"):
        list(read_batches(str(path)))


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_damaged_byte_never_changes_a_record(write, compression):
    path = write("data", ("a", 1), ("b", 1), compression=compression)
    with open(path, "rb") as file:
        data = file.read()
    (whole,) = read_batches(path)
    for position in range(len(data)):
        with open(path, "wb") as file:
            file.write(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        read = []
        try:
            read.extend(record for batch in read_batches(path) for record in batch)
        except BadRecordError:
            assert read == whole[: len(read)], position
        else:
            # Some bits of a gzip stream have no meaning, so changing them does no damage.
            assert compression
            assert read == whole, position
