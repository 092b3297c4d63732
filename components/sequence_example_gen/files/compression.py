"""Decompresses input files in the formats gzip, bzip2 and zstd, which are detected by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import BinaryIO, cast

import zstandard

SUFFIXES = (".gz", ".bz2", ".zst")
"""The usual suffixes of compressed files, after the suffix of the file format."""

_GZIP_MAGIC = b"\x1f\x8b"
_BZIP2_MAGIC = b"BZh"  # It is followed by a digit for the block size and the start of the first block.
_BZIP2_BLOCK = b"1AY&SY"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES = 10

_BUFFER_BYTES = 1 << 20
"""The number of decompressed bytes that are read ahead. One megabyte needs little memory and makes calls from Python
rare."""

_INPUT_BYTES = 1 << 17
"""The number of compressed bytes that zstd receives in one call. It is the maximum size of a block in the zstd
format."""


class BrokenFileError(ValueError):
    """A compressed file is cut off or damaged."""


def decompress(stream: BinaryIO) -> BinaryIO:
    """Returns a stream of the decompressed bytes of a seekable stream, or the stream itself if it is not compressed.

    Reading from the result raises `BrokenFileError` at a place where the compressed data is cut off or damaged.
    """
    head = stream.read(_MAGIC_BYTES)
    stream.seek(0)
    if head.startswith(_GZIP_MAGIC):
        decompressed: io.BufferedIOBase | io.RawIOBase = gzip.GzipFile(fileobj=stream)
    elif head.startswith(_BZIP2_MAGIC) and head[len(_BZIP2_MAGIC) + 1 :] == _BZIP2_BLOCK:
        decompressed = bz2.BZ2File(stream)
    elif head.startswith(_ZSTD_MAGIC):
        decompressed = _ZstdFrames(stream)
    else:
        return stream
    return cast(BinaryIO, io.BufferedReader(_CheckedStream(decompressed), _BUFFER_BYTES))


class _CheckedStream(io.RawIOBase):
    """A stream that raises the errors of all compression libraries as `BrokenFileError`."""

    def __init__(self, decompressed: io.BufferedIOBase | io.RawIOBase) -> None:
        self._decompressed = decompressed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            return self._decompressed.readinto(buffer) or 0
        except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
            # An OSError with an error number is from the operating system. Those of gzip and bzip2 have no number.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise BrokenFileError(f"the compressed data is cut off or damaged: {error}") from None


class _ZstdFrames(io.RawIOBase):
    """A stream of the decompressed bytes of all frames of a zstd file.

    The reader of the library is not used, because it does not notice that a file is cut off.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._unread = memoryview(b"")  # Bytes that are decompressed but not yet returned.

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        # A call of `decompress` may return no bytes, but 0 bytes from here would mean the end of the stream.
        while not self._unread:
            # Bytes after the end of a frame belong to the next frame.
            bytes_of_next_frame = self._frame.unused_data if self._frame.eof else b""
            data = bytes_of_next_frame or self._stream.read(_INPUT_BYTES)
            if not data:
                if not self._frame.eof:
                    raise EOFError("the last frame has no end")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._unread = memoryview(self._frame.decompress(data))
        size = min(len(buffer), len(self._unread))
        buffer[:size] = self._unread[:size]
        self._unread = self._unread[size:]
        return size
