"""CoNLL-U: a word a line in ten columns, comments before a sentence, an empty line after it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")

UNSPECIFIED = "_"
"""What CoNLL-U writes where there is nothing; also the value of a FEATS or MISC key that a word does not have."""

_EXTRA_ID = re.compile(r"[0-9]+[-.][0-9]+", re.ASCII)
_Rows = list[list[str]]
_Column = Callable[[Sequence[Sequence[str]]], list[Any]]


class ConlluOptions(Frozen):
    """What the reader takes beside the spec.

    Attributes:
      ranges: Rows of multiword tokens, such as `3-4`: `skip` or `keep` them as steps.
      empty_nodes: Rows of empty nodes, such as `5.1`: `skip` or `keep` them as steps.
    """

    ranges: Literal["skip", "keep"] = "skip"
    empty_nodes: Literal["skip", "keep"] = "skip"


class ConlluReader(Reader):
    """Reads CoNLL-U (https://universaldependencies.org/format.html).

    The `source` of a sequence feature is a column (`FORM`), or a key within one (`FEATS:Case`, `MISC:SpaceAfter`);
    that of a context feature is the key of a comment (`sent_id` for `# sent_id = 12`). `_` is an ordinary value.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `ConlluOptions`."""
        self._options = ConlluOptions.model_validate(dict(options))
        self._columns = {name: _column(name, spec.source(name), feature) for name, feature in spec.sequence.items()}
        self._comments = {name: (spec.source(name), feature) for name, feature in spec.context.items()}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a sentence."""
        sentence: list[tuple[int, str]] = []
        for number, line in source.lines():
            if line.strip(" "):
                sentence.append((number, line))
            elif sentence:
                yield self._item(sentence)
                sentence = []
        if sentence:
            yield self._item(sentence)

    def _item(self, sentence: list[tuple[int, str]]) -> Item:
        first = sentence[0][0]
        try:
            words = self._words(sentence)
            return first, self._context(sentence) | {name: column(words) for name, column in self._columns.items()}
        except BadRecordError as error:
            return error.reject.at(line=first, excerpt="\n".join(line for _, line in sentence[:5]))

    def _context(self, sentence: list[tuple[int, str]]) -> dict[str, Any]:
        if not self._comments:
            return {}
        pairs = (line[1:].partition("=") for _, line in sentence if line[0] == "#")
        found = {key.strip(): value.strip() for key, equals, value in pairs if equals}
        named = ((name, key, feature) for name, (key, feature) in self._comments.items() if key in found)
        return {name: parse_cell(name, feature, found[key]) for name, key, feature in named}

    def _words(self, sentence: list[tuple[int, str]]) -> _Rows:
        """The rows that are steps, in cells."""
        words: _Rows = []
        count = 0
        for number, line in sentence:
            if line[0] == "#":
                continue
            row = line.split("\t")
            if len(row) != len(COLUMNS):
                message = f"the row has {len(row)} tab-separated columns, expected {len(COLUMNS)}"
                raise bad_record(Reason.MALFORMED, message, line=number, excerpt=line)
            if row[0] == str(count + 1):
                count += 1
                words.append(row)
            elif self._keep(row[0], count, number):
                words.append(row)
        return words

    def _keep(self, word_id: str, count: int, line: int) -> bool:
        """Whether a row that is not the next word is a step."""
        if not _EXTRA_ID.fullmatch(word_id):
            message = f"the ID is {word_id!r}, expected {count + 1}, a range such as 3-4, or an empty node such as 5.1"
            raise bad_record(Reason.MALFORMED, message, line=line)
        return (self._options.ranges if "-" in word_id else self._options.empty_nodes) == "keep"


def _column(name: str, source: str, feature: Feature) -> _Column:
    """What makes a feature's values of a sentence's rows."""
    column, _, key = source.partition(":")
    if column.upper() not in COLUMNS or (key and column.upper() not in ("FEATS", "MISC")):
        raise ValueError(
            f"`{name}` is to be read from {source!r}, expected a column ({', '.join(COLUMNS)}) or a key within one "
            "(FEATS:Case, MISC:SpaceAfter); set the feature's `source`"
        )
    if feature.kind == "vector":
        raise ValueError(f"`{name}` is of kind 'vector', but a cell of CoNLL-U holds one value")
    index = COLUMNS.index(column.upper())
    if key:
        return lambda rows: [parse_cell(name, feature, _value(row[index], key)) for row in rows]
    if feature.dtype == "string":
        return lambda rows: [row[index] for row in rows]
    return lambda rows: [parse_cell(name, feature, row[index]) for row in rows]


def _value(cell: str, key: str) -> str:
    """The value of `key` in a cell such as `Case=Nom|Number=Sing`."""
    for pair in cell.split("|"):
        name, equals, value = pair.partition("=")
        if equals and name == key:
            return value
    return UNSPECIFIED
