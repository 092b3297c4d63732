"""Writes TFRecord files so that equal records give equal bytes and no file is ever half there."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable

from tfx_sequence.components.sequence_example_gen.files import file_system

_GZIP = 16 + zlib.MAX_WBITS
"""The window size that zlib takes for its largest window, within the header and trailer of gzip."""

_CHUNK_BYTES = 1 << 18
"""Frames are compressed a chunk at a time, because a call for each costs more than its compression."""


def write_tfrecords(path: str, frames: Iterable[bytes], staging: str, compression_level: int) -> int:
    """Writes a gzip file of frames: under another name first, and renamed when it is whole.

    The gzip header has no time and no name in it.

    Args:
      path: The file to be.
      frames: Records that `frame` made.
      staging: A folder on the same file system.
      compression_level: 0 to 9.

    Returns:
      The number of records.
    """
    hidden = file_system.join(staging, uuid.uuid4().hex)
    count = 0
    compressor = zlib.compressobj(compression_level, zlib.DEFLATED, _GZIP)
    with file_system.create_file(hidden) as stream:
        chunk: list[bytes] = []
        size = 0
        for data in frames:
            chunk.append(data)
            count += 1
            size += len(data)
            if size >= _CHUNK_BYTES:
                stream.write(compressor.compress(b"".join(chunk)))
                chunk, size = [], 0
        stream.write(compressor.compress(b"".join(chunk)))
        stream.write(compressor.flush())
    file_system.rename(hidden, path)
    return count
