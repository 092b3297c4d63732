r"""Vocabularies, which give each value an id from 1, and the files that hold them.

    id 0              padding, and nothing else: no value maps to it
    ids 1 .. S        symbols, where they are asked for: the begin and the end of a sequence; no value maps to them
    the next N ids    the entries, by falling frequency in the analysed splits
    the last id       every value that is not an entry (`OOV`); closed vocabularies, of labels, do not have it

A vocabulary file is text, one entry a line, in the order of the ids. TFT drops empty values and values with a line
break from its text files, and its compressed ones, which keep them, cannot be exported again with a model (TensorFlow
cannot save a table that was restored with its dataset). So values are escaped: `\\`, `\n`, `\r`, and `\0` for the
empty string. What no value is escaped to is free for the symbols, in the first lines: `\b` and `\e`.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tfx_sequence.schemas.spec import FIRST_ID

OOV = "[OOV]"
"""The name of the id of unseen values, where ids are shown as text. A value of this name has another id, its own."""

Symbol = Literal["[BEGIN]", "[END]"]
"""The name of a step that is added to the data, where ids are shown as text."""

BEGIN: Symbol = "[BEGIN]"
END: Symbol = "[END]"

SYMBOLS: dict[Symbol, str] = {BEGIN: "\\b", END: "\\e"}
"""Symbol to the line of a vocabulary file that stands for it."""

ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"))
"""Pairs of a character of a value and its escape, in the order in which they are replaced: the backslash first."""

EMPTY = "\\0"
"""The line that stands for the empty string."""


class VocabularyError(ValueError):
    """A file that is not a vocabulary's."""


@dataclass(frozen=True)
class Vocabulary:
    """The entries of one feature, in the order of their ids.

    Attributes:
      entries: The values with the ids S + 1, S + 2, ... S + N, if there are S symbols.
      closed: True if a value that is not an entry is an error; False if it has the id `oov_id`.
      symbols: The symbols with the ids 1, ... S.
    """

    entries: tuple[bytes, ...]
    closed: bool = False
    symbols: tuple[Symbol, ...] = ()

    @classmethod
    def from_lines(cls, lines: Iterable[bytes], closed: bool = False) -> Vocabulary:
        """Reads a vocabulary file, or what `TFTransformOutput.vocabulary_by_name` returns of it."""
        lines = list(lines)
        symbols = _read_symbols(lines)
        return cls(tuple(map(unescape, lines[len(symbols) :])), closed, symbols)

    @classmethod
    def from_file(cls, data: bytes, where: str, closed: bool = False) -> Vocabulary:
        """Checks and reads a vocabulary file that a person may have written.

        Args:
          data: What the file holds.
          where: Its name, for messages.
          closed: See the class.

        Raises:
          VocabularyError: naming the line, if it is empty or not UTF-8, stands there twice, or has a backslash that
            does not begin an escape.
        """
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        if not lines:
            raise VocabularyError(f"{where} is empty; a vocabulary has one value a line")
        first: dict[bytes, int] = {}
        symbols = len(_read_symbols(lines))
        for number, line in enumerate(lines[symbols:], symbols + 1):
            if problem := _find_problem(line):
                raise VocabularyError(f"{where}, line {number}: {problem}")
            if line in first:
                value = line.decode()
                raise VocabularyError(f"{where}, line {number}: {value!r} stands in line {first[line]} already")
            first[line] = number
        return cls.from_lines(lines, closed)

    @property
    def names(self) -> tuple[bytes, ...]:
        """The names of the ids 1, 2, ...: symbols, entries, and `OOV` if the vocabulary is not closed."""
        unseen = () if self.closed else (OOV.encode(),)
        return (*(symbol.encode() for symbol in self.symbols), *self.entries, *unseen)

    @property
    def oov_id(self) -> int:
        """The id of unseen values, the last one, if the vocabulary is not closed."""
        return self._first_entry + len(self.entries)

    @property
    def num_ids(self) -> int:
        """The number of ids, padding included: the input dimension of an embedding."""
        return self.oov_id + (not self.closed)

    def symbol_id(self, symbol: Symbol) -> int:
        """Returns the id of a symbol.

        Raises:
          ValueError: if the vocabulary does not have it.
        """
        return symbol_id(symbol, self.symbols)

    def ids(self, values: Iterable[bytes]) -> list[int]:
        """Returns the ids of values.

        Raises:
          KeyError: if the vocabulary is closed and a value is not an entry.
        """
        known, unseen = self._known, self.oov_id
        return [known[value] if self.closed else known.get(value, unseen) for value in values]

    def values(self, ids: Sequence[int]) -> list[bytes]:
        """Returns the values of ids; padding is the empty string, unseen values are `OOV`, symbols have their names."""
        table = (b"", *self.names)
        return [table[number] for number in ids]

    @functools.cached_property
    def _known(self) -> dict[bytes, int]:
        return {entry: number for number, entry in enumerate(self.entries, self._first_entry)}

    @property
    def _first_entry(self) -> int:
        return FIRST_ID + len(self.symbols)


def one_based_key(asset: str) -> str:
    """Returns the key of a vocabulary's file among the assets of a transform graph, if its ids start at 1."""
    return f"ids_from_one:{asset}"


def vocabulary_of(transform_output: Any, feature: str) -> Vocabulary | None:
    """Reads the vocabulary of a transformed feature, also of one that shares it or was made of another one's steps.

    Args:
      transform_output: A `tft.TFTransformOutput`.
      feature: The feature's name.

    Returns:
      The vocabulary, closed if the feature has no id for unseen values; None if the feature has no vocabulary.
    """
    if transform_output.vocabulary_file_by_name(feature) is None:
        return None
    lines = transform_output.vocabulary_by_name(feature)
    closed = transform_output.num_buckets_for_transformed_feature(feature) == FIRST_ID + len(lines)
    return Vocabulary.from_lines(lines, closed)


def symbol_id(symbol: Symbol, symbols: Sequence[Symbol]) -> int:
    """Returns the id of a symbol in a vocabulary that has `symbols`.

    Raises:
      ValueError: if it is not among them.
    """
    if symbol not in symbols:
        raise ValueError(f"the vocabulary has no {symbol}; its symbols are {', '.join(symbols) or 'none'}")
    return FIRST_ID + symbols.index(symbol)


def _read_symbols(lines: Sequence[bytes]) -> tuple[Symbol, ...]:
    """Reads the symbols that stand in the first lines."""
    written = {line.encode(): symbol for symbol, line in SYMBOLS.items()}
    first = itertools.takewhile(written.__contains__, lines)
    return tuple(written[line] for line in dict.fromkeys(first))


def _find_problem(line: bytes) -> str | None:
    """Says what is wrong with a line; None if nothing is."""
    if not line:
        return f"it is empty; the empty value is written {EMPTY}"
    if b"\r" in line:
        return "it has a carriage return; end lines with a line feed alone"
    if line != EMPTY.encode() and not re.fullmatch(rb"(?:[^\\]|\\[\\nr])*", line):
        return "it has a single backslash; a backslash is written \\\\, a line feed \\n, a carriage return \\r"
    try:
        line.decode()
    except UnicodeDecodeError:
        return "it is not UTF-8"
    return None


def unescape(line: bytes) -> bytes:
    """Reads the value that a line of a vocabulary file stands for."""
    if line == EMPTY.encode():
        return b""
    plain = {escaped.encode(): value.encode() for value, escaped in ESCAPES}
    return re.sub(rb"\\[\\nr]", lambda match: plain[match.group()], line)
