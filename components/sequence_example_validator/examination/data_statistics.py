"""TFDV's statistics of files of SequenceExamples, also where some records cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.compat.record_batches import merge_record_batches
from tfx_sequence.components.compat.statistics import BatchStatistics, is_type_disagreement
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.checks.arrow_columns import read_column
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Feature
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

_TOGETHER = 16 << 20
"""Bytes of records, decoded, that are counted together."""

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
    statistics = BatchStatistics(options)
    try:
        for batch in _merged(batch for path in paths for batch in _good_batches(path, features)):
            statistics.add(batch)
    except (RuntimeError, TypeError) as error:
        if not is_type_disagreement(error):
            raise
        raise SchemaError(
            f"the records do not agree on the types of their features ({error}); give a schema, and those that do "
            "not keep it are named"
        ) from error
    return statistics.extract()


def _merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches made larger: a generator's work is the same for a batch of any size."""
    some: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        some.append(batch)
        size += batch.nbytes
        if size > _TOGETHER:
            yield merge_record_batches(some)
            some, size = [], 0
    if some:
        yield merge_record_batches(some)


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
    return all(
        read_column(batch, name, feature.context).dtype in (feature.dtype, None) for name, feature in features.items()
    )
