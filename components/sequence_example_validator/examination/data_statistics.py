"""TFDV's statistics of files of SequenceExamples, also where some records cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.arrow import table_util

from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.checks.arrow_columns import read_column
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.structure import has_type
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Feature
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

_TOGETHER = 16 << 20
"""Bytes of records, decoded, that are counted together."""

# How TFDV says that one feature is of two types: in a batch, and in two.
_DISAGREEMENT = ("incompatible type", "the type of feature")

_Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def compute_statistics(paths: Sequence[str], schema: schema_pb2.Schema | None) -> _Statistics:
    """What StatisticsGen computes, of all records that can be read and are of the schema's types.

    StatisticsGen fails at a record that cannot be read; a tool that looks for such records must not. And Beam takes
    seconds, however few records there are: TFDV's generators, which are made for merging, are used as they are.

    Args:
      paths: TFRecord files.
      schema: What the records should be, if that is known.

    Raises:
      SchemaError: if there is no schema, and the records do not agree on the types of their features.
    """
    features = from_schema(schema).features if schema else {}
    options = tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True)
    generators = stats_impl.get_generators(options, in_memory=True)
    total: list[Any] = []
    try:
        for batch in _merged(batch for path in paths for batch in _good_batches(path, features)):
            part = stats_impl.generate_partial_statistics_in_memory(batch, options, generators)
            both = zip(generators, zip(total, part, strict=True), strict=True) if total else ()
            total = [generator.merge_accumulators(pair) for generator, pair in both] or part
    except (RuntimeError, TypeError) as error:
        if not any(words in str(error) for words in _DISAGREEMENT):
            raise
        raise SchemaError(
            f"the records do not agree on the types of their features ({error}); give a schema, and those that do "
            "not keep it are named"
        ) from error
    if not total:  # What StatisticsGen makes of a split without records.
        return _Statistics(datasets=[statistics_pb2.DatasetFeatureStatistics()])
    return stats_impl.extract_statistics_output(total, generators)


def _merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches made larger: a generator's work is the same for a batch of any size."""
    some: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        some.append(batch)
        size += batch.nbytes
        if size > _TOGETHER:
            yield table_util.MergeRecordBatches(some)
            some, size = [], 0
    if some:
        yield table_util.MergeRecordBatches(some)


def _good_batches(path: str, features: Mapping[str, Feature]) -> Iterator[pa.RecordBatch]:
    """The records of a file that can be read, and whose features have their types."""
    decoder = BatchDecoder()
    try:
        for records in read_batches(path):
            for _, decoded in decoder.decode(records):
                if not isinstance(decoded, Reject) and _is_good(decoded, features):
                    yield decoded
    except BadRecordError:
        return  # The rest of a damaged file; the record checks say so.


def _is_good(batch: pa.RecordBatch, features: Mapping[str, Feature]) -> bool:
    return all(has_type(feature, read_column(batch, name, feature.context)) for name, feature in features.items())
