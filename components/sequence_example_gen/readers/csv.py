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
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record, make_writable
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_NUMBER_FEATURES = (Feature(kind="integer"), Feature(kind="float"), Feature(kind="float", missing=True))
"""The features with which the cells of a sampled column are parsed, in this order, until all cells can be parsed."""


_NO_LIMIT = 2**31 - 1
"""The limit of the characters of a cell, as Python's csv module counts them. Its own limit would cut a longer cell, and
read what follows in the cell as rows. The lines of a file are limited already."""

_MAX_LISTED_COLUMNS = 20
"""The maximum number of columns that a message lists. A longer list would hide the message."""

_QUOTE_ADVICE = "if quotes are ordinary characters in this file, set the option `quote` to an empty text"

_DOUBTFUL_QUOTE = (
    "the line is part of a quoted cell over several lines, but the cell begins and ends in what look like whole rows; "
    f"{_QUOTE_ADVICE}; if the cell does span these lines, set `quote` to '\"'"
)


class CsvOptions(GroupOptions):
    """The options of the format `csv`.

    Attributes:
      delimiter: The character between cells.
      quote: The character around a cell that contains delimiters or line ends; an empty text if there is none, so that
        quotes are ordinary characters. If not given, it is `"`, and a quoted cell over several lines is refused if the
        first and the last line look like rows of their own, because its quotes may be ordinary characters.
      names: The names of the columns, for files without a header. A column with an empty name is ignored.
    """

    delimiter: Annotated[str, pydantic.Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, pydantic.Field(max_length=1)] | None = None
    names: tuple[str, ...] = ()

    @property
    def dialect(self) -> dict[str, Any]:
        """The arguments of `csv.reader`."""
        quoting = csv.QUOTE_NONE if self.quote == "" else csv.QUOTE_MINIMAL
        return {"delimiter": self.delimiter, "quotechar": self.quote or '"', "quoting": quoting, "strict": True}


class CsvReader(Reader):
    """Reader of CSV files as in RFC 4180, where a quoted cell may contain delimiters and line ends.

    The options are the fields of `CsvOptions`. The `source` of a feature is the name of its column. Each row that
    cannot be read becomes a reject, and reading continues with the next row. If a quoted cell over several lines is
    wrong, each of its lines is read as a row by itself, so that one quote does not hide the rows after it.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = CsvOptions.model_validate(dict(options))
        self.grouping = Grouping(spec, self._options, is_text=True)
        self._needed_columns = self.grouping.columns

    def read(self, source: Source) -> Iterator[Item]:
        """Yields the cells of each row. Empty rows are skipped."""
        csv.field_size_limit(_NO_LIMIT)
        lines: list[str] = []  # The lines of the row that is read.
        rows = csv.reader(_take_lines(source, lines), **self._options.dialect)
        try:
            names = list(self._options.names) or next(filter(None, rows), [])
        except csv.Error as error:
            raise _make_header_error(error) from None
        columns = _Columns(names, self._needed_columns)
        # A `for` loop would end at the first error, but the next row can still be read.
        while True:
            # The line where the next row begins. A row spans several lines if a quoted cell contains line ends.
            first_line = rows.line_num + 1
            lines.clear()
            try:
                row = next(rows, None)
            except csv.Error:
                yield from self._read_each_line(source, lines, first_line, columns)
                continue
            if row is None:
                return
            if len(lines) > 1 and source.long_lines:
                # The end of a long line is not known, and neither is the end of a quoted cell in it.
                yield from self._read_each_line(source, lines, first_line, columns)
            elif len(lines) > 1 and self._is_doubtful(lines, len(names)):
                for number, line in enumerate(lines, first_line):
                    yield _make_reject(bad_record(Reason.MALFORMED, _DOUBTFUL_QUOTE), number, line)
            elif row:
                yield columns.make_item(row, first_line, lines)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Groups the first rows and yields the groups. A column becomes numbers if all its cells are numbers."""
        settings = CsvOptions.model_validate(dict(options))
        csv.field_size_limit(_NO_LIMIT)
        rows_as_read = csv.reader(_take_lines(source, []), **settings.dialect)
        try:
            header = list(settings.names) or next(filter(None, rows_as_read), [])
        except csv.Error as error:
            raise _make_header_error(error) from None
        # The header is known now, so the file is read again from its start.
        names = [name for name in header if name.strip()]
        # A column whose name is not UTF-8 cannot be read. It has empty cells here, so that it is reported as left out.
        reader = cls(make_text_spec([name for name in names if make_writable(name) == name]), options)
        rows = list(itertools.islice(keep_records(reader.read(source)), SAMPLE_SIZE))
        columns: dict[str, list[Any]] = {}
        for name in names:
            cells = [row.get(name, "") for row in rows]
            # The key of a record stays text, even if it looks like a number: the keys 07 and 7 are different.
            columns[name] = cells if name in settings.group_by else _parse_column(cells)
        yield from group_sampled_rows(_transpose(columns), settings.group_by)

    def _is_doubtful(self, lines: list[str], num_cells: int) -> bool:
        """Returns whether the quotes of a row over several lines may be ordinary characters.

        The first and the last line then look like rows of their own. In this example, two tokens are quotes::

            user,t,word
            u1,1,"
            u1,2,to
            u1,3,"
        """
        if self._options.quote is not None or num_cells == 1:
            return False
        ends = (lines[0], lines[-1])
        return all(line.count(self._options.delimiter) == num_cells - 1 for line in ends)

    def _read_each_line(self, source: Source, lines: list[str], first_line: int, columns: _Columns) -> Iterator[Item]:
        """Yields the items of lines that are no row together. Each line is read as a row by itself.

        Args:
          source: The file.
          lines: The lines.
          first_line: The number of the first line.
          columns: The columns of the file.
        """
        long_lines = set(source.long_lines)
        source.long_lines.clear()  # They are reported here, at their places.
        for number, line in enumerate(lines, first_line):
            if number in long_lines:
                yield source.make_long_line_reject(number)
                continue
            try:
                row = next(csv.reader([line], **self._options.dialect), [])
            except csv.Error as error:
                yield _make_reject(error, number, line)
                continue
            if row:
                yield columns.make_item(row, number, [line])


