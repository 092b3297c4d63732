r"""Files of pretrained vectors, read once, from their beginning to their end, in little memory.

    word2vec, text        `N D\n`, then N lines of a word and D numbers; `.vec` of fastText is the same
    GloVe                 the lines alone
    word2vec, binary      `N D\n`, then N times a word, a space and D float32

Which of them a file is shows in its first two lines; gzip shows in its first bytes. A word may hold spaces (GloVe's
do), so the numbers are counted from the end of the line.

Sources: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" (word2vec); Pennington et
al. 2014, "GloVe"; Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information" (fastText).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Collection, Iterator
from typing import IO, Any, NamedTuple

import numpy as np
import tensorflow as tf

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_LINE_END = b" \t\r\n"

Vector = np.ndarray[Any, np.dtype[np.float32]]


class VectorsError(ValueError):
    """A file that does not hold vectors, or not those that are needed."""


class Entry(NamedTuple):
    """A word and its vector, float32 `[D]`."""

    word: bytes
    vector: Vector


def read_vectors(path: str, words: Collection[bytes]) -> Iterator[Entry]:
    """Yields the vectors of `words` in the order of the file; of a word that stands there twice, both.

    Raises:
      VectorsError: naming the line or the vector that is not as the format has it.
      tf.errors.OpError: if the file cannot be read.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        zipped = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        try:
            yield from _read(
                _Source(gzip.GzipFile(fileobj=file, mode="rb") if zipped else file), path, frozenset(words)
            )
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise VectorsError(f"{path}: the gzip file is damaged: {error}") from error


class _Source:
    """Bytes that can be looked at before they are taken."""

    def __init__(self, file: IO[bytes] | Any) -> None:
        self._file = file
        self._data = b""
        self._start = 0

    def line(self) -> bytes | None:
        """The next line, with its end; None at the end of the file."""
        line = self._peek_line(0)
        self._start += len(line)
        return line or None

    def peek_lines(self) -> tuple[bytes, bytes]:
        """The next two lines, which stay."""
        first = self._peek_line(0)
        return first, self._peek_line(len(first))

    def until(self, end: bytes) -> bytes:
        """What comes before the next `end`, which is taken too; without one, what there is."""
        place = self._find(end, 0)
        return self.take(place - self._start + 1).removesuffix(end)

    def take(self, size: int) -> bytes:
        """The next `size` bytes; fewer at the end of the file."""
        while len(self._data) - self._start < size and self._fill():
            pass
        data = self._data[self._start : self._start + size]
        self._start += len(data)
        return data

    def _peek_line(self, skip: int) -> bytes:
        end = self._find(b"\n", skip)
        return self._data[self._start + skip : end + 1]

    def _find(self, end: bytes, skip: int) -> int:
        """Where the first `end` is that comes `skip` bytes from here; where the file ends if there is none."""
        searched = skip
        while (place := self._data.find(end, self._start + searched)) < 0:
            searched = max(len(self._data) - self._start, skip)
            if not self._fill():
                return len(self._data)
        return place

    def _fill(self) -> bool:
        more = self._file.read(_CHUNK)
        self._data = self._data[self._start :] + more
        self._start = 0
        return bool(more)


def _read(source: _Source, path: str, words: frozenset[bytes]) -> Iterator[Entry]:
    first, second = source.peek_lines()
    header = _header(first)
    if header is None:
        width = len(first.rstrip(_LINE_END).split(b" ")) - 1
        if width < 1 or _numbers(first, width) is None:
            raise VectorsError(f"{path}, line 1: neither `<number of words> <width>` nor a word and its numbers")
        return _lines(source, path, width, words, 1)
    source.line()
    count, width = header
    if count and _numbers(second, width) is None:
        return _binary(source, path, count, width, words)
    return _lines(source, path, width, words, 2)


def _header(line: bytes) -> tuple[int, int] | None:
    parts = line.split()
    return (int(parts[0]), int(parts[1])) if len(parts) == 2 and all(part.isdigit() for part in parts) else None


def _lines(source: _Source, path: str, width: int, words: frozenset[bytes], number: int) -> Iterator[Entry]:
    # To take a line apart costs more than to look at its beginning, and few lines are wanted.
    beginnings = {word.split(b" ", 1)[0] for word in words}
    while (line := source.line()) is not None:
        if line[: line.find(b" ")] in beginnings:
            entry = _numbers(line, width)
            if entry is None:
                raise VectorsError(f"{path}, line {number}: expected a word and {width} finite numbers")
            if entry.word in words:
                yield entry
        number += 1


def _numbers(line: bytes, width: int) -> Entry | None:
    """A line's word and its vector; None if it does not have them."""
    word, *numbers = line.rstrip(_LINE_END).rsplit(b" ", width)
    try:
        vector = np.array(numbers, np.float32)
    except ValueError:
        return None
    return Entry(word, vector) if len(numbers) == width and np.isfinite(vector).all() else None


def _binary(source: _Source, path: str, count: int, width: int, words: frozenset[bytes]) -> Iterator[Entry]:
    for number in range(1, count + 1):
        # The original program ends every vector with a line feed, others do not.
        word = source.until(b" ").removeprefix(b"\n")
        data = source.take(4 * width)
        if len(data) < 4 * width:
            raise VectorsError(f"{path}: ends within vector {number:,} of {count:,} that its first line promises")
        if word in words:
            vector = np.frombuffer(data, "<f4").astype(np.float32)
            if not np.isfinite(vector).all():
                raise VectorsError(f"{path}: vector {number:,}, of {word!r}, has a number that is not finite")
            yield Entry(word, vector)
