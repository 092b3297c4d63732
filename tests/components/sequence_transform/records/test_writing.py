"""Files of transformed RecordBatches, against those that Beam writes of the same records one by one."""

from __future__ import annotations

import apache_beam as beam
import pyarrow as pa
import pytest
import tensorflow as tf
from apache_beam.testing.test_pipeline import TestPipeline

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout, encode
from tfx_sequence.components.sequence_transform.records.writing import WriteSequenceExamples

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
LAYOUT = SequenceLayout(context=("key",), sequence={"ids": 1})
ROWS = [[{"key": [b"a"], "ids": [1, 300, 2]}, {"key": [b"b"], "ids": []}], [], [{"key": [b"c"], "ids": [7]}]]
SCHEMA = pa.schema({"key": pa.large_list(pa.large_binary()), "ids": pa.large_list(pa.int64())})


def batches():
    return [
        pa.RecordBatch.from_arrays([pa.array([row[f.name] for row in rows], f.type) for f in SCHEMA], schema=SCHEMA)
        for rows in ROWS
    ]


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("given", [batches(), batches()[1:2]], ids=["rows", "no row"])
def test_files_are_those_that_beam_writes_of_single_records(tmp_path, given):
    for name, write in (
        ("ours", WriteSequenceExamples(LAYOUT, f"{tmp_path}/ours/data")),
        (
            "beam",
            beam.FlatMap(encode, LAYOUT) | beam.io.WriteToTFRecord(f"{tmp_path}/beam/data", file_name_suffix=".gz"),
        ),
    ):
        (tmp_path / name).mkdir()
        with TestPipeline(RUNNER) as pipeline:
            _ = pipeline | beam.Create(given, reshuffle=False) | write
    ours, theirs = contents(tmp_path / "ours"), contents(tmp_path / "beam")
    assert list(ours) == ["data-00000-of-00001.gz"]
    assert list(theirs) == list(ours)
    read = [
        list(tf.data.TFRecordDataset(f"{tmp_path}/{name}/data-00000-of-00001.gz", "GZIP").as_numpy_iterator())
        for name in ("ours", "beam")
    ]
    assert read[0] == read[1] == [record for batch in given for record in encode(batch, LAYOUT)]
