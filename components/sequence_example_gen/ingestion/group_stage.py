"""The Beam stages of long form: rows of all files to groups, and groups to records."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any, cast

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.ingestion.collector import Sink, tagged
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.placement import Place
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import Encoded
from tfx_sequence.components.sequence_example_gen.ingestion.request import InputFile, Request
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import Group, Run, RunWriter, merged
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, Row
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject, clip
from tfx_sequence.schemas.records.tfrecords import frame, unframe

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
        one_row = self._intake.content.model_copy(update={"min_length": 0, "max_length": None})
        self._row_encoder = Encoder(one_row, self._request.read.not_finite)

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
        rows = sorted(rows, key=lambda row: (row.file, row.position))
        try:
            record = self._grouping.record(rows)
            return rows[0], self._intake.take(record, self._path(rows[0]), rows[0].position)
        except BadRecordError as error:
            return rows[0], self._fault(error.reject, rows)

    def _fault(self, reject: Reject, rows: list[Row]) -> Reject:
        """What is wrong with the first bad row as they were read; what is wrong with the group if each row is good."""
        for row in rows:
            try:
                self._row_encoder.encode(self._grouping.record([row]))
                self._grouping.check_same(rows[0], row, self._place(rows[0], row))
            except BadRecordError as error:
                return self._at(error.reject, row, [row])
        return self._at(reject, rows[0], rows[:5])

    def _at(self, reject: Reject, row: Row, shown: list[Row]) -> Reject:
        # Cells as they are in the file say more than the record that the encoder shows.
        excerpt = clip("\n".join(str(dict(row.cells)) for row in shown))
        placed = reject.model_copy(update={"line": row.line, "row": row.position, "excerpt": excerpt})
        return placed.at(file=self._path(row), key=self._grouping.name(row.cells))

    def _path(self, row: Row) -> str:
        return self._request.files[row.file].path

    def _place(self, row: Row, seen_from: Row) -> str:
        """Where a row is, for who looks at another one."""
        place = f"row {row.position}" if row.line is None else f"line {row.line}"
        return place if row.file == seen_from.file else f"{place} of {self._path(row)}"
