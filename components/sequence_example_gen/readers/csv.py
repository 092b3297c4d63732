"""CSV in long form: a row is a step, and rows with the same key make a record."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec


class CsvOptions(GroupOptions):
    """What the reader takes beside the spec.

    Attributes:
      delimiter: What stands between cells.
      names: The columns' names, if the files have no header.
    """

    delimiter: Annotated[str, pydantic.Field(min_length=1, max_length=1)] = ","
    names: tuple[str, ...] = ()


class CsvReader(Reader):
    """Reads CSV files (RFC 4180: cells may be quoted, and then hold delimiters and line ends).

    The `source` of a feature is the column's name. A row that cannot be read is a reject of its own.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `CsvOptions`."""
        self._options = CsvOptions.model_validate(dict(options))
        self.grouping = Grouping(spec, self._options, text=True)
        self._columns = self.grouping.columns

    def read(self, source: Source) -> Iterator[Item]:
        """Yields the cells of each row."""
        lines = (line for _, line in source.lines(ends=True))
        rows = csv.reader(lines, delimiter=self._options.delimiter, strict=True)
        try:
            names = list(self._options.names) or next(rows, [])
            indexes = _indexes(names, self._columns)
        except (BadRecordError, csv.Error) as error:
            yield _reject(error, 1)
            return
        while True:
            first = rows.line_num + 1
            try:
                row = next(rows)
                if len(row) != len(names) and row:
                    raise bad_record(Reason.MALFORMED, f"the row has {len(row)} cells, expected {len(names)}")
            except StopIteration:
                return
            except (BadRecordError, csv.Error) as error:
                yield _reject(error, first)
                continue
            if row:
                yield first, {column: row[index] for column, index in indexes.items()}


def _indexes(names: list[str], columns: tuple[str, ...]) -> dict[str, int]:
    if twice := [name for name in names if names.count(name) > 1]:
        raise bad_record(Reason.DUPLICATE_KEY, f"the column {twice[0]!r} is there twice")
    if missing := [column for column in columns if names and column not in names]:
        message = f"there is no column {missing[0]!r}; the columns are {', '.join(names)}"
        raise bad_record(Reason.MISSING_FEATURE, message)
    return {column: names.index(column) for column in columns if names}


def _reject(error: BadRecordError | csv.Error, line: int) -> Item:
    if isinstance(error, csv.Error):
        error = bad_record(Reason.MALFORMED, f"the row is not CSV: {error}")
    return error.reject.at(line=line)
