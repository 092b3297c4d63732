"""Reads CoNLL-U files of annotated sentences.

Each line is one word with ten columns. Comments are before a sentence, and an empty line is after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import make_empty_label_error, parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

COLUMNS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")

UNSPECIFIED = "_"
"""The cell that means `no value` in CoNLL-U. It is also the value of a FEATS or MISC key that a word does not have."""

_COLUMNS_WITH_KEYS = ("FEATS", "MISC")
"""The columns whose cells are lists of keys and values, such as `Case=Nom|Number=Sing`."""

_RANGE_OR_EMPTY_NODE_ID = re.compile(r"[0-9]+[-.][0-9]+", re.ASCII)

_EXCERPT_LINES = 5
"""The number of lines of a bad sentence in the excerpt of its reject. They are enough to find the sentence, and the
length of an excerpt is limited in any case."""

_NumberedLines = list[tuple[int, str]]
"""The lines of a sentence, with their numbers in the file."""

_Rows = Sequence[Sequence[str]]
"""The cells of each row of a sentence."""

_ColumnParser = Callable[[_Rows], list[Any]]
"""A function that takes the rows of a sentence and returns the values of one feature."""


class ConlluOptions(Frozen):
    """The options of the format `conllu`.

    Attributes:
      ranges: Whether to `skip` the rows of multiword tokens, whose ID is a range such as `3-4`, or `keep` them as
        steps.
      empty_nodes: Whether to `skip` the rows of empty nodes, whose ID is such as `5.1`, or `keep` them as steps.
    """

    ranges: Literal["skip", "keep"] = "skip"
    empty_nodes: Literal["skip", "keep"] = "skip"


class ConlluReader(Reader):
    """Reader of CoNLL-U files (https://universaldependencies.org/format.html).

    The options are the fields of `ConlluOptions`. The `source` of a sequence feature is the name of a column (`FORM`),
    or a key within a column (`FEATS:Case`, `MISC:SpaceAfter`). The `source` of a context feature is the key of a
    comment (`sent_id` for `# sent_id = 12`). The cell `_` is an ordinary value.
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
        self._column_parsers = {
            name: _make_column_parser(name, spec.source(name), feature) for name, feature in spec.sequence.items()
        }
        self._context = spec.context
        self._comment_keys = {name: spec.source(name) for name in spec.context}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per sentence."""
        sentence: _NumberedLines = []
        for number, line in source.lines():
            if line.strip(" "):
                sentence.append((number, line))
            elif sentence:
                yield self._make_item(sentence)
                sentence = []
        if sentence:
            yield self._make_item(sentence)

    def _make_item(self, sentence: _NumberedLines) -> Item:
        """Makes a record, or a reject, from the numbered lines of a sentence."""
        first_line = sentence[0][0]
        try:
            rows = self._select_rows(sentence)
            record = self._parse_context(sentence)
            for name, parse_column in self._column_parsers.items():
                record[name] = parse_column(rows)
        except BadRecordError as error:
            excerpt = "\n".join(line for _, line in sentence[:_EXCERPT_LINES])
            return error.reject.at(line=first_line, excerpt=excerpt)
        return first_line, record

    def _parse_context(self, sentence: _NumberedLines) -> dict[str, Any]:
        """Returns the context features. Features without a comment are left out."""
        if not self._context:
            return {}
        comments = _read_comments(line for _, line in sentence)
        values = {}
        for name, feature in self._context.items():
            key = self._comment_keys[name]
            if key in comments:
                values[name] = parse_cell(name, feature, comments[key])
        return values

    def _select_rows(self, sentence: _NumberedLines) -> _Rows:
        """Returns the rows that become steps. Each row is a list of ten cells.

        Raises:
          BadRecordError: if a row does not have ten cells, or if its ID is wrong.
        """
        rows: list[list[str]] = []
        num_words = 0
        for number, line in sentence:
            if line[0] == "#":
                continue
            row = line.split("\t")
            if len(row) != len(COLUMNS):
                message = f"the row has {len(row)} tab-separated columns, expected {len(COLUMNS)}"
                raise bad_record(Reason.MALFORMED, message, line=number, excerpt=line)
            if row[0] == str(num_words + 1):
                num_words += 1
                rows.append(row)
            elif self._keeps_range_or_empty_node(row[0], num_words, number):
                rows.append(row)
        return rows

    def _keeps_range_or_empty_node(self, row_id: str, num_words: int, line: int) -> bool:
        """Returns whether a row that is not the next word becomes a step.

        Args:
          row_id: The ID of the row.
          num_words: The number of words before the row.
          line: The line number of the row.

        Raises:
          BadRecordError: if the row is neither a range nor an empty node.
        """
        if not _RANGE_OR_EMPTY_NODE_ID.fullmatch(row_id):
            message = (
                f"the ID is {row_id!r}, expected {num_words + 1}, a range such as 3-4, or an empty node such as 5.1"
            )
            raise bad_record(Reason.MALFORMED, message, line=line)
        option = self._options.ranges if "-" in row_id else self._options.empty_nodes
        return option == "keep"


def _read_comments(lines: Iterable[str]) -> dict[str, str]:
    """Returns the values of the comments that have the form `# key = value`, by key."""
    comments = {}
    for line in lines:
        if line[0] == "#":
            key, equals, value = line[1:].partition("=")
            if equals:
                comments[key.strip()] = value.strip()
    return comments


def _make_column_parser(name: str, source: str, feature: Feature) -> _ColumnParser:
    """Makes the function that returns the values of a feature from the rows of a sentence.

    Raises:
      ValueError: if the source is neither a column nor a key within a column, or if the feature is a vector.
    """
    column_name, _, key = source.partition(":")
    column = column_name.upper()
    if column not in (_COLUMNS_WITH_KEYS if key else COLUMNS):
        raise ValueError(
            f"`{name}` has the source {source!r}, expected a column ({', '.join(COLUMNS)}) or a key within a column "
            "(FEATS:Case, MISC:SpaceAfter); set the feature's `source`"
        )
    if feature.kind == "vector":
        raise ValueError(f"`{name}` is of kind 'vector', but a cell of CoNLL-U holds one value")
    index = COLUMNS.index(column)
    if key:
        return lambda rows: [parse_cell(name, feature, _find_value(row[index], key)) for row in rows]
    if feature.dtype == "string":
        # Most columns are text, which needs no parsing. Reading is faster without a function call per cell.
        return lambda rows: _check_labels(name, feature, [row[index] for row in rows])
    return lambda rows: [parse_cell(name, feature, row[index]) for row in rows]


def _check_labels(name: str, feature: Feature, values: list[str]) -> list[str]:
    """Returns the texts of a column unchanged. If they are labels, none of them may be empty."""
    if feature.role == "label" and "" in values:
        raise make_empty_label_error(name)
    return values


def _find_value(cell: str, key: str) -> str:
    """Returns the value of `key` in a cell such as `Case=Nom|Number=Sing`, or `_` if the cell does not have the key."""
    for pair in cell.split("|"):
        name, equals, value = pair.partition("=")
        if equals and name == key:
            return value
    return UNSPECIFIED
