"""Reads Parquet files, where each row is a record with lists as sequences. In long form, each row is a step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from tfx_sequence.components.sequence_example_gen.files.file_system import FileAccessError
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing
from tfx_sequence.components.sequence_example_gen.readers.decoding.arrow_values import (
    find_unreadable,
    is_always_readable,
    to_python,
)
from tfx_sequence.components.sequence_example_gen.readers.decoding.objects import list_fields, split_source
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions, group_sampled_rows
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    Item,
    Reader,
    keep_records,
    make_text_spec,
)
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec

_T = TypeVar("_T")

_BATCH_ROWS = 1024
"""The number of rows that are in memory as Python values at the same time. It is large enough that the cost of a batch
in Arrow is small. With lists of a thousand steps, the rows still need only some megabytes."""


class ParquetReader(Reader):
    """Reader of Parquet files. The options are the fields of `GroupOptions` in long form; otherwise there are none.

    The `source` of a feature is the name of its column, or a path such as `events.page`: the values of `page` in a
    column `events` of lists of structs. Without options, each row is a record. Columns of lists are
    then sequence features, and columns of lists of lists are vectors or nested features. With `group_by`, each row is a
    step. The module `arrow_values` shows what the values of a type become: dates and times are ISO 8601 text.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        # The source of each key in the dicts that `read` yields.
        self._source_by_key: dict[str, str]
        if options:
            self.grouping = Grouping(spec, GroupOptions.model_validate(dict(options)), is_text=False)
            self._source_by_key = {column: column for column in self.grouping.columns}
        else:
            self._source_by_key = {name: spec.source(name) for name in spec.features}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per row, or in long form the cells of each row."""
        sources = list(self._source_by_key.values())
        # Several features may have the same source, which is read once.
        distinct_sources = list(dict.fromkeys(sources))
        for batch in _read_batches(source, distinct_sources):
            values_by_source = {name: _convert_source(batch, name) for name in distinct_sources}
            are_all_readable = all(is_always_readable(column.type) for column in batch.columns)
            values_by_key = [values_by_source[name] for name in sources]
            for values in zip(*values_by_key, strict=True):
                row = dict(zip(self._source_by_key, values, strict=True))
                # Without `group_by`, a value that is not readable is found when the record is encoded.
                if self.grouping is None or are_all_readable:
                    yield None, row
                else:
                    yield _check_row(row)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the first rows with all columns. In long form, groups the first rows and yields the groups."""
        with source.open_seekable() as stream:
            names = _open_parquet(stream).schema_arrow.names
        spec = make_text_spec(names)
        rows = keep_records(cls(spec, options).read(source))
        if options:
            sampled_rows = [_replace_nan(row) for row in itertools.islice(rows, SAMPLE_SIZE)]
            yield from group_sampled_rows(sampled_rows, GroupOptions.model_validate(dict(options)).group_by)
            return
        for row in rows:
            yield list_fields({spec.source(name): value for name, value in row.items()})


def _read_batches(source: Source, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yields the rows of a file in batches of the columns that contain the values of `names`.

    Raises:
      DamagedFileError: if the file is damaged or not Parquet, or if it lacks a column.
      FileAccessError: if the file system does not open or read the file.
    """
    with source.open_seekable() as stream:
        file = _open_parquet(stream)
        all_columns = file.schema_arrow.names
        columns = [_find_column(name, all_columns) for name in names]
        for name, column in zip(names, columns, strict=True):
            if column is None:
                raise DamagedFileError(f"there is no column {name!r}; the columns are {', '.join(all_columns)}")
        indexes = sorted({all_columns.index(column) for column in columns if column})
        batches = file.iter_batches(_BATCH_ROWS, columns=[all_columns[index] for index in indexes])
        while (batch := _call_arrow(lambda: next(batches, None))) is not None:
            yield batch


def _open_parquet(stream: BinaryIO) -> pq.ParquetFile:
    return _call_arrow(lambda: pq.ParquetFile(stream))


def _call_arrow(function: Callable[[], _T]) -> _T:
    """Calls a function that reads a file by Arrow, and raises its errors as `DamagedFileError`."""
    try:
        return function()
    except FileAccessError:
        raise
    # Damage makes Arrow raise errors of many classes. Errors of the file system were raised before.
    except Exception as error:
        raise DamagedFileError(f"the file is not Parquet, or is damaged: {error}") from None


def _find_column(name: str, columns: Sequence[str]) -> str | None:
    """Returns the column that contains the values of a name: the column itself, or the first key of a path."""
    return next((column for column in (name, split_source(name)[0]) if column in columns), None)


def _convert_source(batch: pa.RecordBatch, name: str) -> list[Any]:
    """Returns the values of a column, or those at a path within it.

    Raises:
      DamagedFileError: if the column has no such field.
    """
    column = _find_column(name, batch.schema.names) or name
    path = () if column == name else split_source(name)[1:]
    try:
        return to_python(batch.column(column), path)
    except KeyError as error:
        dtype = batch.column(column).type
        raise DamagedFileError(f"there is no {name!r}: the column {column!r} is {dtype}, without {error}") from None


def _check_row(row: dict[str, Any]) -> Item:
    """Returns a row in long form, or a reject if it has a value that Python cannot represent."""
    for column, value in row.items():
        if unreadable := find_unreadable(value):
            return bad_record(Reason.WRONG_TYPE, f"the column {column!r} has {unreadable}").reject
    return None, row


def _replace_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row with None in place of NaN. NaN is not equal to itself, so a column of NaN would not be constant."""
    return {name: None if is_missing(value) else value for name, value in row.items()}
