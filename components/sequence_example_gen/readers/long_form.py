"""Groups rows of files in long form into records. In long form, each row is one step.

With `group_by = "user"` and `order_by = "t"`, the rows of all files

    user,t,word             {"user": "u1", "word": ["a", "b"]}
    u1,2,b        become    {"user": "u2", "word": ["c"]}
    u2,1,c
    u1,1,a

The rows of a group may be anywhere in any file. The worker that reads a file computes the key of each row. Beam then
brings the rows with the same key to one worker, which makes the record.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import pydantic

from tfx_sequence.components.sequence_example_gen.readers.cell_values import MISSING, is_missing, parse_cell
from tfx_sequence.schemas.records.rejects import Reason, abbreviate, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


def parse_column_names(value: Any) -> Any:
    """Returns the columns of a setting, whose value may be one column name instead of a list of names."""
    return (value,) if isinstance(value, str) else value


_ColumnNames = Annotated[tuple[str, ...], pydantic.BeforeValidator(parse_column_names)]


class GroupOptions(Frozen):
    """The options of long form, which determine how rows become records.

    Attributes:
      group_by: The columns that form the key of a record: rows with equal cells in these columns form one record. May
        be one name.
      order_by: The columns by which the steps of a record are sorted. May be one name. Cells are compared as numbers if
        all cells of the column in the group are numbers, and as text otherwise. Rows with equal cells, or all rows if
        there are no columns, keep the order in which they were read.
      vectors: The columns, in order, of each vector feature that is spread over several columns, by feature name.
    """

    group_by: Annotated[_ColumnNames, pydantic.Field(min_length=1)]
    order_by: _ColumnNames = ()
    vectors: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)


class FileRow(NamedTuple):
    """One row of a file in long form.

    Attributes:
      file: The number of the file in the order of reading.
      position: The position of the row in the file, from 0.
      line: The line where the row begins, or None in files without lines.
      cells: The cells by column name, of the columns that are needed.
    """

    file: int
    position: int
    line: int | None
    cells: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """Serializes the row for `from_bytes`."""
        return json.dumps(self).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> FileRow:
        """Makes a row from the bytes that `to_bytes` returned."""
        return cls(*json.loads(data))


class Grouping:
    """The rules by which rows are grouped and each group becomes a record.

    Args:
      spec: The features of a record.
      options: The options of the reader.
      is_text: Whether cells are text that must be parsed.

    Raises:
      ValueError: if `vectors` does not fit the spec.

    Attributes:
      columns: The columns that are needed, each of them once.
    """

    def __init__(self, spec: SequenceSpec, options: GroupOptions, is_text: bool) -> None:
        self._spec = spec
        self._options = options
        self._is_text = is_text
        _check_vectors(spec, options.vectors)
        self._feature_columns = {name: options.vectors.get(name, (spec.source(name),)) for name in spec.features}
        columns_of_all_features = itertools.chain.from_iterable(self._feature_columns.values())
        self.columns = tuple(dict.fromkeys([*options.group_by, *options.order_by, *columns_of_all_features]))

    def compute_key(self, cells: Mapping[str, Any]) -> bytes:
        """Computes the key of a row's group, which is the SHA-256 digest of the `group_by` cells."""
        values = [cells[column] for column in self._options.group_by]
        return hashlib.sha256(json.dumps(values).encode()).digest()

    def format_key(self, cells: Mapping[str, Any]) -> str:
        """Returns the key of a row's group as text for messages."""
        return "/".join(str(cells[column]) for column in self._options.group_by)

    def make_record(self, rows: Iterable[FileRow]) -> dict[str, Any]:
        """Makes one record from all rows of a group.

        Raises:
          BadRecordError: if a cell does not fit the kind of its feature, or if a context feature is not the same in all
            rows.
        """
        rows_as_read = sorted(rows, key=lambda row: (row.file, row.position))
        sorted_rows = self._sort_rows(rows_as_read)
        first = sorted_rows[0]
        for row in sorted_rows[1:]:
            self.check_same_context(first, row)
        context = {name: self._parse_cells(name, first) for name in self._spec.context}
        sequence = {name: [self._parse_cells(name, row) for row in sorted_rows] for name in self._spec.sequence}
        return context | sequence

    def check_same_context(self, first: FileRow, row: FileRow, place: str = "another row of the group") -> None:
        """Checks that two rows of a group have the same context features.

        Args:
          first: The row whose context features are expected.
          row: The row to check.
          place: The place of `first`, for the error message.

        Raises:
          BadRecordError: if a context feature is different.
        """
        for name in self._spec.context:
            if all(row.cells[column] == first.cells[column] for column in self._feature_columns[name]):
                continue
            # Different cells may have the same meaning, because there are many spellings of a missing number.
            cells = self._normalize_context(name, row)
            expected = self._normalize_context(name, first)
            if cells != expected:
                message = (
                    f"`{name}` is {_describe_cells(cells)} here and {_describe_cells(expected)} in {place}; "
                    "a context feature must be the same in all rows of a group"
                )
                raise bad_record(Reason.INCONSISTENT, message)

    def _sort_rows(self, rows: list[FileRow]) -> list[FileRow]:
        """Sorts rows by their `order_by` columns. Rows with equal cells keep their order."""
        if not self._options.order_by:
            return rows
        sort_columns = []
        for column in self._options.order_by:
            cells = [row.cells[column] for row in rows]
            sort_columns.append(_make_sortable(column, cells))
        keys = list(zip(*sort_columns, strict=True))
        keyed_rows = sorted(zip(keys, rows, strict=True), key=lambda keyed_row: keyed_row[0])
        return [row for _, row in keyed_rows]

    def _normalize_context(self, name: str, row: FileRow) -> list[Any]:
        """Returns the cells of a feature, with None for every spelling of an empty cell."""
        empty_cells = {""} if self._spec.features[name].dtype == "string" else MISSING
        cells = (row.cells[column] for column in self._feature_columns[name])
        return [None if is_missing(cell) or (self._is_text and cell in empty_cells) else cell for cell in cells]

    def _parse_cells(self, name: str, row: FileRow) -> Any:
        """Returns the value of a feature in a row: a list of the cells if `vectors` lists its columns, or one cell."""
        cells = [row.cells[column] for column in self._feature_columns[name]]
        if self._is_text:
            cells = [parse_cell(name, self._spec.features[name], cell) for cell in cells]
        return cells if name in self._options.vectors else cells[0]


