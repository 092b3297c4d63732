"""Input files: found by pattern, opened on any Beam filesystem, decompressed, and cut into lines.

Lines end in LF, CRLF or CR, whatever the platform, and in nothing else: the other characters that Unicode counts as
line breaks are ordinary text. The last line may lack its end. A byte order mark is skipped.
"""

from __future__ import annotations

import bz2
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, cast

import zstandard

from tfx_sequence.components.sequence_example_gen import storage

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NoInputError(FileNotFoundError):
    """A pattern matches no file."""


class Damage(NamedTuple):
    """Bytes that are not text."""

    line: int
    offset: int
    message: str


class Source:
    """One input file.

    Attributes:
      path: Where it is.
    """

    def __init__(self, path: str) -> None:
        """Takes the path; the file is opened when it is read."""
        self.path = path
        self._damage: list[Damage] = []

    def open(self) -> BinaryIO:
        """The file's bytes, decompressed if they begin like gzip, bzip2 or zstd."""
        stream = storage.open_file(self.path)
        magic = stream.read(10)
        stream.seek(0)
        if magic[:2] == b"\x1f\x8b":
            return cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        if magic[:3] == b"BZh" and magic[4:10] == b"1AY&SY":
            return bz2.BZ2File(stream)
        if magic[:4] == b"\x28\xb5\x2f\xfd":
            return cast(BinaryIO, io.BufferedReader(_Zstd(stream), _BLOCK))
        return stream

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines without their ends, each with its number from 1.

        A line that is not UTF-8 comes with replacement characters, and is reported by `take_damage`.
        """
        number, offset = 1, 0
        for block in self._blocks():
            skipped = len(_BOM) if not offset and block.startswith(_BOM) else 0
            try:
                text = block[skipped:].decode()
            except UnicodeDecodeError:
                lines: Iterable[str] = self._damaged_lines(block, number, offset, skipped)
            else:
                lines = _split(text)
            offset += len(block)
            for line in lines:
                yield number, line
                number += 1

    def take_damage(self) -> Damage | None:
        """The first undecodable bytes among the lines handed out since the last call."""
        if not self._damage:
            return None
        first, self._damage = self._damage[0], []
        return first

    def _blocks(self) -> Iterator[bytes]:
        """The bytes in pieces that end where a line ends."""
        rest: list[bytes] = []
        read = 0
        with self.open() as stream:
            try:
                while chunk := stream.read(_BLOCK):
                    read += len(chunk)
                    # A CR in the last place may be half of a CRLF.
                    cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1)) + 1
                    if cut:
                        yield b"".join([*rest, chunk[:cut]])
                        rest = []
                    rest.append(chunk[cut:])
            except (EOFError, zlib.error, zstandard.ZstdError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise
                self._damage.append(Damage(0, read, f"the compressed data is cut off or broken: {error}"))
                return
        if last := b"".join(rest):
            yield last

    def _damaged_lines(self, block: bytes, number: int, offset: int, skipped: int) -> Iterator[str]:
        start = skipped
        while start < len(block):
            end = _LINE_END.search(block, start)
            line = block[start : end.start() if end else len(block)]
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                message = f"byte 0x{line[error.start]:02x} is not UTF-8 ({error.reason})"
                self._damage.append(Damage(number, offset + start + error.start, message))
                yield line.decode(errors="replace")
            start = end.end() if end else len(block)
            number += 1


def find_files(pattern: str) -> list[str]:
    """The files that match a pattern, sorted.

    Raises:
      NoInputError: if there is none.
    """
    paths = storage.match(pattern)
    if not paths:
        raise NoInputError(f"no file matches {pattern!r}; check `input_base` and the pattern of the split")
    return paths


def _split(text: str) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


class _Zstd(io.RawIOBase):
    """Zstd frames as one stream. The library's own reader takes a file that is cut off for a whole one."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = b""
        self._fed = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            data = self._frame.unused_data if self._frame.eof else b""
            data = data or self._stream.read(_BLOCK // 8)
            if not data:
                if self._fed and not self._frame.eof:
                    raise EOFError("the last zstd frame has no end")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = self._frame.decompress(data)
            self._fed = True
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size
