"""Long form, where a row is a step: rows with the same key become one record.

Rows of a group may stand anywhere in any file. A worker that reads a file only needs a row's key; the worker that has
all rows of a group makes the record.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import pydantic

from tfx_sequence.components.sequence_example_gen.readers.cell_values import MISSING, is_missing, parse_cell
from tfx_sequence.schemas.records.rejects import Reason, abbreviate, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


def columns_of(value: Any) -> Any:
    """The columns that a setting names: a list of them, or one."""
    return (value,) if isinstance(value, str) else value


_Columns = Annotated[tuple[str, ...], pydantic.BeforeValidator(columns_of)]


class GroupOptions(Frozen):
    """How rows become records; the options of the readers of long form. One column may stand for a list of one.

    Attributes:
      group_by: The columns that are the same in all rows of a record, and not in two records.
      order_by: The columns that steps are ordered by: as numbers if all that a group has in the column are numbers,
        else as text. Rows that are equal in them, or all rows if there are none, keep the order of reading.
      vectors: For a vector feature that is spread over several columns: its name, and the columns in order.
    """

    group_by: Annotated[_Columns, pydantic.Field(min_length=1)]
    order_by: _Columns = ()
    vectors: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)


class Row(NamedTuple):
    """One row: the number of its file in the order of reading, its position and line there, and its cells."""

    file: int
    position: int
    line: int | None
    cells: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Bytes that `from_bytes` reads back."""
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Row:
        """Reads what `to_bytes` wrote."""
        return cls(*json.loads(data))


class Grouping:
    """Makes records of rows.

    Attributes:
      columns: The columns that are needed, without repetition.
    """

    def __init__(self, spec: SequenceSpec, options: GroupOptions, text: bool) -> None:
        """Takes the spec, the options, and whether cells are text that is yet to be parsed.

        Raises:
          ValueError: if `vectors` does not fit the spec.
        """
        self._spec = spec
        self._options = options
        self._text = text
        for name, columns in options.vectors.items():
            width = spec.features[name].width if name in spec.features else None
            if width != len(columns):
                has = "is no vector feature" if width is None else f"has `width` {width}"
                raise ValueError(f"`vectors` names {len(columns)} columns for {name!r}, which {has}")
        self._columns = {name: options.vectors.get(name, (spec.source(name),)) for name in spec.features}
        needed = [column for columns in self._columns.values() for column in columns]
        self.columns = tuple(dict.fromkeys([*options.group_by, *options.order_by, *needed]))

    def key(self, cells: Mapping[str, Any]) -> bytes:
        """The group of a row, as a SHA-256 digest."""
        return hashlib.sha256(json.dumps([cells[column] for column in self._options.group_by]).encode()).digest()

    def name(self, cells: Mapping[str, Any]) -> str:
        """The group of a row, for a person."""
        return "/".join(str(cells[column]) for column in self._options.group_by)

    def record(self, rows: Iterable[Row]) -> dict[str, Any]:
        """The record of all rows of a group.

        Raises:
          BadRecordError: if a cell is not of its feature's kind, or a context feature is not the same in all rows.
        """
        ordered = self._ordered(sorted(rows, key=lambda row: (row.file, row.position)))
        for row in ordered[1:]:
            self.check_same(ordered[0], row)
        context = {name: self._step(name, ordered[0]) for name in self._spec.context}
        return context | {name: [self._step(name, row) for row in ordered] for name in self._spec.sequence}

    def check_same(self, first: Row, row: Row, place: str = "another row of the group") -> None:
        """Raises BadRecordError if the context features of `row` are not those of `first`, which stands at `place`."""
        for name in self._spec.context:
            if all(row.cells[column] == first.cells[column] for column in self._columns[name]):
                continue
            cells, others = self._context(name, row), self._context(name, first)
            if cells != others:
                message = (
                    f"`{name}` is {_shown(cells)} here and {_shown(others)} in {place}; "
                    "a context feature must be the same in all rows of a group"
                )
                raise bad_record(Reason.INCONSISTENT, message)

    def _ordered(self, rows: list[Row]) -> list[Row]:
        columns = [_sortable(column, [row.cells[column] for row in rows]) for column in self._options.order_by]
        keys = list(zip(*columns, strict=True)) or [()] * len(rows)
        return [rows[index] for index in sorted(range(len(rows)), key=keys.__getitem__)]

    def _context(self, name: str, row: Row) -> list[Any]:
        """The cells of a feature, with None for one that is empty, however it says so."""
        empty = {""} if self._spec.features[name].dtype == "string" else MISSING
        cells = (row.cells[column] for column in self._columns[name])
        return [None if is_missing(cell) or (self._text and cell in empty) else cell for cell in cells]

    def _step(self, name: str, row: Row) -> Any:
        cells = [row.cells[column] for column in self._columns[name]]
        if self._text:
            cells = [parse_cell(name, self._spec.features[name], cell) for cell in cells]
        return cells if name in self._options.vectors else cells[0]


def _shown(cells: list[Any]) -> str:
    if all(cell is None for cell in cells):
        return "empty"
    return abbreviate(cells if len(cells) > 1 else cells[0])


def _sortable(column: str, cells: list[Any]) -> list[Any]:
    """Cells of one column as values that compare with each other."""
    if any(cell is None for cell in cells):
        raise bad_record(Reason.MISSING_FEATURE, f"the column {column!r}, which orders the steps, has an empty cell")
    try:
        return [_number(cell) if isinstance(cell, str) else cell for cell in cells]
    except ValueError:
        return [str(cell) for cell in cells]


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if math.isnan(number):
            raise
        return number
