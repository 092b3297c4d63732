"""Finds input files by pattern, opens and decompresses them, and divides them into lines.

A line ends with LF, CRLF or CR on every platform. Other characters that are line breaks in Unicode are ordinary text.
The last line may have no line end. A byte order mark is skipped.
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
"""The number of bytes that are decoded in one call, which is many times faster than one call per line. A file of any
size needs no more memory than one block, or than its longest line."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class NoInputError(FileNotFoundError):
    """A pattern matches no file."""


class Damage(NamedTuple):
    """Bytes of a file that are not UTF-8.

    Attributes:
      line: The number of the line, from 1.
      offset: The position of the first such byte in the decompressed file, from 0.
      message: What is wrong.
    """

    line: int
    offset: int
    message: str

    def to_reject(self) -> Reject:
        """Returns the reject for a record that contains these bytes."""
        return Reject(reason=Reason.UNDECODABLE, message=self.message, line=self.line, offset=self.offset)


class Source:
    """One input file. It is opened each time it is read.

    Attributes:
      path: The path of the file.
    """

    def __init__(self, path: str, block_bytes: int = BLOCK_BYTES) -> None:
        self.path = path
        self._block_bytes = block_bytes
        self._damage: list[Damage] = []

    def sibling(self, name: str) -> Source:
        """Returns another file of the same folder. `take_damage` of this file also reports the damage of that file."""
        source = Source(posixpath.join(posixpath.dirname(self.path), name), self._block_bytes)
        source._damage = self._damage
        return source

    def open(self) -> BinaryIO:
        """Opens the file for reading. The stream is decompressed.

        Reading raises `BrokenFileError` at a place where a compressed file is cut off or damaged.
        """
        return decompress(file_system.open_file(self.path))

    def lines(self, ends: bool = False) -> Iterator[tuple[int, str]]:
        """Yields the number of each line, from 1, and its text.

        In a line that is not UTF-8, replacement characters stand for the wrong bytes. `take_damage` reports the line.

        Args:
          ends: Whether to keep the line ends. Each line end becomes LF.
        """
        number = 1
        offset = 0
        for block in self._read_blocks():
            is_first_block = offset == 0
            start = len(_BYTE_ORDER_MARK) if is_first_block and block.startswith(_BYTE_ORDER_MARK) else 0
            try:
                text = block[start:].decode()
            except UnicodeDecodeError:
                lines: Iterable[str] = self._decode_line_by_line(block, number, offset, start, ends)
            else:
                lines = _split_lines(text, ends)
            offset += len(block)
            for line in lines:
                yield number, line
                number += 1

    def take_damage(self) -> Damage | None:
        """Returns the first damage in the lines that were yielded since the last call. All damage is then forgotten.

        Returns:
          The damage, or None if all lines are UTF-8.
        """
        if not self._damage:
            return None
        first = self._damage[0]
        self._damage.clear()
        return first

    def _read_blocks(self) -> Iterator[bytes]:
        """Yields the bytes of the file in blocks of whole lines."""
        line_parts: list[bytes] = []  # The parts of a line whose end is not read yet.
        with self.open() as stream:
            while chunk := stream.read(self._block_bytes):
                # The last byte is not searched for a CR, because it may be the first half of a CRLF.
                cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1)) + 1
                if cut:
                    yield b"".join([*line_parts, chunk[:cut]])
                    line_parts = []
                line_parts.append(chunk[cut:])
        if last_line := b"".join(line_parts):
            yield last_line

    def _decode_line_by_line(self, block: bytes, number: int, offset: int, start: int, ends: bool) -> Iterator[str]:
        """Yields the lines of a block that is not valid UTF-8. The damage of a line is noted before it is yielded.

        Args:
          block: The bytes of the block.
          number: The number of the first line.
          offset: The position of the block in the file.
          start: The position in the block where the text begins, after any byte order mark.
          ends: Whether to keep the line ends, as LF.
        """
        while start < len(block):
            match = _LINE_END.search(block, start)
            end = match.start() if match else len(block)
            line = block[start:end]
            line_end = "\n" if match and ends else ""
            try:
                yield line.decode() + line_end
            except UnicodeDecodeError as error:
                message = f"byte 0x{line[error.start]:02x} of {self.path} is not UTF-8 ({error.reason})"
                self._damage.append(Damage(number, offset + start + error.start, message))
                yield line.decode(errors="replace") + line_end
            start = match.end() if match else len(block)
            number += 1


def find_files(pattern: str) -> list[str]:
    """Returns the paths of the files that match a pattern, sorted.

    Raises:
      NoInputError: if no file matches.
    """
    paths = file_system.match(pattern)
    if not paths:
        raise NoInputError(f"no file matches {pattern!r}; check `input_base` and the pattern of the split")
    return paths


def _split_lines(text: str, ends: bool) -> list[str]:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # The text after the last line end is empty, or a last line without a line end.
    last = lines.pop()
    if ends:
        lines = [f"{line}\n" for line in lines]
    return [*lines, last] if last else lines
