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
"""The cell that CoNLL-U writes where there is nothing; also the value of a FEATS or MISC key that a word lacks."""

_EXTRA_ID = re.compile(r"[0-9]+[-.][0-9]+", re.ASCII)

_EXCERPT_LINES = 5
"""The lines of a bad sentence that its reject shows; an excerpt is cut anyway, and these are enough to find it."""

_Rows = list[list[str]]
_ValuesOfRows = Callable[[Sequence[Sequence[str]]], list[Any]]


class ConlluOptions(Frozen):
    """The options of the format.

    Attributes:
      ranges: Rows of multiword tokens, such as `3-4`: `skip` or `keep` them as steps.
      empty_nodes: Rows of empty nodes, such as `5.1`: `skip` or `keep` them as steps.
    """

    ranges: Literal["skip", "keep"] = "skip"
    empty_nodes: Literal["skip", "keep"] = "skip"


class ConlluReader(Reader):
    """Reader of CoNLL-U (https://universaldependencies.org/format.html). Its options are those of `ConlluOptions`.

    The `source` of a sequence feature is a column (`FORM`), or a key within one (`FEATS:Case`, `MISC:SpaceAfter`);
    that of a context feature is the key of a comment (`sent_id` for `# sent_id = 12`). `_` is an ordinary value.
    """

    default_spec = SequenceSpec(
        features={
            "form": Feature(kind="token", source="FORM"),
            "lemma": Feature(kind="token", role="carried", source="LEMMA"),
            "upos": Feature(kind="categorical", role="label", source="UPOS"),
        }
    )

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = ConlluOptions.model_validate(dict(options))
        self._columns = {
            name: _make_column(name, spec.source(name), feature) for name, feature in spec.sequence.items()
        }
        self._comments = {name: (spec.source(name), feature) for name, feature in spec.context.items()}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a sentence."""
        sentence: list[tuple[int, str]] = []
        for number, line in source.lines():
            if line.strip(" "):
                sentence.append((number, line))
            elif sentence:
                yield self._make_item(sentence)
                sentence = []
        if sentence:
            yield self._make_item(sentence)

    def _make_item(self, sentence: list[tuple[int, str]]) -> Item:
        first = sentence[0][0]
        try:
            words = self._find_words(sentence)
            record = self._parse_comments(sentence)
            for name, take_values in self._columns.items():
                record[name] = take_values(words)
        except BadRecordError as error:
            excerpt = "\n".join(line for _, line in sentence[:_EXCERPT_LINES])
            return error.reject.at(line=first, excerpt=excerpt)
        return first, record

    def _parse_comments(self, sentence: list[tuple[int, str]]) -> dict[str, Any]:
        """Returns the context features. A feature whose comment is not there is missing."""
        if not self._comments:
            return {}
        comments = {}
        for _, line in sentence:
            if line[0] == "#":
                key, equals, value = line[1:].partition("=")
                if equals:
                    comments[key.strip()] = value.strip()
        return {
            name: parse_cell(name, feature, comments[key])
            for name, (key, feature) in self._comments.items()
            if key in comments
        }

    def _find_words(self, sentence: list[tuple[int, str]]) -> _Rows:
        """Returns the rows that are steps, each as its ten cells."""
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
            elif self._is_extra_step(row[0], count, number):
                words.append(row)
        return words

    def _is_extra_step(self, word_id: str, count: int, line: int) -> bool:
        """Returns whether a row that is not the next word is a step all the same.

        Raises:
          BadRecordError: if it is neither a range nor an empty node.
        """
        if not _EXTRA_ID.fullmatch(word_id):
            message = f"the ID is {word_id!r}, expected {count + 1}, a range such as 3-4, or an empty node such as 5.1"
            raise bad_record(Reason.MALFORMED, message, line=line)
        wanted = self._options.ranges if "-" in word_id else self._options.empty_nodes
        return wanted == "keep"


def _make_column(name: str, source: str, feature: Feature) -> _ValuesOfRows:
    """Makes the function that takes a feature's values from a sentence's rows.

    Raises:
      ValueError: if the source is no column, nor a key within one, or the feature is a vector.
    """
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
        return lambda rows: [parse_cell(name, feature, _find_value(row[index], key)) for row in rows]
    if feature.dtype == "string":
        # Text is kept as it is: no call for each cell of the most frequent kind of column.
        return lambda rows: [row[index] for row in rows]
    return lambda rows: [parse_cell(name, feature, row[index]) for row in rows]


def _find_value(cell: str, key: str) -> str:
    """Returns the value of `key` in a cell such as `Case=Nom|Number=Sing`."""
    for pair in cell.split("|"):
        name, equals, value = pair.partition("=")
        if equals and name == key:
            return value
    return UNSPECIFIED
