r"""Reads files of pretrained vectors in one pass and with little memory.

    word2vec, text        `N D\n`, then N lines, each with a word and D numbers; `.vec` of fastText is the same
    GloVe                 the same lines, without the first line `N D\n`
    word2vec, binary      `N D\n`, then N times a word, a space and D float32

The format is found from the first two lines of a file. Compression by gzip is found from its first bytes. A word may
contain spaces (some words of GloVe do), so the numbers are counted from the end of the line.

Sources: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" (word2vec); Pennington et
al. 2014, "GloVe"; Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information" (fastText).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

_CHUNK_BYTES = 1 << 20
_FLOAT_BYTES = 4
_GZIP_MAGIC = b"\x1f\x8b"
_LINE_END_BYTES = b" \t\r\n"
"""The bytes that are stripped from the end of a line. Some programs write a space before the line feed."""

Vector = np.ndarray[Any, np.dtype[np.float32]]


class VectorsError(ValueError):
    """Raised if a file does not hold vectors, or does not hold the vectors that are needed."""


class Entry(NamedTuple):
    """A word and its vector, float32 `[D]`."""

    word: bytes
    vector: Vector


class ByteStream(Protocol):
    """An open file of bytes."""

    def read(self, size: int, /) -> bytes:
        """Returns up to `size` bytes, and no bytes at the end of the file."""


def read_vectors(path: str, words: Collection[bytes]) -> Iterator[Entry]:
    """Yields the vectors of `words` in the order of the file. A word that occurs twice is yielded twice.

    Raises:
      VectorsError: if the file has an unknown format or is damaged. The message names the line or the vector.
      tf.errors.OpError: if the file cannot be read.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        is_gzip = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        file.seek(0)
        stream: ByteStream = gzip.GzipFile(fileobj=file, mode="rb") if is_gzip else file
        try:
            yield from parse_vectors(stream, path, words)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise VectorsError(f"{path}: the gzip file is damaged: {error}") from error


def parse_vectors(stream: ByteStream, path: str, words: Collection[bytes]) -> Iterator[Entry]:
    """Yields the vectors of `words` from the bytes of a file.

    Args:
      stream: The decompressed file.
      path: The path of the file, for error messages.
      words: The words whose vectors are wanted.

    Raises:
      VectorsError: as `read_vectors` does.
    """
    distinct_words = frozenset(words)
    source = _PeekableStream(stream)
    first_line, second_line = source.peek_lines()
    header = _parse_header(first_line)
    if header is None:  # GloVe: the first line is an entry already.
        width = len(first_line.rstrip(_LINE_END_BYTES).split(b" ")) - 1
        if width < 1 or _parse_line(first_line, width) is None:
            raise VectorsError(f"{path}, line 1: neither `<number of words> <width>` nor a word and its numbers")
        return _read_text(source, path, width, distinct_words, first_number=1)
    source.read_line()
    count, width = header
    # The second line of a text file is an entry. In a binary file it is not, as the numbers there are bytes.
    is_binary = count > 0 and _parse_line(second_line, width) is None
    if is_binary:
        return _read_binary(source, path, count, width, distinct_words)
    return _read_text(source, path, width, distinct_words, first_number=2)


class _PeekableStream:
    """A stream of bytes in which the next lines can be looked at without removing them from the stream.

    `_data[_start:]` holds the bytes that were read from the file and not yet returned by `read` or `read_line`.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._data = b""
        self._start = 0

    def read_line(self) -> bytes | None:
        """Reads the next line, including its line feed; None at the end of the file."""
        line = self._peek_line(0)
        self._start += len(line)
        return line or None

    def peek_lines(self) -> tuple[bytes, bytes]:
        """Returns the next two lines and leaves them in the stream."""
        first = self._peek_line(0)
        return first, self._peek_line(len(first))

    def read_until(self, end: bytes) -> bytes:
        """Reads the bytes before the next `end` and skips `end`. Reads the rest of the file if there is no `end`."""
        position = self._find(end, 0)
        return self.read(position - self._start + 1).removesuffix(end)

    def read(self, size: int) -> bytes:
        """Reads the next `size` bytes, or fewer at the end of the file."""
        while len(self._data) - self._start < size and self._fill():
            pass
        data = self._data[self._start : self._start + size]
        self._start += len(data)
        return data

    def _peek_line(self, skip: int) -> bytes:
        end = self._find(b"\n", skip)
        return self._data[self._start + skip : end + 1]

    def _find(self, end: bytes, skip: int) -> int:
        """Returns the position in `_data` of the next `end` after `skip` bytes, or the size of `_data` if not found."""
        num_searched = skip  # The number of bytes after `_start` that do not have to be searched again.
        while (position := self._data.find(end, self._start + num_searched)) < 0:
            num_searched = max(len(self._data) - self._start, skip)
            if not self._fill():
                return len(self._data)
        return position

    def _fill(self) -> bool:
        """Reads one more chunk and drops the bytes that were returned; False at the end of the file."""
        chunk = self._stream.read(_CHUNK_BYTES)
        self._data = self._data[self._start :] + chunk
        self._start = 0
        return bool(chunk)


def _parse_header(line: bytes) -> tuple[int, int] | None:
    """Returns the number of words and the width; None if the line is not a header."""
    parts = line.split()
    is_header = len(parts) == 2 and all(part.isdigit() for part in parts)
    return (int(parts[0]), int(parts[1])) if is_header else None


def _read_text(
    source: _PeekableStream, path: str, width: int, words: frozenset[bytes], first_number: int
) -> Iterator[Entry]:
    # Most lines are not wanted. Comparing the beginning of a line is faster than splitting the line.
    first_parts = {word.split(b" ", 1)[0] for word in words}
    number = first_number
    while (line := source.read_line()) is not None:
        if line[: line.find(b" ")] in first_parts:
            entry = _parse_line(line, width)
            if entry is None:
                raise VectorsError(f"{path}, line {number}: expected a word and {width} finite numbers")
            if entry.word in words:
                yield entry
        number += 1


def _parse_line(line: bytes, width: int) -> Entry | None:
    """Returns the word and the vector of a line; None if the line is not a word and `width` finite numbers."""
    word, *numbers = line.rstrip(_LINE_END_BYTES).rsplit(b" ", width)
    try:
        vector = np.array(numbers, np.float32)
    except ValueError:
        return None
    is_valid = len(numbers) == width and bool(np.isfinite(vector).all())
    return Entry(word, vector) if is_valid else None


def _read_binary(
    source: _PeekableStream, path: str, count: int, width: int, words: frozenset[bytes]
) -> Iterator[Entry]:
    size = _FLOAT_BYTES * width
    for number in range(1, count + 1):
        # The original program writes a line feed after every vector, so the line feed is in front of the next word.
        # Other programs do not write it.
        word = source.read_until(b" ").removeprefix(b"\n")
        data = source.read(size)
        if len(data) < size:
            raise VectorsError(f"{path}: ends within vector {number:,} of {count:,} that its first line announces")
        if word in words:
            vector = np.frombuffer(data, "<f4").astype(np.float32)
            if not np.isfinite(vector).all():
                raise VectorsError(f"{path}: vector {number:,}, of {word!r}, has a number that is not finite")
            yield Entry(word, vector)
