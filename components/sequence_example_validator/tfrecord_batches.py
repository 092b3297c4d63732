"""TFRecord files, batch by batch.

Read here and not by tf.data, which takes longer to hand one record to Python than all checks of it take, and which
gives up the whole batch that a damaged record is in.

A record in the file (https://www.tensorflow.org/tutorials/load_data/tfrecord): its length as uint64, a checksum of
that as uint32, its bytes, a checksum of these as uint32; little-endian, CRC-32C, masked.
"""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c
from tfx.dsl.io import fileio

from tfx_sequence.schemas.records import BadRecordError, Reason, bad_record

_BATCH = 512
_BUFFER = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_HEADER = struct.Struct("<QI")
_CHECKSUM = struct.Struct("<I")


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yields the serialized records of a file, plain or gzip, a few hundred at a time.

    Raises:
      BadRecordError: if the file is cut off or damaged, after the records before the damage were given.
    """
    records: list[bytes] = []
    position = 0
    try:
        for record in _read(path):
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


def _read(path: str) -> Iterator[bytes]:
    with fileio.open(path, "rb") as raw:
        is_gzip = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        file: BinaryIO = io.BufferedReader(gzip.GzipFile(fileobj=raw), _BUFFER) if is_gzip else raw
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                raise ValueError("it ends within a record")
            length, checksum = _HEADER.unpack(header)
            if _masked(header[:8]) != checksum:
                raise ValueError("the checksum of a record's length is wrong")
            record = file.read(length + _CHECKSUM.size)
            if len(record) < length + _CHECKSUM.size:
                raise ValueError("it ends within a record")
            data = record[:length]
            if _masked(data) != _CHECKSUM.unpack(record[length:])[0]:
                raise ValueError("the checksum of a record is wrong")
            yield data


def _masked(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _damaged(path: str, record: int, error: Exception) -> BadRecordError:
    message = f"the file is cut off or damaged after {record} records: {error}"
    return bad_record(Reason.UNDECODABLE, message, file=path, record=record)
