"""Defines the Beam stages that read files into records. In long form, one stage reads rows and another makes records.

::

    ReadFile      file -> counts, runs of records
    ReadRows      file in long form -> counts of bad rows, runs of rows
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
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject, clip
from tfx_sequence.schemas.records.tfrecords import frame, unframe

NUM_PARTS = 64
"""The number of parts into which rows are divided by the keys of their groups.

It is also the maximum number of workers that make records at the same time. A part costs almost nothing, and few
clusters have more workers for one stage. It cannot be more than 256, because one byte of the key determines the
part."""

_EXCERPT_ROWS = 5
"""The number of rows of a bad group in the excerpt of its reject. They are enough to find the group, and the length of
an excerpt is limited in any case."""


class ReadFile(beam.DoFn):
    """Reads numbered files.

    The outputs are the counts of each file and, tagged `RUNS`, its records as `(group, run)`.
    """

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        file_number, file = element
        collector = ResultCollector(self._request, file.split, self._reader.record_encoder)
        damaged_file = None
        for result in self._reader.read_records(file.path):
            if isinstance(result, DamagedFile):
                damaged_file = result
            elif isinstance(result, Reject):
                collector.add_reject(result)
            else:
                yield from collector.add_record(result, file_number)
            if collector.has_failed:
                break
        collector.add_file(damaged_file)
        yield from collector.finish()


class ReadRows(beam.DoFn):
    """Reads numbered files in long form.

    The outputs are the counts of the bad rows of each file and, tagged `RUNS`, its good rows as `(group, run)`.
    """

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)
        self._grouping = cast(Grouping, self._reader.grouping)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        file_number, file = element
        collector = ResultCollector(self._request, file.split, self._reader.record_encoder)
        writer = RunWriter(self._request.staging)
        damaged_file = None
        for row in self._reader.read_rows(file.path, file_number):
            if isinstance(row, DamagedFile):
                damaged_file = row
                continue
            if isinstance(row, Reject):
                collector.add_reject(row)
                if collector.has_failed:
                    break
                continue
            key = self._grouping.compute_key(row.cells)
            place = RecordPlace(file.split or "", key[0] % NUM_PARTS, key)
            writer.add(place, frame(row.to_bytes()))
            if writer.is_full:
                yield from spill_runs(writer)
        yield from spill_runs(writer)
        collector.add_file(damaged_file)
        yield from collector.finish()


class MakeRecords(beam.DoFn):
    """Makes records from the runs of one part of the rows. The outputs are the same as those of `ReadFile`."""

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which has the rules by which rows become records, and the encoders."""
        reader = FileReader(self._request.spec, self._request.read)
        self._grouping = cast(Grouping, reader.grouping)
        self._record_encoder = reader.record_encoder
        # The limits of the length are for whole records and not for a record of one row.
        row_spec = self._record_encoder.input_spec.model_copy(update={"min_length": 0, "max_length": None})
        self._row_encoder = Encoder(row_spec, self._request.read.not_finite)

    def process(self, element: tuple[SortGroup, Iterable[Run]]) -> Iterator[Any]:
        """Makes the records of one part of the rows."""
        (split, _), runs = element
        collector = ResultCollector(self._request, split or None, self._record_encoder)
        # Rows are sorted by the key of their group, so the rows of a group are adjacent.
        keyed_rows = merge_runs(runs, self._request.staging)
        for _, group_rows in itertools.groupby(keyed_rows, key=operator.itemgetter(0)):
            rows = [FileRow.from_bytes(unframe(framed)) for _, framed in group_rows]
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
        """Makes and encodes the record of a group, or returns a reject. The rows are in the order of reading."""
        try:
            record = self._grouping.make_record(rows)
            return self._record_encoder.encode(record, self._find_path(rows[0]), rows[0].position)
        except BadRecordError as error:
            return self._locate_reject(error.reject, rows)

    def _locate_reject(self, reject: Reject, rows: list[FileRow]) -> Reject:
        """Returns a reject with the fault and the place of the first bad row of a group.

        If each row by itself is good, returns the reject of the whole group with the place of its first row.

        Args:
          reject: The reject of the whole group.
          rows: The rows of the group in the order of reading.
        """
        for row in rows:
            try:
                self._row_encoder.encode(self._grouping.make_record([row]))
                self._grouping.check_same_context(rows[0], row, self._describe_place(rows[0], row))
            except BadRecordError as error:
                return self._add_place(error.reject, row, [row])
        return self._add_place(reject, rows[0], rows[:_EXCERPT_ROWS])

    def _add_place(self, reject: Reject, row: FileRow, shown_rows: list[FileRow]) -> Reject:
        """Returns a reject with the place of `row` and an excerpt of `shown_rows`."""
        # The excerpt shows the cells as they are in the file. The encoder has put the converted record there.
        excerpt = clip("\n".join(str(dict(shown_row.cells)) for shown_row in shown_rows))
        reject_of_row = reject.model_copy(update={"line": row.line, "row": row.position, "excerpt": excerpt})
        return reject_of_row.at(file=self._find_path(row), key=self._grouping.format_key(row.cells))

    def _find_path(self, row: FileRow) -> str:
        return self._request.files[row.file].path

    def _describe_place(self, row: FileRow, other_row: FileRow) -> str:
        """Describes the place of a row for a message about another row. Names the file if the rows are in two files."""
        place = f"row {row.position}" if row.line is None else f"line {row.line}"
        return place if row.file == other_row.file else f"{place} of {self._find_path(row)}"
