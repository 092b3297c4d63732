"""The first records of a file as they are, before there is a spec to read them by.

The readers themselves read them, by a spec that takes every column for text.
"""

from __future__ import annotations

import csv
import itertools
import posixpath
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery.inspect import readable
from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.compression import BrokenFileError
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing, parse_cell
from tfx_sequence.components.sequence_example_gen.readers.columns import ColumnsOptions, ColumnsReader
from tfx_sequence.components.sequence_example_gen.readers.csv import CsvOptions, CsvReader
from tfx_sequence.components.sequence_example_gen.readers.json import JsonlReader, JsonReader
from tfx_sequence.components.sequence_example_gen.readers.long_form import GroupOptions
from tfx_sequence.components.sequence_example_gen.readers.npz import NpzOptions
from tfx_sequence.components.sequence_example_gen.readers.parallel import ParallelReader
from tfx_sequence.components.sequence_example_gen.readers.parquet import ParquetReader
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, wrong_options
from tfx_sequence.components.sequence_example_gen.readers.ts import LABEL, VALUES, SeriesReader
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.spec import Feature, SequenceSpec

RECORDS = 1000
"""How many records are looked at, or rows in long form."""

Record: TypeAlias = dict[str, Any]
"""What a reader knows a feature by, to its value or a list of them."""

Options: TypeAlias = Mapping[str, Any]

_TEXT = Feature(kind="token")
_KINDS = (Feature(kind="integer"), Feature(kind="float"), Feature(kind="float", missing=True))


def sample(files: Iterable[str], read: ReadConfig) -> tuple[list[Record], str]:
    """Looks at the first records.

    Returns:
      Up to `RECORDS` records of the first file that has any; a number that is missing is None or NaN. And if no record
      can be read, why not, as far as that is known.

    Raises:
      ValueError: if the format cannot be looked into, or its options are wrong.
    """
    if read.format not in _SAMPLERS:
        raise ValueError(f"the features of the format {read.format!r} cannot be found out; name them")
    problem = ""
    for path in files:
        try:
            records = list(itertools.islice(_SAMPLERS[read.format](Source(path), read.options), RECORDS))
        except BadRecordError as error:
            line = f"line {error.reject.line}: " if error.reject.line else ""
            problem = problem or line + error.reject.message
            continue
        except pydantic.ValidationError as error:
            raise ValueError(wrong_options(read, error)) from None
        except (BrokenFileError, pa.ArrowException, OSError, csv.Error) as error:
            problem = problem or str(error)
            continue
        if records:
            return records, ""
    return [], problem


def _jsonl(source: Source, options: Options) -> Iterator[Record]:
    return _good(JsonlReader(_probe([]), options).read(source))


def _json(source: Source, options: Options) -> Iterator[Record]:
    return _good(JsonReader(_probe([]), options).read(source))


def _csv(source: Source, options: Options) -> Iterator[Record]:
    settings = CsvOptions.model_validate(dict(options))
    lines = (line for _, line in source.lines(ends=True))
    names = list(settings.names) or next(csv.reader(lines, delimiter=settings.delimiter), [])
    rows = list(itertools.islice(_good(CsvReader(_probe(names), options).read(source)), RECORDS))
    # What names records is text, however it looks: 07 is not 7.
    columns = {name: [row[name] for row in rows] for name in names}
    columns = {name: cells if name in settings.group_by else _parsed(cells) for name, cells in columns.items()}
    parsed = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return _grouped(parsed, settings.group_by)


def _parquet(source: Source, options: Options) -> Iterator[Record]:
    with source.open() as stream:
        names = pq.ParquetFile(stream).schema_arrow.names
    spec = _probe(names)
    rows = _good(ParquetReader(spec, options).read(source))
    if options:
        group_by = GroupOptions.model_validate(dict(options)).group_by
        return _grouped(map(_without_nan, itertools.islice(rows, RECORDS)), group_by)
    return ({spec.source(name): value for name, value in row.items()} for row in rows)


def _npz(source: Source, options: Options) -> Iterator[Record]:
    settings = NpzOptions.model_validate(dict(options))
    try:
        with source.open() as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile):  # No archive, or one with objects in it, which may be code.
        return
    lengths = arrays.pop(settings.lengths, np.zeros(0, np.int64))
    of_record = {name for name, array in arrays.items() if len(array) == len(lengths)}
    ends = np.cumsum(lengths)
    for number, (start, end) in enumerate(zip(ends - lengths, ends, strict=True)):
        values = {name: array[number if name in of_record else slice(start, end)] for name, array in arrays.items()}
        yield {name: value.tolist() for name, value in values.items()}


