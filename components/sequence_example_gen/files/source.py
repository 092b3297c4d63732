"""Finds input files by pattern, opens and decompresses them, and divides them into lines.

A line ends with LF, CRLF or CR on every platform. Other characters that are line breaks in Unicode are ordinary text.
The last line may have no line end. A byte order mark is skipped.
"""

from __future__ import annotations

import codecs
import io
import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias

from tfx_sequence.components.file_patterns import match_files
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.compression import decompress
from tfx_sequence.components.sequence_example_gen.files.encodings import UTF_8, convert_to_utf8
from tfx_sequence.components.sequence_example_gen.files.first_bytes import find_binary_kind
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.records.shards import check_files

BLOCK_BYTES = 1 << 20
"""The number of bytes that are decoded in one call, which is many times faster than one call per line. A file of any
size needs no more memory than one block, or than its longest line."""

LineEnds: TypeAlias = Literal["drop", "convert", "keep"]
"""What happens to the ends of lines: they are dropped, converted to LF, or kept as they are in the file."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")

DEFAULT_MAX_LINE_BYTES = 1 << 27
"""The default limit of a line. It is more than the longest line of common data sets, the 100 MB of text8, and small
enough for the memory of any machine."""

_KEPT_BYTES = 1000
"""The number of bytes of a line above the limit that are kept. They are more than an excerpt shows."""

_MAX_CHARACTER_BYTES = 4
"""The maximum number of bytes of a character in UTF-8."""

_HEAD_BYTES = 8
"""The number of bytes that are read to recognise files that are not text, and a byte order mark."""


class NoInputError(FileNotFoundError):
    """A pattern matches no file."""


class Source:
    """One input file. It is opened each time it is read.

    Args:
      path: The path of the file.
      max_line_bytes: The maximum number of bytes of a line.
      block_bytes: The number of bytes that are decoded in one call.
      encoding: The encoding of the text, as Python names it.

    Attributes:
      path: The path of the file.
      max_line_bytes: The maximum number of bytes of a line, or of an object of a JSON array.
      long_lines: The numbers of the lines above this limit that were yielded but not yet reported. The caller of a
        reader reports each of them as a reject, in place of the record that it is part of.
    """

    def __init__(
        self,
        path: str,
        max_line_bytes: int = DEFAULT_MAX_LINE_BYTES,
        block_bytes: int = BLOCK_BYTES,
        encoding: str = UTF_8,
    ) -> None:
        self.path = path
        self.max_line_bytes = max_line_bytes
        self.long_lines: list[int] = []
        self._block_bytes = block_bytes
        self._encoding = encoding

    def sibling(self, name: str) -> Source:
        """Returns another file of the same folder. `long_lines` of this file also has the lines of that file."""
        path = posixpath.join(posixpath.dirname(self.path), name)
        source = Source(path, self.max_line_bytes, self._block_bytes, self._encoding)
        source.long_lines = self.long_lines
        return source

    def open(self) -> io.BufferedReader:
        """Opens the file for reading. The stream is decompressed.

        Raises:
          FileAccessError: if the file system does not open the file. Reading raises it too.
          DamagedFileError: raised by reading at a place where a compressed file is cut off or damaged.
        """
        return decompress(file_system.open_input(self.path))

    def open_seekable(self) -> io.BufferedReader:
        """Opens the file for reading at any position.

        Raises:
          FileAccessError: if the file system does not open the file. Reading raises it too.
          DamagedFileError: if the file is compressed.
        """
        stream = self.open()
        if not stream.seekable():
            message = "the file is compressed as a whole, but must be read at any position; decompress it"
            raise DamagedFileError(message, file=self.path)
        return stream

    def lines(self, ends: LineEnds = "drop") -> Iterator[tuple[int, str]]:
        """Yields the number of each line, from 1, and its text.

        A byte that is not text becomes a character from U+DC80 to U+DCFF, as with the error handler `surrogateescape`.
        A record whose values contain such a character is rejected later. Of a line that is too long, only the beginning
        is yielded, and its number is added to `long_lines`.

        Args:
          ends: What happens to the ends of lines.

        Raises:
          DamagedFileError: if the file is cut off or damaged, or if it is not text. The lines before are yielded first.
        """
        number = 1
        for block, begins_with_long_line in self._read_blocks():
            text = block.decode("utf-8", "surrogateescape")
            lines: Iterable[str] = _split_lines(text, ends)
            if len(block) > self.max_line_bytes or begins_with_long_line:
                lines = self._cut_long_lines(lines, number, begins_with_long_line)
            for line in lines:
                yield number, line
                number += 1

    def make_long_line_reject(self, number: int) -> Reject:
        """Returns the reject for the record that a line above the limit is part of."""
        message = f"the line has more than {self.max_line_bytes} bytes (`max_line_bytes`)"
        return Reject(reason=Reason.TOO_LONG, message=message, line=number)

    def texts(self) -> Iterator[str]:
        """Yields the text of the file in parts that end anywhere. Each line end becomes LF.

        Bytes that are not UTF-8 and errors are treated as in `lines`.
        """
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")("surrogateescape"), translate=True)
        for chunk in self._read_chunks():
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)

    def _cut_long_lines(self, lines: Iterable[str], number: int, is_first_long: bool) -> Iterator[str]:
        """Yields lines, and notes those that are too long before their beginning is yielded.

        Args:
          lines: The lines.
          number: The number of the first line.
          is_first_long: Whether the first line is too long, because bytes of it were left out.
        """
        for index, line in enumerate(lines):
            if (index == 0 and is_first_long) or self._is_long(line):
                self.long_lines.append(number + index)
                yield line[:_KEPT_BYTES]
            else:
                yield line

    def _is_long(self, line: str) -> bool:
        if _MAX_CHARACTER_BYTES * len(line) <= self.max_line_bytes:
            return False
        return len(line.rstrip("\r\n").encode("utf-8", "surrogateescape")) > self.max_line_bytes

    def _read_blocks(self) -> Iterator[tuple[bytes, bool]]:
        """Yields the bytes of the file in blocks of whole lines, and whether bytes of the first line were left out.

        They are left out of a line that is too long, so that its length does not determine the memory.
        """
        line_parts: list[bytes] = []  # The parts of a line whose end is not read yet.
        num_bytes = 0  # The number of bytes of this line so far.
        is_long = False
        for chunk in self._read_chunks():
            # The last byte is not searched for a CR, because it may be the first half of a CRLF.
            cut = max(chunk.rfind(b"\n"), chunk.rfind(b"\r", 0, len(chunk) - 1)) + 1
            if cut:
                yield b"".join([*line_parts, chunk[:cut]]), is_long
                line_parts = []
                num_bytes = 0
                is_long = False
            line_parts.append(chunk[cut:])
            num_bytes += len(chunk) - cut
            # A CR at the end is a line end, or half of one, which does not count and is kept.
            if num_bytes - chunk.endswith(b"\r") > self.max_line_bytes:
                line = b"".join(line_parts)
                line_parts = [line[:-1][:_KEPT_BYTES], line[-1:]]
                is_long = True
        if last_line := b"".join(line_parts):
            yield last_line, is_long

    def _read_chunks(self) -> Iterator[bytes]:
        """Yields the text of the file as UTF-8, in parts that end anywhere, without a byte order mark."""
        chunks = self._read_raw_chunks()
        return chunks if self._encoding == UTF_8 else convert_to_utf8(chunks, self._encoding)

    def _read_raw_chunks(self) -> Iterator[bytes]:
        """Yields the bytes of the file in parts that end anywhere, without a byte order mark of UTF-8."""
        try:
            with self.open() as stream:
                # `read1` returns the bytes before damage, which `read` would lose.
                head = stream.read(_HEAD_BYTES)
                if kind := find_binary_kind(head):
                    raise DamagedFileError(f"the file is {kind}, but its format is one of text")
                yield head.removeprefix(_BYTE_ORDER_MARK)
                while chunk := stream.read1(self._block_bytes):
                    yield chunk
        except DamagedFileError as error:
            error.file = error.file or self.path
            raise


def find_files(pattern: str, folder: str = "") -> list[str]:
    """Returns the paths of the files that match a pattern, sorted. See `file_patterns`.

    Args:
      pattern: The pattern.
      folder: The folder that the pattern is relative to. If empty, the pattern is one of whole paths.

    Raises:
      NoInputError: if no file matches.
      IncompleteDataError: if a file of `<name>-00000-of-00040` to `<name>-00039-of-00040` is missing. The name of one
        file, without a pattern, may name one of them. Or if the files are in a folder that is not completely written.
    """
    paths = [file.path for file in match_files(folder, pattern)]
    if not paths:
        place = f" in {folder}" if folder else ""
        raise NoInputError(f"no file{place} matches {pattern!r}; check `input_base` and the pattern of the split")
    # Who names one file of several wants this one.
    names_one_file = len(paths) == 1 and paths[0].endswith(pattern)
    check_files([] if names_one_file else paths, file_system.exists)
    return paths


def _split_lines(text: str, ends: LineEnds) -> list[str]:
    if ends == "keep":
        if text.count("\r") > text.count("\r\n"):
            # A CR alone is a line end too, so splitting at LF is not enough.
            return _LINE.findall(text)
    elif "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # The text after the last line end is empty, or a last line without a line end.
    last = lines.pop()
    if ends != "drop":
        lines = [f"{line}\n" for line in lines]
    return [*lines, last] if last else lines
