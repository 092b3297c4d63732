"""Reads TFRecord files, and frames records for them.

tf.data is not used: it takes longer to hand one record to Python than all checks of the record take, and it gives up
the whole batch that holds a damaged record.

A file is one frame after another, in little-endian (https://www.tensorflow.org/tutorials/load_data/tfrecord)::

    length of the data   CRC of the length   data           CRC of the data
    8 bytes              4 bytes             length bytes   4 bytes
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterator
from typing import BinaryIO

import google_crc32c

from tfx_sequence.schemas.records.rejects import Reason, Reject

HEADER_SIZE = 12
"""The bytes of a frame before its data."""

FOOTER_SIZE = 4
"""The bytes of a frame after its data."""

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")


def frame(data: bytes) -> bytes:
    """Returns the frame of a record."""
    return _make_header(len(data)) + data + _masked_crc(data)


def unframe(framed: bytes) -> bytes:
    """Returns the record in a frame."""
    return framed[HEADER_SIZE:-FOOTER_SIZE]


def frame_length(header: bytes) -> int:
    """Reads from a header how many bytes of data follow it."""
    length: int = _LENGTH.unpack_from(header)[0]
    return length


def read_tfrecords(stream: BinaryIO) -> Iterator[bytes | Reject]:
    """Yields the records of a TFRecord stream.

    A record whose data is damaged gives a reject. So does a damaged header, or the end of the file within a record:
    where the next record would begin is not known then, and reading ends.
    """
    offset = 0
    while header := stream.read(HEADER_SIZE):
        if len(header) < HEADER_SIZE or header != _make_header(length := frame_length(header)):
            yield _make_reject("the header of a record is damaged", offset)
            return
        rest = stream.read(length + FOOTER_SIZE)
        if len(rest) < length + FOOTER_SIZE:
            yield _make_reject(f"the file ends within a record of {length} bytes", offset)
            return
        data = rest[:length]
        whole = rest[length:] == _masked_crc(data)
        yield data if whole else _make_reject(f"the checksum of {length} bytes is wrong", offset)
        offset += HEADER_SIZE + length + FOOTER_SIZE


def _make_reject(message: str, offset: int) -> Reject:
    return Reject(reason=Reason.UNDECODABLE, message=f"{message}; is this a TFRecord file?", offset=offset)


# Many records of a file have one length, and the cache makes their header once. It takes about 10 MB at most.
@functools.lru_cache(maxsize=1 << 16)
def _make_header(length: int) -> bytes:
    packed = _LENGTH.pack(length)
    return packed + _masked_crc(packed)


def _masked_crc(data: bytes) -> bytes:
    """Returns the CRC as the format has it: rotated by 15 bits, plus a constant."""
    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