def _series(source: Source, options: Options) -> Iterator[Record]:
    values = {VALUES: Feature(kind="vector", width=1)}
    label = {LABEL: Feature(kind="token", context=True)}
    for features in (values | label, values):
        reader = SeriesReader(SequenceSpec(features=features), options)
        items = list(itertools.islice(reader.read(source), RECORDS))
        if not all(isinstance(item, Reject) for item in items):
            break
    return _good(items)


def _columns(source: Source, options: Options) -> Iterator[Record]:
    settings = ColumnsOptions.model_validate(dict(options))
    first = next((line for _, line in source.lines() if line.strip()), "")
    count = len(first.split(settings.separator))
    if not count:
        return iter(())
    spec = _probe(settings.names or [str(number) for number in range(count)])
    records = _good(ColumnsReader(spec, options).read(source))
    return ({spec.source(name): values for name, values in record.items()} for record in records)


def _parallel(source: Source, options: Options) -> Iterator[Record]:
    folder = posixpath.dirname(source.path)
    spec = _probe([posixpath.basename(path) for path in storage.match(storage.join(folder, "*"))])
    lines = list(itertools.islice(_good(ParallelReader(spec, options).read(source)), RECORDS))
    single = {name for name in spec.features if all(len(line[name]) == 1 for line in lines)}
    # Where all files have one value a line, these are sequences of one step.
    single = set() if len(single) == len(spec.features) else single
    return (
        {spec.source(name): value[0] if name in single else value for name, value in line.items()} for line in lines
    )


def _sequence_examples(source: Source, options: Options) -> Iterator[Record]:
    with source.open() as stream:
        good = (record for record in read_tfrecords(stream) if isinstance(record, bytes))
        records = [readable(parse_example(record)) for record in itertools.islice(good, RECORDS)]
    # A step of one value is that value, also where other steps are lists.
    lists = {
        name
        for record in records
        for name, steps in record.items()
        if isinstance(steps, list) and any(isinstance(step, list) and len(step) > 1 for step in steps)
    }
    for record in records:
        for name in lists & record.keys():
            record[name] = [step if isinstance(step, list) else [step] for step in record[name]]
    return iter(records)


_SAMPLERS: dict[str, Callable[[Source, Options], Iterator[Record]]] = {
    "columns": _columns,
    "csv": _csv,
    "json": _json,
    "jsonl": _jsonl,
    "npz": _npz,
    "parallel": _parallel,
    "parquet": _parquet,
    "sequence_example": _sequence_examples,
    "ts": _series,
}


def _probe(sources: Sequence[str]) -> SequenceSpec:
    """Every column as text, under names that are allowed whatever the columns are called."""
    features = {f"c{number}": Feature(kind="token", source=source) for number, source in enumerate(sources)}
    return SequenceSpec(features=features or {"any": _TEXT})


def _good(items: Iterable[Item]) -> Iterator[Any]:
    """Yields the records that can be read; raises what is wrong with the first one if none can."""
    first = None
    found = False
    for item in items:
        if isinstance(item, Reject):
            first = first or item
        else:
            found = True
            yield item[1]
    if first and not found:
        raise BadRecordError(first)


def _parsed(cells: list[str]) -> list[Any]:
    """Cells of one column as numbers, with None for one that is missing, if all of them are."""
    for kind in _KINDS:
        try:
            values = [parse_cell("", kind, cell) for cell in cells]
        except BadRecordError:
            continue
        return [None if is_missing(value) else value for value in values]
    return cells


def _without_nan(row: Record) -> Record:
    """A row with None for NaN, which is not equal to itself."""
    return {name: None if is_missing(value) else value for name, value in row.items()}


def _grouped(rows: Iterable[Record], group_by: Sequence[str]) -> Iterator[Record]:
    """Rows of long form as records: a column that is one value in each group as that, others as a list."""
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in group_by), []).append(row)
    columns = list(next(iter(groups.values()))[0]) if groups else []
    repeats = any(len(group) > 1 for group in groups.values())
    constant = {
        column
        for column in columns
        if repeats and all(row[column] == group[0][column] for group in groups.values() for row in group)
    } | set(group_by)
    for group in groups.values():
        yield {name: group[0][name] if name in constant else [row[name] for row in group] for name in columns}
