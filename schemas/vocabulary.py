r"""Vocabularies whose ids start at 1.

    id 0              padding, and nothing else: no value maps to it
    ids 1 .. N        the entries, by falling frequency in the analysed splits
    id N + 1          every value that is not an entry (`OOV`); closed vocabularies, of labels, do not have it

A vocabulary file is text, one entry a line, in the order of the ids. TFT drops empty values and values with a line
break from its text files, and its compressed ones, which keep them, cannot be exported again with a model (TensorFlow
cannot save a table that was restored with its dataset). So values are escaped: `\\`, `\n`, `\r`, and `\0` for the
empty string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfx_sequence.schemas.spec import FIRST_ID

OOV = "[OOV]"
"""How the id of unseen values is called where ids are shown as text. A value of this name has its own, other id."""

ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"))
"""Pairs of what stands in a value and what is written, in the order in which they are replaced."""

EMPTY = "\\0"
"""What is written for the empty string."""


class VocabularyError(ValueError):
    """A file that is not one of a vocabulary."""


@dataclass(frozen=True)
class Vocabulary:
    """The entries of one feature, in the order of their ids.

    Attributes:
      entries: The values with the ids 1, 2, ... N.
      closed: True if a value that is not an entry is an error; False if it has the id `oov_id`.
    """

    entries: tuple[bytes, ...]
    closed: bool = False

    @classmethod
    def from_lines(cls, lines: Iterable[bytes], closed: bool = False) -> Vocabulary:
        """Reads a vocabulary file, or what `TFTransformOutput.vocabulary_by_name` returns of it."""
        return cls(tuple(map(_unescaped, lines)), closed)

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
        for number, line in enumerate(lines, 1):
            if problem := _problem(line):
                raise VocabularyError(f"{where}, line {number}: {problem}")
            if line in first:
                value = line.decode()
                raise VocabularyError(f"{where}, line {number}: {value!r} stands in line {first[line]} already")
            first[line] = number
        return cls.from_lines(lines, closed)

    @property
    def oov_id(self) -> int:
        """The id of unseen values, in a vocabulary that is not closed."""
        return len(self.entries) + FIRST_ID

    @property
    def num_ids(self) -> int:
        """Ids in all, padding included: the input dimension of an embedding."""
        return len(self.entries) + FIRST_ID + (not self.closed)

    def ids(self, values: Iterable[bytes]) -> list[int]:
        """Values to ids.

        Raises:
          KeyError: if the vocabulary is closed and a value is not an entry.
        """
        known = {entry: number for number, entry in enumerate(self.entries, FIRST_ID)}
        return [known[value] if self.closed else known.get(value, self.oov_id) for value in values]

    def values(self, ids: Sequence[int]) -> list[bytes]:
        """Ids to values; padding is the empty string, unseen values are `OOV`."""
        table = (b"", *self.entries, OOV.encode())
        return [table[number] for number in ids]


def _problem(line: bytes) -> str | None:
    """What is wrong with a line, if anything is."""
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


def _unescaped(line: bytes) -> bytes:
    if line == EMPTY.encode():
        return b""
    plain = {escaped.encode(): value.encode() for value, escaped in ESCAPES}
    return re.sub(rb"\\[\\nr]", lambda match: plain[match.group()], line)