class _Columns:
    """The columns of a file.

    Args:
      names: The names of all columns. A column without a name is ignored.
      needed_columns: The names of the columns that are needed.

    Raises:
      DamagedFileError: if a needed column is missing, or if its name occurs twice. A file without any column is empty,
        which is no error here.
    """

    def __init__(self, names: list[str], needed_columns: tuple[str, ...]) -> None:
        self._num_cells = len(names)
        indexes: dict[str, int] = {}
        repeated = set()
        for index, name in enumerate(names):
            if name in indexes:
                repeated.add(name)
            indexes[name] = index
        for column in needed_columns if names else ():
            if column in repeated:
                raise DamagedFileError(f"the column {column!r} occurs twice", line=1)
            if column not in indexes:
                listed = ", ".join(name for name in names[:_MAX_LISTED_COLUMNS] if name.strip())
                rest = ", ..." if len(names) > _MAX_LISTED_COLUMNS else ""
                message = f"there is no column {column!r}; the columns are {listed}{rest}"
                raise DamagedFileError(message, line=1)
        self._indexes = {column: indexes[column] for column in needed_columns} if names else {}

    def make_item(self, row: list[str], first_line: int, lines: list[str]) -> Item:
        """Returns the cells of the needed columns with the first line of the row, or a reject if a cell is missing.

        Args:
          row: The cells of the row.
          first_line: The number of the line where the row begins.
          lines: The lines of the row, for the excerpt of a reject.
        """
        if len(row) != self._num_cells:
            error = bad_record(Reason.MALFORMED, f"the row has {len(row)} cells, expected {self._num_cells}")
            return _make_reject(error, first_line, "".join(lines))
        return first_line, {column: row[index] for column, index in self._indexes.items()}


def _take_lines(source: Source, taken: list[str]) -> Iterator[str]:
    """Yields the lines of a file with their ends, and adds each line to `taken`."""
    for _, line in source.lines(ends="keep"):
        taken.append(line)
        yield line


def _make_header_error(error: csv.Error) -> DamagedFileError:
    return DamagedFileError(f"the row with the names of the columns is not CSV: {error}", line=1)


def _make_reject(error: BadRecordError | csv.Error, line: int, text: str) -> Reject:
    """Makes the reject of a row.

    Args:
      error: What is wrong.
      line: The number of the line where the row begins.
      text: The text of the row.
    """
    if isinstance(error, csv.Error):
        # The only errors of a line by itself are those of its quotes.
        error = bad_record(Reason.MALFORMED, f"the row is not CSV: {error}; {_QUOTE_ADVICE}")
    return error.reject.at(line=line, excerpt=text.rstrip("\r\n"))


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
