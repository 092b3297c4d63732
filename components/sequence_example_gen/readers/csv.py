"""Reads CSV files in long form, where each row is a step and the rows with the same key form a record."""

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
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_NUMBER_FEATURES = (Feature(kind="integer"), Feature(kind="float"), Feature(kind="float", missing=True))
"""The features with which the cells of a sampled column are parsed, in this order, until all cells can be parsed."""


class CsvOptions(GroupOptions):
    """The options of the format `csv`.

    Attributes:
      delimiter: The character between cells.
      names: The names of the columns, for files without a header.
    """

    delimiter: Annotated[str, pydantic.Field(min_length=1, max_length=1)] = ","
    names: tuple[str, ...] = ()


class CsvReader(Reader):
    """Reader of CSV files as in RFC 4180, where a quoted cell may contain delimiters and line ends.

    The options are the fields of `CsvOptions`. The `source` of a feature is the name of its column. Each row that
    cannot be read becomes a reject, and reading continues with the next row.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = CsvOptions.model_validate(dict(options))
        self.grouping = Grouping(spec, self._options, is_text=True)
        self._needed_columns = self.grouping.columns

    def read(self, source: Source) -> Iterator[Item]:
        """Yields the cells of each row. Empty rows are skipped."""
        lines = (line for _, line in source.lines(ends=True))
        rows = csv.reader(lines, delimiter=self._options.delimiter, strict=True)
        try:
            names = list(self._options.names) or next(rows, [])
        except csv.Error as error:
            raise DamagedFileError(f"the row with the names of the columns is not CSV: {error}", line=1) from None
        indexes = _find_column_indexes(names, self._needed_columns)
        # A `for` loop would end at the first error, but the next row can still be read.
        while True:
            # The line where the next row begins. A row spans several lines if a quoted cell contains line ends.
            first_line = rows.line_num + 1
            try:
                row = next(rows, None)
            except csv.Error as error:
                yield _make_reject(error, first_line)
                continue
            if row is None:
                return
            if row:
                yield _make_item(row, first_line, len(names), indexes)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Groups the first rows and yields the groups. A column becomes numbers if all its cells are numbers."""
        settings = CsvOptions.model_validate(dict(options))
        lines = (line for _, line in source.lines(ends=True))
        try:
            names = list(settings.names) or next(csv.reader(lines, delimiter=settings.delimiter), [])
        except csv.Error as error:
            raise DamagedFileError(f"the row with the names of the columns is not CSV: {error}", line=1) from None
        # The header is known now, so the file is read again from its start.
        reader = cls(make_text_spec(names), options)
        rows = list(itertools.islice(keep_records(reader.read(source)), SAMPLE_SIZE))
        columns: dict[str, list[Any]] = {}
        for name in names:
            cells = [row[name] for row in rows]
            # The key of a record stays text, even if it looks like a number: the keys 07 and 7 are different.
            columns[name] = cells if name in settings.group_by else _parse_column(cells)
        yield from group_sampled_rows(_transpose(columns), settings.group_by)


def _find_column_indexes(names: list[str], needed_columns: tuple[str, ...]) -> dict[str, int]:
    """Returns the index of each column that is needed, or an empty dict if the file has no column names.

    A file has no column names if it is empty.

    Args:
      names: The names of all columns of the file.
      needed_columns: The names of the columns that are needed.

    Raises:
      DamagedFileError: if a needed column is missing, or if a name occurs twice.
    """
    if not names:
        return {}
    if repeated := [name for name in names if names.count(name) > 1]:
        raise DamagedFileError(f"the column {repeated[0]!r} occurs twice", line=1)
    if missing := [column for column in needed_columns if column not in names]:
        message = f"there is no column {missing[0]!r}; the columns are {', '.join(names)}"
        raise DamagedFileError(message, line=1)
    return {column: names.index(column) for column in needed_columns}


def _make_item(row: list[str], first_line: int, num_cells: int, indexes: Mapping[str, int]) -> Item:
    """Returns the cells of the needed columns with the first line of the row, or a reject if a cell is missing."""
    if len(row) != num_cells:
        error = bad_record(Reason.MALFORMED, f"the row has {len(row)} cells, expected {num_cells}")
        return _make_reject(error, first_line)
    return first_line, {column: row[index] for column, index in indexes.items()}


def _make_reject(error: BadRecordError | csv.Error, line: int) -> Reject:
    if isinstance(error, csv.Error):
        error = bad_record(Reason.MALFORMED, f"the row is not CSV: {error}")
    return error.reject.at(line=line)


def _parse_column(cells: list[str]) -> list[Any]:
    """Returns the cells as numbers if all of them are numbers, and as they are otherwise. Missing numbers are None."""
    for feature in _NUMBER_FEATURES:
        try:
            # The name is only used in the message of the error, which is discarded.
            values = [parse_cell("", feature, cell) for cell in cells]
        except BadRecordError:
            continue
        return [None if is_missing(value) else value for value in values]
    return cells


def _transpose(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Returns the rows of columns of equal length. Each row is a dict of column name to cell."""
    rows_of_cells = zip(*columns.values(), strict=True)
    return [dict(zip(columns, cells, strict=True)) for cells in rows_of_cells]
