"""TFRecord files of the artifact's kind, plain or gzip, batch by batch."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tfx.dsl.io import fileio

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.records.tfrecords import read_tfrecords

_BATCH = 512
_BUFFER = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yields the serialized records of a file, plain or gzip, a few hundred at a time.

    Raises:
      BadRecordError: if the file is cut off or damaged, after the records before the damage were given.
    """
    records: list[bytes] = []
    position = 0
    try:
        for record in _read(path):
            if isinstance(record, Reject):
                raise ValueError(record.message)
            records.append(record)
            if len(records) == _BATCH:
                position += _BATCH
                yield records
                records = []
    except (EOFError, ValueError, gzip.BadGzipFile, zlib.error) as error:
        if records:
            yield records
        raise _damaged(path, position + len(records), error) from None
    if records:
        yield records


def _read(path: str) -> Iterator[bytes | Reject]:
    with fileio.open(path, "rb") as raw:
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        file: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER) if is_gzip else raw
        yield from read_tfrecords(file)


def _damaged(path: str, record: int, error: Exception) -> BadRecordError:
    message = f"the file is cut off or damaged after {record} records: {error}"
    return bad_record(Reason.UNDECODABLE, message, file=path, record=record)
