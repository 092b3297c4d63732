"""Computes TFDV's statistics of files of SequenceExamples, also where some records cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.compat.record_batches import merge_record_batches
from tfx_sequence.components.compat.statistics import BatchStatistics, is_type_disagreement
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.checks.arrow_columns import read_column
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Feature
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError


def compute_statistics(
    paths: Sequence[str], schema: Schema | None, batch_bytes: int = 16 << 20
) -> DatasetFeatureStatisticsList:
    """Computes what StatisticsGen computes, of all records that can be read and have the schema's types.

    StatisticsGen fails at a record that cannot be read; a tool that looks for such records must not.

    Args:
      paths: TFRecord files.
      schema: What the records should be, if that is known.
      batch_bytes: Bytes of decoded records that are counted together. Less takes less memory and more time; the
        statistics are the same.

    Raises:
      SchemaError: if there is no schema, and the records do not agree on the types of their features.
    """
    features = from_schema(schema).features if schema else {}
    statistics = BatchStatistics(tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True))
    good_batches = (batch for path in paths for batch in _read_good_batches(path, features))
    try:
        for batch in _merge_small_batches(good_batches, batch_bytes):
            statistics.add(batch)
    except (RuntimeError, TypeError) as error:
        if not is_type_disagreement(error):
            raise
        raise SchemaError(
            f"the records do not agree on the types of their features ({error}); give a schema, and those that do "
            "not keep it are named"
        ) from error
    return statistics.extract()


def _merge_small_batches(batches: Iterable[pa.RecordBatch], batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Merges batches until they are large, since a generator of statistics works as long for a small batch."""
    pending: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        pending.append(batch)
        size += batch.nbytes
        if size > batch_bytes:
            yield merge_record_batches(pending)
            pending, size = [], 0
    if pending:
        yield merge_record_batches(pending)


def _read_good_batches(path: str, features: Mapping[str, Feature]) -> Iterator[pa.RecordBatch]:
    """Reads the records of a file that can be decoded, and whose features have their types."""
    decoder = BatchDecoder()
    try:
        for records in read_batches(path):
            for _, decoded in decoder.decode(records):
                if not isinstance(decoded, Reject) and _has_types(decoded, features):
                    yield decoded
    except BadRecordError:
        return  # The rest of a damaged file cannot be read; the record checks report it.


def _has_types(batch: pa.RecordBatch, features: Mapping[str, Feature]) -> bool:
    for name, feature in features.items():
        # None is the type of a column without values, which goes with any type.
        if read_column(batch, name, feature.context).dtype not in (feature.dtype, None):
            return False
    return True
