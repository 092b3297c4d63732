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

from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import Reason, Reject

HEADER_SIZE = 12
"""The number of bytes in a frame before the data."""

FOOTER_SIZE = 4
"""The number of bytes in a frame after the data."""

_MAX_LENGTH = (1 << 31) - 1
"""The maximum number of bytes of a record, which is that of any message of Protocol Buffers."""

_PART_BYTES = 1 << 24
"""The number of bytes of a record that are read in one call. A stream may reserve memory for all bytes that it is asked
for, even if the file has fewer."""

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
    """Yields the records of a TFRecord stream, and a reject for each record whose checksum is wrong.

    Args:
      stream: The decompressed content of a TFRecord file.

    Yields:
      A serialized record, or a reject with the offset of the record in the stream.

    Raises:
      DamagedFileError: if a header is damaged, or if the file ends within a record. The position of the next record is
        then unknown.
    """
    offset = 0
    while header := stream.read(HEADER_SIZE):
        if not has_valid_header(header):
            raise DamagedFileError("the header of a record is damaged", offset=offset)
        length = read_frame_length(header)
        if length > _MAX_LENGTH:
            raise DamagedFileError(
                f"a record has {length} bytes, but a SequenceExample has no more than {_MAX_LENGTH}", offset=offset
            )
        data_and_footer = _read_bytes(stream, length + FOOTER_SIZE)
        if len(data_and_footer) < length + FOOTER_SIZE:
            raise DamagedFileError(f"the file ends within a record of {length} bytes", offset=offset)
        data, footer = data_and_footer[:length], data_and_footer[length:]
        if footer == _compute_masked_crc(data):
            yield data
        else:
            message = f"the checksum of {length} bytes is wrong"
            yield Reject(reason=Reason.UNDECODABLE, message=message, offset=offset)
        offset += HEADER_SIZE + length + FOOTER_SIZE


def has_valid_header(data: bytes) -> bool:
    """Returns whether data begins with a complete header that has the right CRC."""
    header = data[:HEADER_SIZE]
    return len(header) == HEADER_SIZE and header == _make_header(read_frame_length(header))


def _read_bytes(stream: BinaryIO, size: int) -> bytes:
    """Reads up to `size` bytes. A size that is larger than the file needs no more memory than the file."""
    if size <= _PART_BYTES:
        return stream.read(size)
    parts = []
    while size and (part := stream.read(min(size, _PART_BYTES))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


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
