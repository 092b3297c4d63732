"""Long form, where a row is a step: rows with the same key become one record.

With `group_by = "user"` and `order_by = "t"`, the rows of all files

    user,t,word             {"user": "u1", "word": ["a", "b"]}
    u1,2,b        become    {"user": "u2", "word": ["c"]}
    u2,1,c
    u1,1,a

Rows of a group may stand anywhere in any file. A worker that reads a file only needs a row's key; the worker that has
all rows of a group makes the record.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import pydantic

from tfx_sequence.components.sequence_example_gen.readers.cell_values import MISSING, is_missing, parse_cell
from tfx_sequence.schemas.records.rejects import Reason, abbreviate, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


def list_columns(value: Any) -> Any:
    """Returns the columns that a setting names, where one column may stand for a list of one."""
    return (value,) if isinstance(value, str) else value


_Columns = Annotated[tuple[str, ...], pydantic.BeforeValidator(list_columns)]


class GroupOptions(Frozen):
    """The options of long form, which say how rows become records. One column may stand for a list of one.

    Attributes:
      group_by: The columns that are the same in all rows of a record, and not in two records.
      order_by: The columns that steps are ordered by: as numbers if all that a group has in the column are numbers,
        else as text. Rows that are equal in them, or all rows if there are none, keep the order of reading.
      vectors: For a vector feature that is spread over several columns: its name, and the columns in order.
    """

    group_by: Annotated[_Columns, pydantic.Field(min_length=1)]
    order_by: _Columns = ()
    vectors: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)


class FileRow(NamedTuple):
    """One row of a file in long form.

    Attributes:
      file: The number of its file in the order of reading.
      position: Its position in the file, from 0.
      line: The line where it begins, None in files without lines.
      cells: Column to cell, of the columns that are needed.
    """

    file: int
    position: int
    line: int | None
    cells: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Returns bytes that `from_bytes` reads back."""
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> FileRow:
        """Reads what `to_bytes` wrote."""
        return cls(*json.loads(data))


