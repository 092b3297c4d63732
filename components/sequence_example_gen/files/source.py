"""Input files: found by pattern, opened on any Beam file system, decompressed, and cut into lines.

Lines end in LF, CRLF or CR, whatever the platform, and in nothing else: the other characters that Unicode counts as
line breaks are ordinary text. The last line may lack its end. A byte order mark is skipped.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.compression import decompress
from tfx_sequence.schemas.records.rejects import Reason, Reject

BLOCK_BYTES = 1 << 20
"""How much of a file is decoded at once. One call for a block is many times faster than one for each line, and a file
of any size takes no more memory than a block, or its longest line."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NoInputError(FileNotFoundError):
    """A pattern matches no file."""


class Damage(NamedTuple):
    """Bytes that are not text."""

    line: int
    offset: int
    message: str

    def to_reject(self) -> Reject:
        """Returns the reject that a record with such bytes becomes."""
        return Reject(reason=Reason.UNDECODABLE, message=self.message, line=self.line, offset=self.offset)


class Source:
    """One input file, opened when it is read.

    Attributes:
      path: Its path.
    """

    def __init__(self, path: str, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self._block_bytes = block_bytes
        self._damage: list[Damage] = []

    def sibling(self, name: str) -> Source:
        """Returns another file of the same folder, whose damage is reported with this file's."""
        source = Source(posixpath.join(posixpath.dirname(self.path), name), self._block_bytes)
        source._damage = self._damage
        return source

    def open(self) -> BinaryIO:
        """Opens the file's bytes, decompressed.

        Reading raises `BrokenFileError` where a compressed file is damaged.
        """
        return decompress(file_system.open_file(self.path))

    def lines(self, ends: bool = False) -> Iterator[tuple[int, str]]:
        """Yields the lines, each with its number from 1.

        A line that is not UTF-8 comes with replacement characters, and is reported by `take_damage`.

        Args:
          ends: Whether a line that has an end keeps it, as LF.
        """
        number, offset = 1, 0
        for block in self._read_blocks():
            skipped = len(_BYTE_ORDER_MARK) if not offset and block.startswith(_BYTE_ORDER_MARK) else 0
            try:
                text = block[skipped:].decode()
            except UnicodeDecodeError:
                lines: Iterable[str] = self._decode_line_by_line(block, number, offset, skipped, ends)
            else:
                lines = _split_lines(text, ends)
            offset += len(block)
            for line in lines:
                yield number, line
                number += 1

    def take_damage(self) -> Damage | None:
        """Returns the first undecodable bytes among the lines that were yielded since the last call."""
        if not self._damage:
            return None
        first = self._damage[0]
        self._damage.clear()
        return first

    def _read_blocks(self) -> Iterator[bytes]:
        """Yields the bytes in pieces that end where a line ends."""
        rest: list[bytes] = []
        with self.open() as stream:
            while chunk := stream.read(self._block_bytes):
                # A CR in the last place may be half of a CRLF.
                cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1)) + 1
                if cut:
                    yield b"".join([*rest, chunk[:cut]])
                    rest = []
                rest.append(chunk[cut:])
        if last := b"".join(rest):
            yield last

    def _decode_line_by_line(self, block: bytes, number: int, offset: int, skipped: int, ends: bool) -> Iterator[str]:
        """Yields the lines of a block that is not all UTF-8, and notes the damage of each as it is yielded.

        Args:
          block: The bytes.
          number: The number of the first line.
          offset: The block's position in the file.
          skipped: How many of its first bytes are a byte order mark.
          ends: Whether a line that has an end keeps it, as LF.
        """
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
    """Finds the files that match a pattern. Returns them sorted.

    Raises:
      NoInputError: if there is none.
    """
    paths = file_system.match(pattern)
    if not paths:
        raise NoInputError(f"no file matches {pattern!r}; check `input_base` and the pattern of the split")
    return paths


def _split_lines(text: str, ends: bool) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # The text after the last end: a line without an end, or nothing.
    last = lines.pop()
    if ends:
        lines = [f"{line}\n" for line in lines]
    return [*lines, last] if last else lines
