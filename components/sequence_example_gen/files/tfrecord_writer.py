"""Writes compressed TFRecord files, so that equal records result in equal bytes and no incomplete file is seen."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable

from tfx_sequence.components.sequence_example_gen.files import file_system

_GZIP = 16 + zlib.MAX_WBITS
"""The `wbits` argument of zlib for its largest window. Adding 16 selects the header and trailer of gzip."""

_CHUNK_BYTES = 1 << 18
"""The minimum number of bytes that are compressed in one call. A call per frame would cost more than its
compression."""


def write_tfrecords(path: str, frames: Iterable[bytes], staging: str, compression_level: int) -> int:
    """Writes a gzip file of frames. The file has a temporary name first and is renamed when it is complete.

    The gzip header contains neither a time nor a file name, so that equal records result in equal bytes.

    Args:
      path: The path of the file.
      frames: Records as `schemas.records.tfrecords.frame` returns them.
      staging: A folder for the temporary file, on the same file system.
      compression_level: The level of gzip, 0 to 9.

    Returns:
      The number of records.
    """
    temporary_path = file_system.join(staging, uuid.uuid4().hex)
    num_records = 0
    compressor = zlib.compressobj(compression_level, zlib.DEFLATED, _GZIP)
    with file_system.create_file(temporary_path) as stream:
        chunk: list[bytes] = []
        chunk_bytes = 0
        for frame in frames:
            chunk.append(frame)
            num_records += 1
            chunk_bytes += len(frame)
            if chunk_bytes >= _CHUNK_BYTES:
                stream.write(compressor.compress(b"".join(chunk)))
                chunk = []
                chunk_bytes = 0
        stream.write(compressor.compress(b"".join(chunk)))
        stream.write(compressor.flush())
    file_system.rename(temporary_path, path)
    return num_records
