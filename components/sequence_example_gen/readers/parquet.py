"""Reads Parquet files, where each row is a record with lists as sequences. In long form, each row is a step."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions, group_sampled_rows
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    Item,
    Reader,
    keep_records,
    make_text_spec,
)
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec

_BATCH_ROWS = 1024
"""The number of rows that are in memory as Python values at the same time. It is large enough that the cost of a batch
in Arrow is small. With lists of a thousand steps, the rows still need only some megabytes."""


class ParquetReader(Reader):
    """Reader of Parquet files. The options are the fields of `GroupOptions` in long form; otherwise there are none.

    The `source` of a feature is the name of its column. Without options, each row is a record. Columns of lists are
    then sequence features, and columns of lists of lists are vectors or nested features. With `group_by`, each row is a
    step. Dates and times are read as ISO 8601 text.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        # The column of each key in the dicts that `read` yields.
        self._column_by_key: dict[str, str]
        if options:
            self.grouping = Grouping(spec, GroupOptions.model_validate(dict(options)), is_text=False)
            self._column_by_key = {column: column for column in self.grouping.columns}
        else:
            self._column_by_key = {name: spec.source(name) for name in spec.features}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per row, or in long form the cells of each row."""
        try:
            with source.open() as stream:
                yield from self._read_rows(pq.ParquetFile(stream))
        except BadRecordError as error:
            yield error.reject
        except (pa.ArrowException, OSError, ValueError) as error:
            yield bad_record(Reason.MALFORMED, f"the file is not Parquet, or is damaged: {error}").reject

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the first rows with all columns. In long form, groups the first rows and yields the groups."""
        try:
            with source.open() as stream:
                names = pq.ParquetFile(stream).schema_arrow.names
        except pa.ArrowException as error:
            raise bad_record(Reason.MALFORMED, str(error)) from None
        spec = make_text_spec(names)
        rows = keep_records(cls(spec, options).read(source))
        if options:
            sampled_rows = [_replace_nan(row) for row in itertools.islice(rows, SAMPLE_SIZE)]
            yield from group_sampled_rows(sampled_rows, GroupOptions.model_validate(dict(options)).group_by)
            return
        for row in rows:
            yield {spec.source(name): value for name, value in row.items()}

    def _read_rows(self, file: pq.ParquetFile) -> Iterator[Item]:
        keys = list(self._column_by_key)
        columns = list(self._column_by_key.values())
        names = file.schema_arrow.names
        if missing := [column for column in columns if column not in names]:
            message = f"there is no column {missing[0]!r}; the columns are {', '.join(names)}"
            raise bad_record(Reason.MISSING_FEATURE, message)
        # Several features may have the same column, which is read once.
        distinct_columns = list(dict.fromkeys(columns))
        for batch in file.iter_batches(_BATCH_ROWS, columns=distinct_columns):
            values_by_column = {column: _list_values(batch.column(column)) for column in distinct_columns}
            values_by_key = [values_by_column[column] for column in columns]
            for row in zip(*values_by_key, strict=True):
                yield None, dict(zip(keys, row, strict=True))


def _list_values(column: pa.Array) -> list[Any]:
    """Returns the values of a column as Python values. Dates and times become ISO 8601 text, in lists too."""
    values: list[Any] = column.to_pylist()
    return [_format_times(value) for value in values] if _holds_times(column.type) else values


def _holds_times(dtype: pa.DataType) -> bool:
    """Returns whether the values of a type are dates or times, or lists of them at any depth."""
    while pa.types.is_list(dtype) or pa.types.is_large_list(dtype) or pa.types.is_fixed_size_list(dtype):
        dtype = dtype.value_type
    return pa.types.is_temporal(dtype)


def _format_times(value: Any) -> Any:
    """Returns a date or a time as ISO 8601 text. In a list, every date and time is formatted."""
    if isinstance(value, list):
        return [_format_times(item) for item in value]
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value


def _replace_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a row with None in place of NaN. NaN is not equal to itself, so a column of NaN would not be constant."""
    return {name: None if is_missing(value) else value for name, value in row.items()}
