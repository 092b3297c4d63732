"""TFDV's statistics of files of SequenceExamples, also where some records cannot be read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import apache_beam as beam
import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.arrow import table_util

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas import tfmd
from tfx_sequence.schemas.columns import read_column
from tfx_sequence.schemas.decoding import BatchDecoder
from tfx_sequence.schemas.records import BadRecordError, Reject
from tfx_sequence.schemas.structure_checks import has_type

_IN_MEMORY = 32 << 20
"""The most bytes of records, decoded, that are taken together: Beam takes seconds, however few there are."""

_OPTIONS = tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True)

_Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def compute_statistics(
    paths: Sequence[str], schema: schema_pb2.Schema | None, make_pipeline: Callable[[], AbstractContextManager[Any]]
) -> _Statistics:
    """What StatisticsGen computes, of all records that can be read and are of the schema's types.

    StatisticsGen fails at a record that cannot be read; a tool that looks for such records must not.

    Args:
      paths: TFRecord files.
      schema: What the records should be, if that is known.
      make_pipeline: Makes the Beam pipeline to run, if there is much data.

    Raises:
      SchemaError: if there is no schema, and the records do not agree on the types of their features.
    """
    of = schema.SerializeToString() if schema else None
    try:
        batches = _few(paths, _ReadGood(of))
        return _with_beam(paths, _ReadGood(of), make_pipeline) if batches is None else _at_once(batches)
    except RuntimeError as error:
        if "incompatible type" not in str(error):
            raise
        raise tfmd.SchemaError(
            f"the records do not agree on the types of their features ({error}); give a schema, and those that do "
            "not keep it are named"
        ) from error


def _few(paths: Sequence[str], read: _ReadGood) -> list[pa.RecordBatch] | None:
    """All batches, unless they are more than can be taken together."""
    read.setup()
    batches, size = [], 0
    for batch in (batch for path in paths for batch in read.process(path)):
        batches.append(batch)
        size += batch.nbytes
        if size > _IN_MEMORY:
            return None
    return batches


def _at_once(batches: Sequence[pa.RecordBatch]) -> _Statistics:
    if not batches:
        return _Statistics(datasets=[statistics_pb2.DatasetFeatureStatistics()])
    return stats_impl.generate_statistics_in_memory(table_util.MergeRecordBatches(batches), _OPTIONS)


def _with_beam(
    paths: Sequence[str], read: _ReadGood, make_pipeline: Callable[[], AbstractContextManager[Any]]
) -> _Statistics:
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "statistics.pb")
        with make_pipeline() as pipeline:
            _ = (
                pipeline
                | beam.Create(list(paths))
                | beam.Reshuffle()
                | beam.ParDo(read)
                | tfdv.GenerateStatistics(_OPTIONS)
                | tfdv.WriteStatisticsToBinaryFile(output)
            )
        return tfdv.load_stats_binary(output)


class _ReadGood(beam.DoFn):
    """Files to batches of what can be read and is of the right type."""

    def __init__(self, schema: bytes | None) -> None:
        self._schema = schema

    def setup(self) -> None:
        schema = schema_pb2.Schema.FromString(self._schema) if self._schema else None
        self._features = tfmd.from_schema(schema).features if schema else {}
        self._decoder = BatchDecoder()

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        try:
            for records in read_batches(path):
                for _, decoded in self._decoder.decode(records):
                    if not isinstance(decoded, Reject) and self._is_good(decoded):
                        yield decoded
        except BadRecordError:
            return  # The rest of a damaged file; the record checks say so.

    def _is_good(self, batch: pa.RecordBatch) -> bool:
        return all(
            has_type(feature, read_column(batch, name, feature.context)) for name, feature in self._features.items()
        )
