"""TFRecord files, written so that equal records give equal bytes and no file is ever half there.

The format is, for each record: length as uint64, CRC of the length, data, CRC of the data, little-endian
(https://www.tensorflow.org/tutorials/load_data/tfrecord).
"""

from __future__ import annotations

import functools
import struct
import uuid
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c

from tfx_sequence.components.sequence_example_gen import storage
from tfx_sequence.schemas.records import Reason, Reject

HEADER_SIZE = 12
"""Bytes before a record's data."""

FOOTER_SIZE = 4
"""Bytes after a record's data."""

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_GZIP = 16 + zlib.MAX_WBITS
_CHUNK = 1 << 18


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
        data, footer = stream.read(length), stream.read(FOOTER_SIZE)
        if len(data) < length or len(footer) < FOOTER_SIZE:
            yield _damaged(f"the file ends within a record of {length} bytes", offset)
            return
        yield data if footer == _masked_crc(data) else _damaged(f"the checksum of {length} bytes is wrong", offset)
        offset += HEADER_SIZE + length + FOOTER_SIZE


def write_tfrecords(path: str, frames: Iterable[bytes], staging: str, compression_level: int) -> int:
    """Writes a gzip file of frames: under another name first, and renamed when it is whole.

    The gzip header has no time and no name in it.

    Args:
      path: The file to be.
      frames: Records that `frame` made.
      staging: A folder on the same filesystem.
      compression_level: 0 to 9.

    Returns:
      The number of records.
    """
    hidden = storage.join(staging, uuid.uuid4().hex)
    count = 0
    compressor = zlib.compressobj(compression_level, zlib.DEFLATED, _GZIP)
    with storage.create_file(hidden) as stream:
        chunk: list[bytes] = []
        size = 0
        for data in frames:
            chunk.append(data)
            count += 1
            size += len(data)
            if size >= _CHUNK:
                stream.write(compressor.compress(b"".join(chunk)))
                chunk, size = [], 0
        stream.write(compressor.compress(b"".join(chunk)))
        stream.write(compressor.flush())
    storage.rename(hidden, path)
    return count


def _damaged(message: str, offset: int) -> Reject:
    return Reject(reason=Reason.UNDECODABLE, message=f"{message}; is this a TFRecord file?", offset=offset)


@functools.lru_cache(maxsize=1 << 16)
def _header(length: int) -> bytes:
    packed = _LENGTH.pack(length)
    return packed + _masked_crc(packed)


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return _CRC.pack(((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
