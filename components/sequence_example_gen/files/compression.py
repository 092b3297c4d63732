"""Decompresses input files in the formats gzip, bzip2, xz and zstd, which are detected by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from typing import BinaryIO, Protocol

import zstandard

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
"""The usual suffixes of compressed files, after the suffix of the file format."""

_GZIP_MAGIC = b"\x1f\x8b"
_BZIP2_MAGIC = b"BZh"  # It is followed by a digit for the block size and the start of the first block.
_BZIP2_BLOCK = b"1AY&SY"
_XZ_MAGIC = b"\xfd7zXZ\x00"
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_MAGIC_BYTES = 10

_BUFFER_BYTES = 1 << 20
"""The number of decompressed bytes that are read ahead. One megabyte needs little memory and makes calls from Python
rare."""

_ZSTD_INPUT_BYTES = 1 << 10
"""The number of compressed bytes that zstd receives in one call. All bytes that they become are in memory at once. Four
bytes may become a block of 128 KB, so this is at most 32 MB."""


def decompress(stream: io.BufferedReader) -> io.BufferedReader:
    """Returns a stream of the decompressed bytes of a seekable stream, or the stream itself if it is not compressed.

    The result is seekable only if it is the stream itself. Reading from it raises `DamagedFileError` at a place where
    the compressed data is cut off or damaged. It needs a bounded amount of memory, whatever the data becomes.
    """
    head = stream.read(_MAGIC_BYTES)
    stream.seek(0)
    if head.startswith(_GZIP_MAGIC):
        decompressed: _Decompressed = gzip.GzipFile(fileobj=stream)
    elif head.startswith(_BZIP2_MAGIC) and head[len(_BZIP2_MAGIC) + 1 :] == _BZIP2_BLOCK:
        decompressed = bz2.BZ2File(stream)
    elif head.startswith(_XZ_MAGIC):
        decompressed = lzma.LZMAFile(stream)  # noqa: SIM115 (The caller closes it.)
    elif head.startswith(_ZSTD_MAGIC):
        decompressed = _ZstdFrames(stream)
    else:
        return stream
    return io.BufferedReader(_CheckedStream(decompressed), _BUFFER_BYTES)


class _Decompressed(Protocol):
    """A stream of decompressed bytes."""

    def read1(self, size: int, /) -> bytes:
        """Returns up to `size` of the next bytes, or no bytes at the end. No bytes before an error are lost."""


class _CheckedStream(io.RawIOBase):
    """A stream that raises the errors of all compression libraries as `DamagedFileError`, after all bytes before them.

    One call of `readinto` fills the buffer if the data suffices, so that `read1` of a `BufferedReader` returns large
    parts. `read` of a `BufferedReader` loses the bytes before an error.
    """

    def __init__(self, decompressed: _Decompressed) -> None:
        self._decompressed = decompressed
        self._error: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        num_read = 0
        try:
            while self._error is None and num_read < len(buffer):
                data = self._decompressed.read1(len(buffer) - num_read)
                if not data:
                    break
                buffer[num_read : num_read + len(data)] = data
                num_read += len(data)
        # gzip and bzip2 raise an OSError for damaged data. Those of the operating system are `FileAccessError` here.
        except (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            self._error = error
        if self._error is not None and not num_read:
            # The import takes NumPy along, for which the table of formats must not wait.
            from tfx_sequence.schemas.records.damage import DamagedFileError

            raise DamagedFileError(f"the compressed data is cut off or damaged: {self._error}") from None
        return num_read


class _ZstdFrames:
    """A stream of the decompressed bytes of all frames of a zstd file.

    The reader of the library is not used, because it does not notice that a file is cut off.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._unread = memoryview(b"")  # Bytes that are decompressed but not yet returned.

    def read1(self, size: int, /) -> bytes:
        """Returns up to `size` of the next bytes, or no bytes at the end."""
        # A call of `decompress` may return no bytes, but 0 bytes from here would mean the end of the stream.
        while not self._unread:
            # Bytes after the end of a frame belong to the next frame.
            bytes_of_next_frame = self._frame.unused_data if self._frame.eof else b""
            data = bytes_of_next_frame or self._stream.read(_ZSTD_INPUT_BYTES)
            if not data:
                if not self._frame.eof:
                    raise EOFError("the last frame has no end")
                return b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._unread = memoryview(self._frame.decompress(data))
        first = bytes(self._unread[:size])
        self._unread = self._unread[size:]
        return first
