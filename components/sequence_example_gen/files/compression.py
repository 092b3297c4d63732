"""Compressed input as plain bytes: gzip, bzip2 and zstd, known by their first bytes and not by their names."""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from typing import BinaryIO, cast

import zstandard

_BUFFER = 1 << 20
_INPUT = 1 << 17
_HEAD = 10


class BrokenFileError(ValueError):
    """A compressed file is cut off or damaged."""


def decompressed(stream: BinaryIO) -> BinaryIO:
    """The plain bytes of a seekable stream; the stream itself if it is not compressed.

    Reading raises `BrokenFileError` where the compressed data is cut off or damaged.
    """
    head = stream.read(_HEAD)
    stream.seek(0)
    if head[:2] == b"\x1f\x8b":
        plain: io.BufferedIOBase | io.RawIOBase = gzip.GzipFile(fileobj=stream)
    elif head[:3] == b"BZh" and head[4:] == b"1AY&SY":
        plain = bz2.BZ2File(stream)
    elif head[:4] == b"\x28\xb5\x2f\xfd":
        plain = _Zstd(stream)
    else:
        return stream
    return cast(BinaryIO, io.BufferedReader(_Checked(plain), _BUFFER))


class _Checked(io.RawIOBase):
    """Gives all libraries' errors one type."""

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


class _Zstd(io.RawIOBase):
    """Zstd frames as one stream. The library's own reader takes a file that is cut off for a whole one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            data = (self._frame.unused_data if self._frame.eof else b"") or self._stream.read(_INPUT)
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
