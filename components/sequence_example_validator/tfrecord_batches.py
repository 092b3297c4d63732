"""Reads TFRecord files, plain or compressed with gzip, in batches of serialized records."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tfx.dsl.io import fileio

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.records.tfrecords import read_tfrecords

# The batch is large enough that the fixed cost per batch is negligible, and small enough for the memory.
_BATCH_SIZE = 512

# Records are read in many small reads. These are slow without a buffer between the reader and the `GzipFile`.
_BUFFER_BYTES = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yields the serialized records of a file in batches of a few hundred records.

    Raises:
      BadRecordError: if the file is cut off or damaged. The records before the damage are yielded first.
    """
    records: list[bytes] = []
    num_yielded = 0
    try:
        for record in _read_records(path):
            if isinstance(record, Reject):
                raise ValueError(record.message)
            records.append(record)
            if len(records) == _BATCH_SIZE:
                num_yielded += _BATCH_SIZE
                yield records
                records = []
    except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        # These records precede the damage.
        if records:
            yield records
        raise _make_error(path, num_yielded + len(records), error) from None
    if records:
        yield records


def _read_records(path: str) -> Iterator[bytes | Reject]:
    """Yields the records of a file, and a reject for each record whose checksum is wrong."""
    with fileio.open(path, "rb") as raw:
        # The name of a file does not say whether it is compressed: some components write gzip without `.gz`.
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        file: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER_BYTES) if is_gzip else raw
        yield from read_tfrecords(file)


def _make_error(path: str, num_good_records: int, error: Exception) -> BadRecordError:
    message = f"the file is cut off or damaged after {num_good_records} records: {error}"
    # Positions start at 0, so this is also the position of the first damaged record.
    return bad_record(Reason.UNDECODABLE, message, file=path, record=num_good_records)
