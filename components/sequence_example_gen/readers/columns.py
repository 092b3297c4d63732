"""Column files such as CoNLL-2003 and WNUT: a step a line in columns, an empty line after each sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader, keep_records, make_text_spec
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec

DOCSTART = "-DOCSTART-"
"""The first cell of a line that CoNLL-2003 puts between documents."""

_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")

_EXCERPT_LINES = 5
"""The lines of a bad sequence that its reject shows; an excerpt is cut anyway, and these are enough to find it."""


class ColumnsOptions(Frozen):
    """The options of the format.

    Attributes:
      names: The columns' names, in order. Without names, a feature's `source` is the number of its column.
      separator: The text between columns; any number of spaces and tabs if None.
      extra: What to do with a row of more columns than there are names (or than the sequence's first row has):
        `reject` the sequence, because a value may hold a separator, or `ignore` the columns too many.
    """

    names: tuple[str, ...] = ()
    separator: Annotated[str, pydantic.Field(min_length=1)] | None = None
    extra: Literal["reject", "ignore"] = "reject"


class ColumnsReader(Reader):
    """Reader of column files. Its options are those of `ColumnsOptions`.

    The `source` of a feature is the column's name or its number: from 0, or from -1 backwards. All features are
    sequence features. Lines that are empty or blank end a sequence, and so do lines that begin with `-DOCSTART-`.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = ColumnsOptions.model_validate(dict(options))
        if spec.context:
            raise ValueError(f"`{next(iter(spec.context))}` is a context feature, but a column file has none")
        self._features = {
            name: (_find_column(name, spec.source(name), self._options.names), feature)
            for name, feature in spec.features.items()
        }
        indexes = [index for index, _ in self._features.values()]
        # Index 3 needs four columns, and so does index -4.
        self._min_columns = max(max(indexes) + 1, -min(indexes), len(self._options.names))

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a sequence."""
        sequence: list[tuple[int, str]] = []
        for number, line in source.lines():
            if line.strip(_BLANK) and not self._is_docstart(line):
                sequence.append((number, line))
            elif sequence:
                yield self._make_item(sequence)
                sequence = []
        if sequence:
            yield self._make_item(sequence)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields every column as text, by its name or its number."""
        settings = ColumnsOptions.model_validate(dict(options))
        first = next((line for _, line in source.lines() if line.strip()), "")
        count = len(first.split(settings.separator))
        if not count:
            return
        spec = make_text_spec(settings.names or [str(number) for number in range(count)])
        for record in keep_records(cls(spec, options).read(source)):
            yield {spec.source(name): values for name, values in record.items()}

    def _is_docstart(self, line: str) -> bool:
        return line.startswith(DOCSTART) and self._split_row(line)[0] == DOCSTART

    def _split_row(self, line: str) -> list[str]:
        if self._options.separator is not None:
            return line.split(self._options.separator)
        return _BLANKS.split(line.strip(_BLANK))

    def _make_item(self, sequence: list[tuple[int, str]]) -> Item:
        first = sequence[0][0]
        rows = [self._split_row(line) for _, line in sequence]
        expected = len(self._options.names) or len(rows[0])
        record = {}
        try:
            for (number, _), row in zip(sequence, rows, strict=True):
                self._check_row(number, row, expected)
            for name, (index, feature) in self._features.items():
                record[name] = [parse_cell(name, feature, row[index]) for row in rows]
        except BadRecordError as error:
            excerpt = "\n".join(line for _, line in sequence[:_EXCERPT_LINES])
            return error.reject.at(line=first, excerpt=excerpt)
        return first, record

    def _check_row(self, number: int, row: list[str], expected: int) -> None:
        """Checks the number of a row's columns.

        Raises:
          BadRecordError: if there are too few, or too many and these are not to be ignored.
        """
        is_strict = self._options.extra == "reject"
        least = max(expected, self._min_columns) if is_strict else self._min_columns
        if len(row) < least:
            raise bad_record(Reason.MALFORMED, f"the row has {len(row)} columns, expected {least}", line=number)
        if len(row) > expected and is_strict:
            message = f"the row has {len(row)} columns, expected {expected}; `extra` = 'ignore' takes rows with more"
            raise bad_record(Reason.MALFORMED, message, line=number)


def _find_column(name: str, source: str, names: tuple[str, ...]) -> int:
    """Returns the index of a feature's column; negative if it counts from the last."""
    if source in names:
        return names.index(source)
    if re.fullmatch(r"-?[0-9]+", source, re.ASCII):
        return int(source)
    known = f"one of {', '.join(names)}, or " if names else ""
    raise ValueError(f"`{name}` is to be read from {source!r}, expected {known}the number of a column")
