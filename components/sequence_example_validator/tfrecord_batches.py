"""Reads TFRecord files of Examples artifacts, plain or gzip, in batches of records."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tfx.dsl.io import fileio

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.records.tfrecords import read_tfrecords

# Enough records that what a batch costs by itself does not matter, and few enough to be held in memory.
_BATCH_SIZE = 512

# Records are read some bytes at a time, which takes long if each read goes to the `GzipFile` itself.
_BUFFER_BYTES = 1 << 20

_GZIP_MAGIC = b"\x1f\x8b"


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yields the serialized records of a file, plain or gzip, in batches of a few hundred.

    Raises:
      BadRecordError: if the file is cut off or damaged; the records before the damage are yielded first.
    """
    records: list[bytes] = []
    position = 0
    try:
        for record in _read_records(path):
            if isinstance(record, Reject):
                raise ValueError(record.message)
            records.append(record)
            if len(records) == _BATCH_SIZE:
                position += _BATCH_SIZE
                yield records
                records = []
    except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        if records:
            yield records
        raise _make_error(path, position + len(records), error) from None
    if records:
        yield records


def _read_records(path: str) -> Iterator[bytes | Reject]:
    with fileio.open(path, "rb") as raw:
        # By content, not by name: other components write gzip without `.gz`.
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        file: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER_BYTES) if is_gzip else raw
        yield from read_tfrecords(file)


def _make_error(path: str, record: int, error: Exception) -> BadRecordError:
    message = f"the file is cut off or damaged after {record} records: {error}"
    return bad_record(Reason.UNDECODABLE, message, file=path, record=record)
