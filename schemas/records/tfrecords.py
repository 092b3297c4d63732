"""Reads the records of TFRecord files, and makes the frames that such files consist of.

This module does not use tf.data, for two reasons. tf.data needs more time to pass one record to Python than all checks
of the record need. It also fails for a whole batch if one record is damaged.

A file is a series of frames. Numbers are little-endian (https://www.tensorflow.org/tutorials/load_data/tfrecord)::

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
"""The number of bytes in a frame before the data."""

FOOTER_SIZE = 4
"""The number of bytes in a frame after the data."""

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")


def frame(data: bytes) -> bytes:
    """Returns a record in its frame."""
    return _make_header(len(data)) + data + _compute_masked_crc(data)


def unframe(framed: bytes) -> bytes:
    """Returns the record without its frame."""
    return framed[HEADER_SIZE:-FOOTER_SIZE]


def read_frame_length(header: bytes) -> int:
    """Returns the number of bytes of data that follow a header."""
    length: int = _LENGTH.unpack_from(header)[0]
    return length


def read_tfrecords(stream: BinaryIO) -> Iterator[bytes | Reject]:
    """Yields the records of a TFRecord stream, and a reject for each damaged record.

    Reading continues after a record with damaged data. Reading stops after a damaged header, or if the file ends within
    a record, because the position of the next record is then unknown.

    Args:
      stream: The decompressed content of a TFRecord file.

    Yields:
      A serialized record, or a reject with the offset of the record in the stream.
    """
    offset = 0
    while header := stream.read(HEADER_SIZE):
        if not _is_valid_header(header):
            yield _make_reject("the header of a record is damaged", offset)
            return
        length = read_frame_length(header)
        data_and_footer = stream.read(length + FOOTER_SIZE)
        if len(data_and_footer) < length + FOOTER_SIZE:
            yield _make_reject(f"the file ends within a record of {length} bytes", offset)
            return
        data, footer = data_and_footer[:length], data_and_footer[length:]
        if footer == _compute_masked_crc(data):
            yield data
        else:
            yield _make_reject(f"the checksum of {length} bytes is wrong", offset)
        offset += HEADER_SIZE + length + FOOTER_SIZE


def _is_valid_header(header: bytes) -> bool:
    """Returns whether a header is complete and has the right CRC."""
    return len(header) == HEADER_SIZE and header == _make_header(read_frame_length(header))


def _make_reject(message: str, offset: int) -> Reject:
    """Makes the reject of a damaged record."""
    return Reject(reason=Reason.UNDECODABLE, message=f"{message}; is this a TFRecord file?", offset=offset)


# Many records of a file have the same length, so headers are cached. The cache needs no more than about 10 MB.
@functools.lru_cache(maxsize=1 << 16)
def _make_header(length: int) -> bytes:
    """Returns the header of a record with `length` bytes of data."""
    packed = _LENGTH.pack(length)
    return packed + _compute_masked_crc(packed)


def _compute_masked_crc(data: bytes) -> bytes:
    """Returns the masked CRC that the format requires: the CRC rotated by 15 bits, plus a constant."""
    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
