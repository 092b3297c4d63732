"""Input files: found by pattern, opened on any Beam filesystem, decompressed, and cut into lines.

Lines end in LF, CRLF or CR, whatever the platform, and in nothing else: the other characters that Unicode counts as
line breaks are ordinary text. The last line may lack its end. A byte order mark is skipped.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.compression import decompressed
from tfx_sequence.schemas.records.rejects import Reason, Reject

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

    def reject(self) -> Reject:
        """What a record with such bytes becomes."""
        return Reject(reason=Reason.UNDECODABLE, message=self.message, line=self.line, offset=self.offset)


class Source:
    """One input file.

    Attributes:
      path: Where it is.
    """

    def __init__(self, path: str) -> None:
        """Takes the path; the file is opened when it is read."""
        self.path = path
        self._damage: list[Damage] = []

    def sibling(self, name: str) -> Source:
        """Another file of the same folder, whose damage is reported with this file's."""
        source = Source(posixpath.join(posixpath.dirname(self.path), name))
        source._damage = self._damage
        return source

    def open(self) -> BinaryIO:
        """The file's bytes, decompressed. Reading raises `BrokenFileError` where a compressed file is damaged."""
        return decompressed(storage.open_file(self.path))

    def lines(self, ends: bool = False) -> Iterator[tuple[int, str]]:
        """The lines, each with its number from 1.

        A line that is not UTF-8 comes with replacement characters, and is reported by `take_damage`.

        Args:
          ends: Whether a line that has an end keeps it, as LF.
        """
        number, offset = 1, 0
        for block in self._blocks():
            skipped = len(_BOM) if not offset and block.startswith(_BOM) else 0
            try:
                text = block[skipped:].decode()
            except UnicodeDecodeError:
                lines: Iterable[str] = self._damaged_lines(block, number, offset, skipped, ends)
            else:
                lines = _split(text, ends)
            offset += len(block)
            for line in lines:
                yield number, line
                number += 1

    def take_damage(self) -> Damage | None:
        """The first undecodable bytes among the lines handed out since the last call."""
        if not self._damage:
            return None
        first = self._damage[0]
        self._damage.clear()
        return first

    def _blocks(self) -> Iterator[bytes]:
        """The bytes in pieces that end where a line ends."""
        rest: list[bytes] = []
        with self.open() as stream:
            while chunk := stream.read(_BLOCK):
                # A CR in the last place may be half of a CRLF.
                cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1)) + 1
                if cut:
                    yield b"".join([*rest, chunk[:cut]])
                    rest = []
                rest.append(chunk[cut:])
        if last := b"".join(rest):
            yield last

    def _damaged_lines(self, block: bytes, number: int, offset: int, skipped: int, ends: bool) -> Iterator[str]:
        start = skipped
        while start < len(block):
            end = _LINE_END.search(block, start)
            line = block[start : end.start() if end else len(block)]
            tail = "\n" if end and ends else ""
            try:
                yield line.decode() + tail
            except UnicodeDecodeError as error:
                message = f"byte 0x{line[error.start]:02x} of {self.path} is not UTF-8 ({error.reason})"
                self._damage.append(Damage(number, offset + start + error.start, message))
                yield line.decode(errors="replace") + tail
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


def _split(text: str, ends: bool) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    last = lines.pop()
    if ends:
        lines = [f"{line}\n" for line in lines]
    return [*lines, last] if last else lines
