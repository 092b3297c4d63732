"""The Beam stages that read: files to records, or in long form files to rows and rows to records.

::

    ReadFile      file -> counts, runs of records
    ReadRows      file -> counts of bad rows, runs of rows
    MakeRecords   the runs of one part of all rows -> counts, runs of records
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Iterator
from typing import Any, cast

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.ingestion.collector import ResultCollector, spill_runs
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest, InputFile
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import RunWriter, merge_runs
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import (
    EncodedRecord,
    RecordPlace,
    Run,
    SortGroup,
)
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow, Grouping
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject, clip
from tfx_sequence.schemas.records.tfrecords import frame, unframe

PARTS = 64
"""Into how many parts groups of rows are divided by their keys: as many workers can make records at once. A part costs
next to nothing, and few clusters give one step more workers. At most 256: a byte of the key chooses the part."""

_EXCERPT_ROWS = 5
"""The rows of a bad group that its reject shows; an excerpt is cut anyway, and these are enough to find it."""


class ReadFile(beam.DoFn):
    """The stage from numbered files to the counts of each and, tagged `RUNS`, its records as `(group, run)`."""

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        number, file = element
        collector = ResultCollector(self._request, file.split, self._reader.record_encoder)
        for result in self._reader.read_records(file.path):
            if isinstance(result, Reject):
                collector.add_reject(result)
            else:
                yield from collector.add_record(result, number)
            if collector.has_failed:
                break
        yield from collector.finish()


class ReadRows(beam.DoFn):
    """The stage from numbered files to counts of the bad rows of each and, tagged `RUNS`, the others by group."""

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)
        self._grouping = cast(Grouping, self._reader.grouping)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        number, file = element
        collector = ResultCollector(self._request, file.split, self._reader.record_encoder)
        writer = RunWriter(self._request.staging)
        for row in self._reader.read_rows(file.path, number):
            if isinstance(row, Reject):
                collector.add_reject(row)
                if collector.has_failed:
                    break
                continue
            key = self._grouping.compute_key(row.cells)
            writer.add(RecordPlace(file.split or "", key[0] % PARTS, key), frame(row.to_bytes()))
            if writer.is_full:
                yield from spill_runs(writer)
        yield from spill_runs(writer)
        yield from collector.finish()


class MakeRecords(beam.DoFn):
    """The stage from the runs of one part of the rows to records, given as `ReadFile` gives them."""

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which knows how rows become records."""
        reader = FileReader(self._request.spec, self._request.read)
        self._grouping = cast(Grouping, reader.grouping)
        self._record_encoder = reader.record_encoder
        one_row = self._record_encoder.input_spec.model_copy(update={"min_length": 0, "max_length": None})
        self._row_encoder = Encoder(one_row, self._request.read.not_finite)

    def process(self, element: tuple[SortGroup, Iterable[Run]]) -> Iterator[Any]:
        """Makes the records of a part."""
        (split, _), runs = element
        collector = ResultCollector(self._request, split or None, self._record_encoder)
        # Rows are sorted by the key of their group, so those of a group follow one another.
        keyed_rows = merge_runs(runs, self._request.staging)
        for _, group in itertools.groupby(keyed_rows, key=operator.itemgetter(0)):
            rows = [FileRow.from_bytes(unframe(framed)) for _, framed in group]
            rows.sort(key=lambda row: (row.file, row.position))
            result = self._encode_group(rows)
            if isinstance(result, Reject):
                collector.add_reject(result)
            else:
                yield from collector.add_record(result, rows[0].file)
            if collector.has_failed:
                break
        yield from collector.finish()

    def _encode_group(self, rows: list[FileRow]) -> EncodedRecord | Reject:
        """Returns the record of a group, whose rows are in the order of reading, or why there is none."""
        try:
            record = self._grouping.make_record(rows)
            return self._record_encoder.encode(record, self._find_path(rows[0]), rows[0].position)
        except BadRecordError as error:
            return self._blame_row(error.reject, rows)

    def _blame_row(self, reject: Reject, rows: list[FileRow]) -> Reject:
        """Returns what is wrong with the first bad row in the order of reading.

        If each row is good by itself, returns what is wrong with the group, at the place of its first row.
        """
        for row in rows:
            try:
                self._row_encoder.encode(self._grouping.make_record([row]))
                self._grouping.check_same_context(rows[0], row, self._describe_place(rows[0], row))
            except BadRecordError as error:
                return self._place_reject(error.reject, row, [row])
        return self._place_reject(reject, rows[0], rows[:_EXCERPT_ROWS])

    def _place_reject(self, reject: Reject, row: FileRow, shown: list[FileRow]) -> Reject:
        # Cells as they are in the file say more than the record that the encoder shows.
        excerpt = clip("\n".join(str(dict(row.cells)) for row in shown))
        placed = reject.model_copy(update={"line": row.line, "row": row.position, "excerpt": excerpt})
        return placed.at(file=self._find_path(row), key=self._grouping.format_key(row.cells))

    def _find_path(self, row: FileRow) -> str:
        return self._request.files[row.file].path

    def _describe_place(self, row: FileRow, seen_from: FileRow) -> str:
        """Returns the place of a row, for a message about another row; it names the file if that is another one."""
        place = f"row {row.position}" if row.line is None else f"line {row.line}"
        return place if row.file == seen_from.file else f"{place} of {self._find_path(row)}"
