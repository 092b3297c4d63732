r"""Maps the values of a feature to ids and back, and reads vocabulary files.

    id 0              padding only; no value has this id
    ids 1 .. S        symbols for the beginning and the end of a sequence, if they are requested; no value has these ids
    the next N ids    the entries, by falling frequency in the analysed splits
    the last id       every value that is not an entry (`OOV`); the closed vocabularies of labels do not have this id

A vocabulary file is a text file with one entry per line, in the order of the ids. Values are escaped in these files:
`\\`, `\n`, `\r`, and `\0` for the empty string. The symbols are in the first lines, as `\b` and `\e`, which are not the
escape of any value.

Values are escaped because TFT drops empty values and values with a line break from text files. The compressed files of
TFT keep such values, but they cannot be exported with a model, because TensorFlow cannot save a table that was restored
together with its dataset.
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
"""The text for the id of unseen values. A value that is equal to this text still has a different id."""

Symbol = Literal["[BEGIN]", "[END]"]
"""The text for the id of a step that the transform adds at the beginning or the end of a sequence."""

BEGIN: Symbol = "[BEGIN]"
END: Symbol = "[END]"

SYMBOLS: dict[Symbol, str] = {BEGIN: "\\b", END: "\\e"}
"""Maps each symbol to its line in a vocabulary file."""

ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"))
"""Pairs of a character and its escape, in the order of replacement. The backslash must be replaced first."""

EMPTY = "\\0"
"""The line of the empty string in a vocabulary file."""


class VocabularyError(ValueError):
    """Raised if a file is not a valid vocabulary file."""


@dataclass(frozen=True)
class Vocabulary:
    """The values of one feature that have ids, in the order of the ids.

    Attributes:
      entries: The values with the ids S + 1, S + 2, ... S + N, where S is the number of symbols.
      closed: True if a value that is not an entry is an error, False if such a value has the id `oov_id`.
      symbols: The symbols with the ids 1, ... S.
    """

    entries: tuple[bytes, ...]
    closed: bool = False
    symbols: tuple[Symbol, ...] = ()

    @classmethod
    def from_lines(cls, lines: Iterable[bytes], closed: bool = False) -> Vocabulary:
        """Reads the lines of a vocabulary file, which `TFTransformOutput.vocabulary_by_name` also returns."""
        lines = list(lines)
        symbols = _read_symbols(lines)
        return cls(tuple(map(unescape, lines[len(symbols) :])), closed, symbols)

    @classmethod
    def from_file(cls, data: bytes, where: str, closed: bool = False) -> Vocabulary:
        """Checks and reads a vocabulary file, which may have been written by hand.

        Args:
          data: The content of the file.
          where: The name of the file, for messages.
          closed: See the class.

        Raises:
          VocabularyError: if the file is empty, or if a line is empty, is not UTF-8, occurs twice, or has a backslash
            that does not begin an escape. The message names the line.
        """
        lines = data.split(b"\n")
        if not lines[-1]:  # The file ends with a line feed.
            lines.pop()
        if not lines:
            raise VocabularyError(f"{where} is empty; a vocabulary has one value per line")
        _check_lines(lines, where)
        return cls.from_lines(lines, closed)

    @property
    def names(self) -> tuple[bytes, ...]:
        """The texts of the ids 1, 2, ...: the symbols, the entries, and `OOV` if the vocabulary is not closed."""
        symbols = [symbol.encode() for symbol in self.symbols]
        unseen = [] if self.closed else [OOV.encode()]
        return (*symbols, *self.entries, *unseen)

    @property
    def oov_id(self) -> int:
        """The id of unseen values, which is the last id. A closed vocabulary has no such id."""
        return self._first_entry_id + len(self.entries)

    @property
    def num_ids(self) -> int:
        """The number of ids, including the id of padding. It is the input dimension of an embedding."""
        # If the vocabulary is closed, `oov_id` is not an id, and equals the number of ids.
        return self.oov_id if self.closed else self.oov_id + 1

    def find_symbol_id(self, symbol: Symbol) -> int:
        """Returns the id of a symbol.

        Raises:
          ValueError: if the vocabulary does not have the symbol.
        """
        return find_symbol_id(symbol, self.symbols)

    def look_up_ids(self, values: Iterable[bytes]) -> list[int]:
        """Returns the ids of values.

        Raises:
          KeyError: if the vocabulary is closed and a value is not an entry.
        """
        ids = self._id_by_entry
        if self.closed:
            return [ids[value] for value in values]
        oov_id = self.oov_id
        return [ids.get(value, oov_id) for value in values]

    def look_up_values(self, ids: Sequence[int]) -> list[bytes]:
        """Returns the texts of ids: values, symbols, `OOV` for unseen values, and the empty string for padding."""
        names_from_zero = (b"", *self.names)
        return [names_from_zero[id_] for id_ in ids]

    @functools.cached_property
    def _id_by_entry(self) -> dict[bytes, int]:
        return {entry: id_ for id_, entry in enumerate(self.entries, self._first_entry_id)}

    @property
    def _first_entry_id(self) -> int:
        return FIRST_ID + len(self.symbols)


def make_one_based_key(asset: str) -> str:
    """Returns the asset key, in a transform graph, of a vocabulary file whose ids start at 1."""
    return f"ids_from_one:{asset}"


def read_vocabulary(transform_output: Any, feature: str) -> Vocabulary | None:
    """Reads the vocabulary of a transformed feature.

    This works also for a feature that shares the vocabulary of another feature, or was made from its steps.

    Args:
      transform_output: A `tft.TFTransformOutput`.
      feature: The name of the feature.

    Returns:
      The vocabulary, or None if the feature has no vocabulary. It is closed if it has no id for unseen values.
    """
    if transform_output.vocabulary_file_by_name(feature) is None:
        return None
    lines = transform_output.vocabulary_by_name(feature)
    # The buckets are all ids, including the id of padding. An open vocabulary has one id more, for unseen values.
    closed = transform_output.num_buckets_for_transformed_feature(feature) == FIRST_ID + len(lines)
    return Vocabulary.from_lines(lines, closed)


def find_symbol_id(symbol: Symbol, symbols: Sequence[Symbol]) -> int:
    """Returns the id of a symbol in a vocabulary with the given symbols.

    Raises:
      ValueError: if the vocabulary does not have the symbol.
    """
    if symbol not in symbols:
        raise ValueError(f"the vocabulary has no {symbol}; its symbols are {', '.join(symbols) or 'none'}")
    return FIRST_ID + symbols.index(symbol)


def _read_symbols(lines: Sequence[bytes]) -> tuple[Symbol, ...]:
    """Reads the symbols in the first lines of a vocabulary file."""
    symbol_by_line = {line.encode(): symbol for symbol, line in SYMBOLS.items()}
    symbol_lines = itertools.takewhile(symbol_by_line.__contains__, lines)
    # `fromkeys` drops repeated lines. `_check_lines` then reports the repeated symbol, because it is not an entry.
    return tuple(symbol_by_line[line] for line in dict.fromkeys(symbol_lines))


def _check_lines(lines: Sequence[bytes], where: str) -> None:
    """Raises a VocabularyError if an entry is malformed or occurs twice. `where` is the name of the file."""
    num_symbols = len(_read_symbols(lines))
    number_by_line: dict[bytes, int] = {}
    for number, line in enumerate(lines[num_symbols:], num_symbols + 1):
        if problem := _describe_problem(line):
            raise VocabularyError(f"{where}, line {number}: {problem}")
        if line in number_by_line:
            raise VocabularyError(
                f"{where}, line {number}: {line.decode()!r} is already in line {number_by_line[line]}"
            )
        number_by_line[line] = number


def _describe_problem(line: bytes) -> str | None:
    """Returns what is wrong with a line of an entry, or None if the line is valid."""
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
    """Returns the value of a line in a vocabulary file."""
    if line == EMPTY.encode():
        return b""
    character_by_escape = {escape.encode(): character.encode() for character, escape in ESCAPES}
    return re.sub(rb"\\[\\nr]", lambda match: character_by_escape[match.group()], line)
