"""Reads TFRecord files of SequenceExamples into RecordBatches, many records at a time.

Stock's reader passes every record alone through half a dozen of Beam's steps before it is put into a batch with others,
which takes longer for small records than all the rest of reading. Here the records of a file come in batches from the
start. Files are found, divided among workers and opened as `beam.io.ReadFromTFRecord` does it.
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

from tfx_sequence.components.compat.record_batches import SequenceExampleBatchReader, concatenate_sources
from tfx_sequence.components.sequence_transform.records.wide_integers import find_integers, restore_integers
from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

MOST_RECORDS = 1000
"""Records in a batch, as many as tfx_bsl puts there."""

MOST_BYTES = 8 << 20
"""A batch ends with the record that brings it here, so that batches of long sequences take no more memory than others.

1,000 records of the usual length are far below it.
"""

_BUFFER_BYTES = 1 << 20


class SequenceRecord(SequenceExampleBatchReader):
    """A reader of SequenceExamples from TFRecord files, in batches and with all 64 bits of integers.

    This holds for `BeamSource`, all that Transform reads by; the methods for single records are stock's. Of stock's
    Beam metrics those of RecordBatches are kept, and those of single records are not: nothing looks at one.
    """

    def BeamSource(self, batch_size: int | None = None) -> beam.PTransform:
        """Makes the transform that reads the RecordBatches of all files.

        Args:
          batch_size: The number of records in a batch; if None, up to `MOST_RECORDS` records or `MOST_BYTES` bytes.
        """
        limits = (MOST_RECORDS, MOST_BYTES) if batch_size is None else (batch_size, None)
        # One source for all patterns, as Beam's own runner would keep in memory all that goes into a Flatten.
        source = concatenate_sources([BatchSource(pattern, *limits) for pattern in self.file_patterns])
        return (
            beam.io.Read(source).with_output_types(list[bytes])
            | "Decode" >> beam.ParDo(_Decode(self.schema.SerializeToString())).with_output_types(pa.RecordBatch)
            | "Profile" >> self.count_batches()
        )


class BatchSource(filebasedsource.FileBasedSource):
    """A Beam source of TFRecord files whose elements are lists of records.

    Args:
      file_pattern: The files.
      most_records: See `in_batches`.
      most_bytes: See `in_batches`.
    """

    def __init__(self, file_pattern: str, most_records: int, most_bytes: int | None) -> None:
        super().__init__(file_pattern, splittable=False)
        self._limits = most_records, most_bytes

    def read_records(self, file_name: str, range_tracker: RangeTracker) -> Iterator[list[bytes]]:
        """Yields the records of a file."""
        range_tracker.try_claim(range_tracker.start_position())  # This claims all of the file: it is not splittable.
        return in_batches(read_file(file_name), *self._limits)


class _Decode(beam.DoFn):
    """Decodes lists of SequenceExamples.

    Args:
      schema: A serialized schema: a message cannot be pickled everywhere.
    """

    def __init__(self, schema: bytes) -> None:
        self._schema = schema

    def setup(self) -> None:
        self._decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE, self._schema)
        schema = schema_pb2.Schema.FromString(self._schema)
        has_sequences = any(proto.name == SEQUENCE for proto in schema.feature)
        self._integers = find_integers(schema) if has_sequences else []

    def process(self, records: list[bytes]) -> Iterator[pa.RecordBatch]:
        yield restore_integers(self._decoder.DecodeBatch(records), records, self._integers)


def in_batches(records: Iterable[bytes], most_records: int, most_bytes: int | None) -> Iterator[list[bytes]]:
    """Yields the records in order, in lists that end with the record that reaches a limit, or with the last one."""
    batch: list[bytes] = []
    size = 0
    for record in records:
        batch.append(record)
        size += len(record)
        if len(batch) == most_records or (most_bytes is not None and size >= most_bytes):
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_file(path: str) -> Iterator[bytes]:
    """Yields the records of a TFRecord file on any file system that Beam knows, compressed as its name says.

    Raises:
      BadRecordError: if the file is cut off or damaged, after the records before the damage.
    """
    compression = CompressionTypes.detect_compression_type(path)
    # Beam's own decompression of gzip takes a file that was cut off for one that ends there, and is slower.
    is_gzip = compression == CompressionTypes.GZIP
    opened_as = CompressionTypes.UNCOMPRESSED if is_gzip else compression
    with FileSystems.open(path, compression_type=opened_as) as file:
        stream = io.BufferedReader(gzip.GzipFile(fileobj=file), _BUFFER_BYTES) if is_gzip else file
        try:
            for record in read_tfrecords(stream):
                if isinstance(record, Reject):
                    raise BadRecordError(record.at(file=path))
                yield record
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise bad_record(Reason.UNDECODABLE, f"the file is cut off or damaged: {error}", file=path) from error
