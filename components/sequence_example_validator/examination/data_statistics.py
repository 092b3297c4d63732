"""Computes TFDV's statistics of files of SequenceExamples, even if some records cannot be read."""

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
    """Computes the statistics of all records that can be read and whose features have the types of the schema.

    The statistics are the same as those of StatisticsGen. StatisticsGen fails if a record cannot be read, but this
    function ignores such records, because `examine` must find and report them.

    Args:
      paths: The paths of the TFRecord files.
      schema: The schema of the records. If None, records of all types are included.
      batch_bytes: The approximate number of bytes of decoded records to process together. A smaller number needs less
        memory and more time. The statistics do not depend on it.

    Raises:
      SchemaError: if there is no schema, and a feature has different types in different records.
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
            f"the records do not agree on the types of their features ({error}); give a schema, and the records that "
            "do not match it are reported"
        ) from error
    return statistics.extract()


def _merge_small_batches(batches: Iterable[pa.RecordBatch], batch_bytes: int) -> Iterator[pa.RecordBatch]:
    """Merges batches until they have `batch_bytes`, because TFDV needs nearly the same time for a small batch."""
    small_batches: list[pa.RecordBatch] = []
    total_bytes = 0
    for batch in batches:
        small_batches.append(batch)
        total_bytes += batch.nbytes
        if total_bytes > batch_bytes:
            yield merge_record_batches(small_batches)
            small_batches = []
            total_bytes = 0
    if small_batches:
        yield merge_record_batches(small_batches)


def _read_good_batches(path: str, features: Mapping[str, Feature]) -> Iterator[pa.RecordBatch]:
    """Yields the records of a file that can be decoded and whose features have the types of the schema."""
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
        # The type of a column without values is None. It is compatible with any type.
        if read_column(batch, name, feature.context).dtype not in (feature.dtype, None):
            return False
    return True
