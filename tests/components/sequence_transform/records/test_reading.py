"""TFRecord files to batches of records and RecordBatches, against TensorFlow's writer and tfx_bsl's decoder."""

from __future__ import annotations

import gzip
import io
import pickle

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform.records import reading
from tfx_sequence.components.sequence_transform.records.reading import (
    BatchSource,
    SequenceRecord,
    make_batches,
    read_file,
)
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
SPEC = SequenceSpec(features={"words": Feature(kind="token"), "times": Feature(kind="integer")})
RECORDS = [b"one", b"", b"three" * 100, b"4"]
WIDE = 2**40 + 5


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two folders of files; a record has as many words as its number, and a wide integer beside each."""
    folder = tmp_path_factory.mktemp("files")
    encoder = Encoder(SPEC)
    for number, name in enumerate(("a/1.gz", "a/2.gz", "b/3.gz")):
        (folder / name).parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(str(folder / name), "GZIP") as writer:
            for length in range(5 * number + 1, 5 * number + 6):
                writer.write(encoder.encode({"words": ["w"] * length, "times": [WIDE] * length}))
    return folder


def read(patterns, batch_size, check):
    """Hands the RecordBatches of a pipeline to `check`, which may run in any order."""
    reader = SequenceRecord(patterns, ["Test"], schema=to_schema(SPEC))
    with TestPipeline(RUNNER) as pipeline:
        batches = pipeline | reader.BeamSource(batch_size)
        assert_that(batches | beam.Map(lambda batch: batch.column(0).to_pylist()), check)


def lengths(batches):
    for steps in (row for batch in batches for row in batch):
        assert steps["times"] == [[WIDE]] * len(steps["words"])
        yield len(steps["words"])


def test_every_record_of_every_pattern_is_read_once_with_all_64_bits(files):
    def check(batches):
        assert sorted(lengths(batches)) == list(range(1, 16))
        assert [len(batch) for batch in batches] == [5, 5, 5]

    read([f"{files}/a/*", f"{files}/b/*"], None, check)


def test_batches_have_the_given_size(files):
    def check(batches):
        assert [len(batch) for batch in batches] == [2, 2, 1]
        assert list(lengths(batches)) == [1, 2, 3, 4, 5]

    read(f"{files}/a/1*", 2, check)


def test_files_are_read_in_the_order_of_beams_own_reader(files):
    def splits(source):
        return [bundle.source for bundle in source.split(float("inf"))]

    ours, theirs = BatchSource(f"{files}/a/*", 2, None), beam.io.ReadFromTFRecord(f"{files}/a/*")._source
    batches = [list(source.read(source.get_range_tracker(None, None))) for source in splits(ours)]
    records = [list(source.read(source.get_range_tracker(None, None))) for source in splits(theirs)]
    assert [[record for batch in file for record in batch] for file in batches] == records
    assert [len(batch) for batch in batches[0]] == [2, 2, 1]


def test_a_pattern_without_files_is_an_error(tmp_path):
    with pytest.raises(OSError, match="No files found based on the file pattern"):
        read(f"{tmp_path}/*", None, lambda batches: None)


@given(st.lists(st.binary(max_size=9), max_size=20), st.integers(1, 5), st.none() | st.integers(1, 20))
def test_batches_hold_every_record_and_end_at_a_limit(records, max_records, max_bytes):
    batches = list(make_batches(records, max_records, max_bytes))
    assert [record for batch in batches for record in batch] == records
    full = [
        len(batch) == max_records or (max_bytes is not None and sum(map(len, batch)) >= max_bytes) for batch in batches
    ]
    assert all(full[:-1])
    assert all(batches)
    for batch in batches:
        assert len(batch) <= max_records
        assert max_bytes is None or sum(map(len, batch[:-1])) < max_bytes


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a"])
def test_a_file_is_opened_as_its_name_says(tmp_path, name):
    path = str(tmp_path / name)
    with beam.io.filesystems.FileSystems.create(path) as file:
        file.write(b"".join(map(frame, RECORDS)))
    assert list(read_file(path)) == RECORDS


def test_gzip_members_one_after_the_other_are_one_file(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(frame(b"one")) + gzip.compress(frame(b"two")))
    assert list(read_file(str(path))) == [b"one", b"two"]


def test_a_damaged_record_is_an_error_with_its_place(tmp_path):
    path = tmp_path / "a.gz"
    framed = bytearray(b"".join(map(frame, RECORDS)))
    framed[len(frame(RECORDS[0])) + len(frame(RECORDS[1])) + 20] ^= 1
    path.write_bytes(gzip.compress(bytes(framed)))
    got = []
    with pytest.raises(BadRecordError, match="checksum") as raised:
        got.extend(read_file(str(path)))
    assert (raised.value.reject.file, raised.value.reject.offset) == (str(path), 35)
    assert pickle.loads(pickle.dumps(raised.value)).reject == raised.value.reject


def test_a_gzip_file_that_was_cut_off_is_an_error_wherever_that_was(tmp_path):
    path = tmp_path / "a.gz"
    # Stored, not compressed: so that a cut falls between two records, where Beam's own reader sees none.
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=0) as file:
        file.write(b"".join(map(frame, RECORDS)))
    whole = stream.getvalue()
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(BadRecordError, match=r"a\.gz"):
            list(read_file(str(path)))


def test_a_damaged_file_ends_the_run(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(frame(b"")[:-1]))
    with pytest.raises(Exception, match=r"a\.gz(.|\n)*the file ends within a record of 0 bytes"):
        read(f"{tmp_path}/*", None, lambda batches: None)


def test_batches_end_by_size_when_sequences_are_long(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_BYTES", 5000)
    encoder = Encoder(SPEC)
    with tf.io.TFRecordWriter(str(tmp_path / "a.gz"), "GZIP") as writer:
        for length in (1, 1000, 1, 1):
            writer.write(encoder.encode({"words": ["w"] * length, "times": [WIDE] * length}))
    read(
        f"{tmp_path}/*",
        None,
        lambda batches: np.testing.assert_array_equal([len(batch) for batch in batches], [2, 2]),
    )