def group_sampled_rows(rows: Iterable[dict[str, Any]], group_by: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Groups rows into records without a spec, so that the context features must be guessed from the rows.

    A column becomes a context feature, with a single value, if it is in `group_by` or if it is constant in each group.
    All other columns become lists::

        u1,7,a
        u1,7,b   ->   {"user": "u1", "age": 7, "word": ["a", "b"]}
        u2,9,c        {"user": "u2", "age": 9, "word": ["c"]}

    If every group has only one row, all columns are constant, which says nothing. Then only the `group_by` columns
    become context features.
    """
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in group_by), []).append(row)
    if not groups:
        return
    columns = list(next(iter(groups.values()))[0])
    context_columns = set(group_by)
    if any(len(group) > 1 for group in groups.values()):
        context_columns |= {column for column in columns if _is_constant_per_group(column, groups.values())}
    for group in groups.values():
        record = {}
        for column in columns:
            cells = [row[column] for row in group]
            record[column] = cells[0] if column in context_columns else cells
        yield record


def _check_vectors(spec: SequenceSpec, vectors: Mapping[str, Sequence[str]]) -> None:
    """Checks that each key of `vectors` is a vector feature, and that it has as many columns as its width.

    Raises:
      ValueError: if this is not the case.
    """
    for name, columns in vectors.items():
        width = spec.features[name].width if name in spec.features else None
        if width != len(columns):
            actual = "is no vector feature" if width is None else f"has `width` {width}"
            raise ValueError(f"`vectors` names {len(columns)} columns for {name!r}, which {actual}")


def _is_constant_per_group(column: str, groups: Iterable[list[dict[str, Any]]]) -> bool:
    return all(row[column] == group[0][column] for group in groups for row in group)


def _describe_cells(cells: list[Any]) -> str:
    if all(cell is None for cell in cells):
        return "empty"
    return abbreviate(cells if len(cells) > 1 else cells[0])


def _make_sortable(column: str, cells: list[Any]) -> list[Any]:
    """Returns the cells of one column as values that can be compared with each other.

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
    """Parses text as an int if possible, because a large int is not exact as a float, and as a float otherwise.

    Raises:
      ValueError: if the text is not a number, or if it is NaN, which cannot be sorted.
    """
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if math.isnan(number):
            raise
        return number
