"""Reads TFRecord files of SequenceExamples into RecordBatches, many records at a time.

The stock reader passes each record separately through about six Beam steps before it puts records into batches. For
small records, these steps take longer than the rest of reading. The reader in this module makes batches as soon as it
reads a file. Like `beam.io.ReadFromTFRecord`, it finds files by a pattern, divides files among workers and opens them
on any file system of Beam.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable, Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.io import filebasedsource
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.iobase import RangeTracker
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.dsl.io import fileio

from tfx_sequence.components.compat.record_batches import SequenceExampleBatchReader, concatenate_sources
from tfx_sequence.components.sequence_transform.records.wide_integers import list_integer_features, restore_integers
from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.records.shards import check_shards
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

MAX_RECORDS = 1000
"""The maximum number of records in a batch, as in tfx_bsl."""

MAX_BYTES = 8 << 20
"""A batch ends with the record with which it reaches this number of bytes, so that long sequences need no more memory.

1,000 records of usual length have far fewer bytes.
"""

_BUFFER_BYTES = 1 << 20


class SequenceRecord(SequenceExampleBatchReader):
    """Reads SequenceExamples from TFRecord files in batches, and keeps all 64 bits of integers.

    Only `BeamSource`, the method that Transform uses, differs from the stock reader. The methods for single records are
    unchanged. `BeamSource` reports the stock Beam metrics of RecordBatches, but not those of single records, because it
    does not look at single records.
    """

    def BeamSource(self, batch_size: int | None = None) -> beam.PTransform:
        """Makes the Beam transform that reads the RecordBatches of all files.

        Args:
          batch_size: The number of records in a batch. If None, a batch ends at `MAX_RECORDS` records or `MAX_BYTES`
            bytes.

        Raises:
          IncompleteDataError: if a file of `<name>-00000-of-00040` to `<name>-00039-of-00040` is missing.
        """
        limits = (MAX_RECORDS, MAX_BYTES) if batch_size is None else (batch_size, None)
        for pattern in self.file_patterns:
            check_shards(fileio.glob(pattern))
        # All patterns are joined into one source, because Beam's runner would keep all inputs of a Flatten in memory.
        source = concatenate_sources([BatchSource(pattern, *limits) for pattern in self.file_patterns])
        return (
            beam.io.Read(source).with_output_types(list[bytes])
            | "Decode" >> beam.ParDo(_DecodeRecords(self.schema.SerializeToString())).with_output_types(pa.RecordBatch)
            | "Profile" >> self.count_batches()
        )


class BatchSource(filebasedsource.FileBasedSource):
    """A Beam source that reads TFRecord files and whose elements are lists of records.

    Args:
      file_pattern: The pattern of the files' paths.
      max_records: See `make_batches`.
      max_bytes: See `make_batches`.
    """

    def __init__(self, file_pattern: str, max_records: int, max_bytes: int | None) -> None:
        super().__init__(file_pattern, splittable=False)
        self._max_records = max_records
        self._max_bytes = max_bytes

    def read_records(self, file_name: str, range_tracker: RangeTracker) -> Iterator[list[bytes]]:
        """Yields the records of a file in batches."""
        # Beam requires a claim before reading. As the file is not splittable, this claims the whole file.
        range_tracker.try_claim(range_tracker.start_position())
        return make_batches(read_file(file_name), self._max_records, self._max_bytes)


class _DecodeRecords(beam.DoFn):
    """Decodes lists of SequenceExamples.

    Args:
      schema: A serialized Schema. A Schema message cannot be pickled in all environments.
    """

    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        self._decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE, self._schema)
        schema = schema_pb2.Schema.FromString(self._schema)
        has_sequences = any(proto.name == SEQUENCE for proto in schema.feature)
        self._integer_names = list_integer_features(schema) if has_sequences else []

    def process(self, records: list[bytes]) -> Iterator[pa.RecordBatch]:
        yield restore_integers(self._decoder.DecodeBatch(records), records, self._integer_names)


def make_batches(records: Iterable[bytes], max_records: int, max_bytes: int | None) -> Iterator[list[bytes]]:
    """Divides records into lists and keeps their order.

    Args:
      records: Serialized records.
      max_records: A list ends when it has this number of records.
      max_bytes: A list also ends when its records have this number of bytes or more. No limit if None.

    Yields:
      Lists of records, never empty.
    """
    batch: list[bytes] = []
    batch_bytes = 0
    for record in records:
        batch.append(record)
        batch_bytes += len(record)
        if len(batch) == max_records or (max_bytes is not None and batch_bytes >= max_bytes):
            yield batch
            batch = []
            batch_bytes = 0
    if batch:
        yield batch


def read_file(path: str) -> Iterator[bytes]:
    """Yields the records of a TFRecord file on any file system of Beam.

    The ending of the path determines the compression, as in Beam.

    Raises:
      BadRecordError: if the file is cut off or damaged. The records before the damage are yielded first.
    """
    compression = CompressionTypes.detect_compression_type(path)
    # Gzip is not decompressed by Beam, which is slower and does not notice that a file is cut off.
    is_gzip = compression == CompressionTypes.GZIP
    compression_of_beam = CompressionTypes.UNCOMPRESSED if is_gzip else compression
    with FileSystems.open(path, compression_type=compression_of_beam) as file:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER_BYTES) if is_gzip else file
        try:
            for record in read_tfrecords(stream):
                if isinstance(record, Reject):
                    raise BadRecordError(record.at(file=path))
                yield record
        except (DamagedFileError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise bad_record(Reason.UNDECODABLE, f"the file is cut off or damaged: {error}", file=path) from error
