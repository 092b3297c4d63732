"""The records of a TFRecord file.

Read here and not by tf.data, which takes longer to hand one record to Python than all checks of it take, and which
gives up the whole batch that a damaged record is in.

The format is, for each record: length as uint64, CRC of the length, data, CRC of the data, little-endian
(https://www.tensorflow.org/tutorials/load_data/tfrecord).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from tfx_sequence.schemas.records.rejects import Reason, Reject

HEADER_SIZE = 12
"""Bytes before a record's data."""

FOOTER_SIZE = 4
"""Bytes after a record's data."""

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")


def frame(data: bytes) -> bytes:
    """A record as it stands in a TFRecord file."""
    return _header(len(data)) + data + _masked_crc(data)


def unframe(framed: bytes) -> bytes:
    """The data of what `frame` made."""
    return framed[HEADER_SIZE:-FOOTER_SIZE]


def frame_length(header: bytes) -> int:
    """The number of bytes of data that follow a header."""
    length: int = _LENGTH.unpack_from(header)[0]
    return length


def read_tfrecords(stream: BinaryIO) -> Iterator[bytes | Reject]:
    """The records of a TFRecord stream; a reject for each whose data is damaged, and one where reading must end."""
    offset = 0
    while header := stream.read(HEADER_SIZE):
        if len(header) < HEADER_SIZE or header != _header(length := frame_length(header)):
            yield _damaged("the header of a record is damaged", offset)
            return
        rest = stream.read(length + FOOTER_SIZE)
        if len(rest) < length + FOOTER_SIZE:
            yield _damaged(f"the file ends within a record of {length} bytes", offset)
            return
        data = rest[:length]
        whole = rest[length:] == _masked_crc(data)
        yield data if whole else _damaged(f"the checksum of {length} bytes is wrong", offset)
        offset += HEADER_SIZE + length + FOOTER_SIZE


def _damaged(message: str, offset: int) -> Reject:
    return Reject(reason=Reason.UNDECODABLE, message=f"{message}; is this a TFRecord file?", offset=offset)


@functools.lru_cache(maxsize=1 << 16)
def _header(length: int) -> bytes:
    packed = _LENGTH.pack(length)
    return packed + _masked_crc(packed)


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
