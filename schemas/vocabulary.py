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


def _unescaped(line: bytes) -> bytes:
    if line == EMPTY.encode():
        return b""
    plain = {escaped.encode(): value.encode() for value, escaped in ESCAPES}
    return re.sub(rb"\\[\\nr]", lambda match: plain[match.group()], line)
