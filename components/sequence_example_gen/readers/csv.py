"""CSV in long form: a row is a step, and rows with the same key make a record."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing, parse_cell
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions, group_sampled_rows
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    Item,
    Reader,
    keep_records,
    make_text_spec,
)
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_NUMBERS = (Feature(kind="integer"), Feature(kind="float"), Feature(kind="float", missing=True))
"""The kinds of numbers that a column may hold, the strictest first."""


class CsvOptions(GroupOptions):
    """The options of the format.

    Attributes:
      delimiter: The character between cells.
      names: The columns' names, if the files have no header.
    """

    delimiter: Annotated[str, pydantic.Field(min_length=1, max_length=1)] = ","
    names: tuple[str, ...] = ()


class CsvReader(Reader):
    """Reader of CSV files (RFC 4180: cells may be quoted, and then hold delimiters and line ends).

    Its options are those of `CsvOptions`. The `source` of a feature is the column's name. A row that cannot be read is
    a reject of its own.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = CsvOptions.model_validate(dict(options))
        self.grouping = Grouping(spec, self._options, text=True)
        self._columns = self.grouping.columns

    def read(self, source: Source) -> Iterator[Item]:
        """Yields the cells of each row."""
        lines = (line for _, line in source.lines(ends=True))
        rows = csv.reader(lines, delimiter=self._options.delimiter, strict=True)
        try:
            names = list(self._options.names) or next(rows, [])
            indexes = _find_columns(names, self._columns)
        except (BadRecordError, csv.Error) as error:
            yield _make_reject(error, 1)
            return
        while True:
            first = rows.line_num + 1
            try:
                row = next(rows)
                if row and len(row) != len(names):
                    raise bad_record(Reason.MALFORMED, f"the row has {len(row)} cells, expected {len(names)}")
            except StopIteration:
                return
            except (BadRecordError, csv.Error) as error:
                yield _make_reject(error, first)
                continue
            if row:
                yield first, {column: row[index] for column, index in indexes.items()}

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the groups among the first rows, with numbers where all cells of a column are numbers."""
        settings = CsvOptions.model_validate(dict(options))
        lines = (line for _, line in source.lines(ends=True))
        try:
            names = list(settings.names) or next(csv.reader(lines, delimiter=settings.delimiter), [])
        except csv.Error as error:
            raise bad_record(Reason.MALFORMED, str(error)) from None
        reader = cls(make_text_spec(names), options)
        rows = list(itertools.islice(keep_records(reader.read(source)), SAMPLE_SIZE))
        columns = {name: [row[name] for row in rows] for name in names}
        for name, cells in columns.items():
            # What names records is text, however it looks: 07 is not 7.
            if name not in settings.group_by:
                columns[name] = _parse_column(cells)
        parsed = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        yield from group_sampled_rows(parsed, settings.group_by)


def _find_columns(names: list[str], columns: tuple[str, ...]) -> dict[str, int]:
    """Returns the index of each column that is needed; none for a file without any.

    Raises:
      BadRecordError: if a column is missing, or a name stands twice.
    """
    if not names:
        return {}
    if repeated := [name for name in names if names.count(name) > 1]:
        raise bad_record(Reason.DUPLICATE_KEY, f"the column {repeated[0]!r} is there twice")
    if missing := [column for column in columns if column not in names]:
        message = f"there is no column {missing[0]!r}; the columns are {', '.join(names)}"
        raise bad_record(Reason.MISSING_FEATURE, message)
    return {column: names.index(column) for column in columns}


def _make_reject(error: BadRecordError | csv.Error, line: int) -> Item:
    if isinstance(error, csv.Error):
        error = bad_record(Reason.MALFORMED, f"the row is not CSV: {error}")
    return error.reject.at(line=line)


def _parse_column(cells: list[str]) -> list[Any]:
    """Returns cells as numbers, with None for one that is missing, if all are numbers; else the cells."""
    for feature in _NUMBERS:
        try:
            values = [parse_cell("", feature, cell) for cell in cells]
        except BadRecordError:
            continue
        return [None if is_missing(value) else value for value in values]
    return cells
