"""Parquet: a row is a record with lists for sequences, or in long form a row is a step."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec

_BATCH = 1024


class ParquetReader(Reader):
    """Reads Parquet files.

    The `source` of a feature is the column's name. Without options, a row is a record: list columns are sequence
    features, lists of lists are vectors or nested features. With `group_by`, the options are those of `GroupOptions`
    and a row is a step.
    Dates and times are read as ISO 8601 text.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and no options, or the fields of `GroupOptions`."""
        self._columns = {name: spec.source(name) for name in spec.features}
        if options:
            self.grouping = Grouping(spec, GroupOptions.model_validate(dict(options)), text=False)
            self._columns = {column: column for column in self.grouping.columns}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a row, or the cells of each row."""
        try:
            with source.open() as stream:
                yield from self._rows(pq.ParquetFile(stream))
        except BadRecordError as error:
            yield error.reject
        except (pa.ArrowException, OSError, ValueError) as error:
            yield bad_record(Reason.MALFORMED, f"the file is not Parquet, or is damaged: {error}").reject

    def _rows(self, file: pq.ParquetFile) -> Iterator[Item]:
        names = file.schema_arrow.names
        if missing := [column for column in self._columns.values() if column not in names]:
            message = f"there is no column {missing[0]!r}; the columns are {', '.join(names)}"
            raise bad_record(Reason.MISSING_FEATURE, message)
        for batch in file.iter_batches(_BATCH, columns=list(dict.fromkeys(self._columns.values()))):
            columns = {column: _values(batch.column(index)) for index, column in enumerate(batch.schema.names)}
            for row in zip(*(columns[column] for column in self._columns.values()), strict=True):
                yield None, dict(zip(self._columns, row, strict=True))


def _values(column: pa.Array) -> list[Any]:
    values: list[Any] = column.to_pylist()
    if pa.types.is_temporal(column.type):
        return [value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value for value in values]
    return values
