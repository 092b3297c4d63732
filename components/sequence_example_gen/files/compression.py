"""Compressed input as plain bytes: gzip, bzip2 and zstd, told by their first bytes and not by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import BinaryIO, cast

import zstandard

SUFFIXES = (".gz", ".bz2", ".zst")
"""The ends that compressed files usually have after the suffix of their format."""

_GZIP_MAGIC = b"\x1f\x8b"
_BZIP2_MAGIC = b"BZh"  # A digit for the block size follows, and then:
_BZIP2_BLOCK = b"1AY&SY"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES = 10

_BUFFER_BYTES = 1 << 20
"""Plain bytes that are read ahead: a megabyte costs no memory to speak of, and makes a call from Python rare."""

_INPUT_BYTES = 1 << 17
"""Compressed bytes that zstd is given at once: the most that a block of the format holds."""


class BrokenFileError(ValueError):
    """A compressed file is cut off or damaged."""


def decompress(stream: BinaryIO) -> BinaryIO:
    """Returns the plain bytes of a seekable stream; the stream itself if it is not compressed.

    Reading raises `BrokenFileError` where the compressed data is cut off or damaged.
    """
    head = stream.read(_MAGIC_BYTES)
    stream.seek(0)
    if head.startswith(_GZIP_MAGIC):
        plain: io.BufferedIOBase | io.RawIOBase = gzip.GzipFile(fileobj=stream)
    elif head.startswith(_BZIP2_MAGIC) and head[len(_BZIP2_MAGIC) + 1 :] == _BZIP2_BLOCK:
        plain = bz2.BZ2File(stream)
    elif head.startswith(_ZSTD_MAGIC):
        plain = _ZstdFrames(stream)
    else:
        return stream
    return cast(BinaryIO, io.BufferedReader(_CheckedStream(plain), _BUFFER_BYTES))


class _CheckedStream(io.RawIOBase):
    """A stream that raises all libraries' errors as one type."""

    def __init__(self, plain: io.BufferedIOBase | io.RawIOBase) -> None:
        self._plain = plain

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            return self._plain.readinto(buffer) or 0
        except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
            # An error with a number is the operating system's; gzip and bzip2 raise OSError without one.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise BrokenFileError(f"the compressed data is cut off or damaged: {error}") from None


class _ZstdFrames(io.RawIOBase):
    """Zstd frames as one stream. The library's own reader takes a file that is cut off for a whole one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            # Bytes after the end of a frame are the beginning of the next one.
            data = (self._frame.unused_data if self._frame.eof else b"") or self._stream.read(_INPUT_BYTES)
            if not data:
                if not self._frame.eof:
                    raise EOFError("the last frame has no end")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(data))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
