"""The Beam stages of long form: rows of all files to groups, and groups to records."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any, cast

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.grouping import Grouping, Row
from tfx_sequence.components.sequence_example_gen.intake import Encoded
from tfx_sequence.components.sequence_example_gen.request import InputFile, Request
from tfx_sequence.components.sequence_example_gen.runs import Group, Run, RunWriter, merged
from tfx_sequence.components.sequence_example_gen.sink import Sink, tagged
from tfx_sequence.components.sequence_example_gen.splits import Place
from tfx_sequence.schemas.records import BadRecordError, Reject
from tfx_sequence.schemas.tfrecords import frame, unframe

PARTS = 64
"""Into how many parts the groups are divided by their keys: as many workers can make records at once."""


class ReadRows(beam.DoFn):
    """Takes numbered files. Gives a tally of the bad rows of each and, tagged `RUNS`, the others sorted by group."""

    def __init__(self, request: Request) -> None:
        """Takes the settings."""
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)
        self._grouping = cast(Grouping, self._reader.grouping)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        number, file = element
        sink = Sink(self._request, file.split, self._reader.intake)
        writer = RunWriter(self._request.staging)
        for row in self._reader.rows(file.path, number):
            if isinstance(row, Reject):
                sink.reject(row)
                if sink.failed:
                    break
                continue
            key = self._grouping.key(row.cells)
            writer.add(Place(file.split or "", key[0] % PARTS, key), frame(row.to_bytes()))
            if writer.full:
                yield from tagged(writer)
        yield from tagged(writer)
        yield from sink.finish()


class MakeRecords(beam.DoFn):
    """Takes the runs of one part of the rows. Gives what `ReadFile` gives."""

    def __init__(self, request: Request) -> None:
        """Takes the settings."""
        self._request = request

    def setup(self) -> None:
        """Makes the reader, for what it knows about grouping."""
        reader = FileReader(self._request.spec, self._request.read)
        self._grouping, self._intake = cast(Grouping, reader.grouping), reader.intake

    def process(self, element: tuple[Group, Iterable[Run]]) -> Iterator[Any]:
        """Makes the records of a part."""
        (split, _), runs = element
        sink = Sink(self._request, split or None, self._intake)
        rows = merged(runs, self._request.staging)
        for _, group in itertools.groupby(rows, key=operator.itemgetter(0)):
            first, result = self._record([Row.from_bytes(unframe(framed)) for _, framed in group])
            if isinstance(result, Reject):
                sink.reject(result)
            else:
                yield from sink.accept(result, first.file)
            if sink.failed:
                break
        yield from sink.finish()

    def _record(self, rows: list[Row]) -> tuple[Row, Encoded | Reject]:
        """The first row as they were read, and what became of all."""
        first = min(rows, key=lambda row: (row.file, row.position))
        path = self._request.files[first.file].path
        try:
            record = self._grouping.record(rows)
            return first, self._intake.take(record, path, first.position)
        except BadRecordError as error:
            excerpt = "\n".join(str(row.cells) for row in rows[:5])
            return first, error.reject.at(file=path, line=first.line, record=first.position, excerpt=excerpt)