class Grouping:
    """The way in which rows become records.

    Args:
      spec: The features of a record.
      options: The options of the reader.
      text: Whether cells are text that is yet to be parsed.

    Raises:
      ValueError: if `vectors` does not fit the spec.

    Attributes:
      columns: The columns that are needed, without repetition.
    """

    def __init__(self, spec: SequenceSpec, options: GroupOptions, text: bool) -> None:
        self._spec = spec
        self._options = options
        self._is_text = text
        for name, columns in options.vectors.items():
            width = spec.features[name].width if name in spec.features else None
            if width != len(columns):
                has = "is no vector feature" if width is None else f"has `width` {width}"
                raise ValueError(f"`vectors` names {len(columns)} columns for {name!r}, which {has}")
        self._columns = {name: options.vectors.get(name, (spec.source(name),)) for name in spec.features}
        needed = [column for columns in self._columns.values() for column in columns]
        self.columns = tuple(dict.fromkeys([*options.group_by, *options.order_by, *needed]))

    def compute_key(self, cells: Mapping[str, Any]) -> bytes:
        """Computes the group of a row, as a SHA-256 digest."""
        values = [cells[column] for column in self._options.group_by]
        return hashlib.sha256(json.dumps(values).encode()).digest()

    def format_key(self, cells: Mapping[str, Any]) -> str:
        """Returns the group of a row, for a person."""
        return "/".join(str(cells[column]) for column in self._options.group_by)

    def make_record(self, rows: Iterable[FileRow]) -> dict[str, Any]:
        """Makes the record of all rows of a group.

        Raises:
          BadRecordError: if a cell is not of its feature's kind, or a context feature is not the same in all rows.
        """
        ordered = self._order_rows(sorted(rows, key=lambda row: (row.file, row.position)))
        for row in ordered[1:]:
            self.check_same_context(ordered[0], row)
        context = {name: self._parse_step(name, ordered[0]) for name in self._spec.context}
        sequence = {name: [self._parse_step(name, row) for row in ordered] for name in self._spec.sequence}
        return context | sequence

    def check_same_context(self, first: FileRow, row: FileRow, place: str = "another row of the group") -> None:
        """Checks that a row has the context features of another one, which stands at `place`.

        Raises:
          BadRecordError: if one of them differs.
        """
        for name in self._spec.context:
            if all(row.cells[column] == first.cells[column] for column in self._columns[name]):
                continue
            # Cells that differ may still say the same: a missing number has many spellings.
            cells = self._normalize_context(name, row)
            expected = self._normalize_context(name, first)
            if cells != expected:
                message = (
                    f"`{name}` is {_describe_cells(cells)} here and {_describe_cells(expected)} in {place}; "
                    "a context feature must be the same in all rows of a group"
                )
                raise bad_record(Reason.INCONSISTENT, message)

    def _order_rows(self, rows: list[FileRow]) -> list[FileRow]:
        """Returns rows by their `order_by` columns; rows that are equal in them keep their order."""
        columns = [_make_sortable(column, [row.cells[column] for row in rows]) for column in self._options.order_by]
        keys = list(zip(*columns, strict=True)) or [()] * len(rows)
        return [rows[index] for index in sorted(range(len(rows)), key=keys.__getitem__)]

    def _normalize_context(self, name: str, row: FileRow) -> list[Any]:
        """Returns the cells of a feature, with None for one that is empty, however it says so."""
        empty = {""} if self._spec.features[name].dtype == "string" else MISSING
        cells = (row.cells[column] for column in self._columns[name])
        return [None if is_missing(cell) or (self._is_text and cell in empty) else cell for cell in cells]

    def _parse_step(self, name: str, row: FileRow) -> Any:
        cells = [row.cells[column] for column in self._columns[name]]
        if self._is_text:
            cells = [parse_cell(name, self._spec.features[name], cell) for cell in cells]
        return cells if name in self._options.vectors else cells[0]


def group_sampled_rows(rows: Iterable[dict[str, Any]], group_by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yields rows as records when there is no spec that says which columns are context features.

    A column that has one value in each group, and those that rows are grouped by, become single values; others lists::

        u1,7,a
        u1,7,b   ->   {"user": "u1", "age": 7, "word": ["a", "b"]}
        u2,9,c        {"user": "u2", "age": 9, "word": ["c"]}

    Where every group has one row, all columns have one value in each, and none is taken for context.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in group_by), []).append(row)
    if not groups:
        return
    columns = list(next(iter(groups.values()))[0])
    single = set(group_by)
    if any(len(group) > 1 for group in groups.values()):
        single |= {column for column in columns if _has_one_value_a_group(column, groups.values())}
    for group in groups.values():
        yield {name: group[0][name] if name in single else [row[name] for row in group] for name in columns}


def _has_one_value_a_group(column: str, groups: Iterable[list[dict[str, Any]]]) -> bool:
    return all(row[column] == group[0][column] for group in groups for row in group)


def _describe_cells(cells: list[Any]) -> str:
    if all(cell is None for cell in cells):
        return "empty"
    return abbreviate(cells if len(cells) > 1 else cells[0])


def _make_sortable(column: str, cells: list[Any]) -> list[Any]:
    """Returns the cells of one column as values that compare with each other.

    Raises:
      BadRecordError: if a cell is empty.
    """
    if any(cell is None for cell in cells):
        raise bad_record(Reason.MISSING_FEATURE, f"the column {column!r}, which orders the steps, has an empty cell")
    try:
        return [_parse_number(cell) if isinstance(cell, str) else cell for cell in cells]
    except ValueError:
        return [str(cell) for cell in cells]


def _parse_number(text: str) -> float:
    """Returns text as an integer, which stays exact, or as a float.

    Raises:
      ValueError: if it is no number, or NaN, which has no place in an order.
    """
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if math.isnan(number):
            raise
        return number
