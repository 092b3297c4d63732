"""RecordBatches between Beam's stages."""

from __future__ import annotations

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_data_validation as tfdv  # noqa: F401  It registers a coder for RecordBatches.
from apache_beam.coders.typecoders import registry as coders
from apache_beam.runners.pipeline_context import PipelineContext
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that, equal_to

from tfx_sequence.components.sequence_transform.records.batch_coder import CompressedBatchCoder, compress_batches

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
ROWS = [[{"a": [[b"x", b""], []], "b": None}], [], [{"a": None, "b": [1.5, None]}]]
NESTED = pa.large_list(
    pa.struct({"a": pa.large_list(pa.large_list(pa.large_binary())), "b": pa.large_list(pa.float32())})
)


@pytest.fixture(scope="module")
def batch():
    """Nested lists, nulls, an empty column."""
    return pa.RecordBatch.from_arrays([pa.array(ROWS, NESTED), pa.nulls(3)], names=["##SEQUENCE##", "nothing"])


@pytest.fixture(scope="module")
def theirs():
    return coders.get_coder(pa.RecordBatch)


def test_coder_decodes_what_it_encoded(batch):
    coder = CompressedBatchCoder()
    for given in (batch, batch.slice(1, 1), batch.slice(0, 0)):
        assert coder.decode(coder.encode(given)).equals(given)


def test_either_coder_reads_what_the_other_wrote(batch, theirs):
    ours = CompressedBatchCoder()
    assert theirs.decode(ours.encode(batch)).equals(batch)
    assert ours.decode(theirs.encode(batch)).equals(batch)


def test_coder_writes_fewer_bytes_than_tfdvs_of_small_numbers(theirs):
    ids = pa.LargeListArray.from_arrays(np.arange(0, 10_001, 10), np.arange(10_000) % 50)
    batch = pa.RecordBatch.from_arrays([ids], names=["ids"])
    coder = CompressedBatchCoder()
    assert len(coder.encode(batch)) < len(theirs.encode(batch)) / 5
    assert coder.estimate_size(batch) == batch.nbytes


def test_beams_coder_is_put_back_even_after_an_error(theirs):
    def fail():
        with compress_batches():
            assert type(coders.get_coder(pa.RecordBatch)) is CompressedBatchCoder
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert type(coders.get_coder(pa.RecordBatch)) is type(theirs)


def test_a_pipeline_carries_the_coder_with_it(batch, theirs):
    """A worker has TFDV's coder registered, or none: what it decodes with comes from the pipeline's description."""
    with compress_batches():
        pipeline = TestPipeline(RUNNER)
        _ = pipeline | beam.Create([1]) | "Batch" >> beam.Map(lambda _: batch).with_output_types(pa.RecordBatch)
        components = pipeline.to_runner_api().components
    (made,) = [part for part in components.transforms.values() if part.unique_name == "Batch"]
    coder_id = components.pcollections[next(iter(made.outputs.values()))].coder_id
    coder = PipelineContext(components).coders[coder_id]
    assert type(coder) is CompressedBatchCoder
    assert type(coders.get_coder(pa.RecordBatch)) is type(theirs)


def test_batches_cross_a_flatten(batch):
    with compress_batches(), TestPipeline(RUNNER) as pipeline:
        parts = [
            pipeline
            | f"Create{number}" >> beam.Create([number])
            | f"Batch{number}" >> beam.Map(lambda _, given: given, batch).with_output_types(pa.RecordBatch)
            for number in range(2)
        ]
        flat = parts | beam.Flatten() | beam.Map(lambda got: got.to_pydict())
        assert_that(flat, equal_to([batch.to_pydict()] * 2))
