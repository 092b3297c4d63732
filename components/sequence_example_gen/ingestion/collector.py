"""Collects the results of reading: writes the accepted records to sorted runs, and counts all records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics

from tfx_sequence.components.sequence_example_gen.ingestion.placement import RecordPlacer
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import MAX_REJECTS, ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import RunWriter
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.records.tfrecords import frame

COUNTERS = "tfx_sequence.SequenceExampleGen"
"""The namespace of the Beam counters. Their names are the keys of `ReadCounts.counts`."""

RUNS = "runs"
"""The tag of the output with the runs, as pairs `(group, run)`. The main output has the counts."""


class ResultCollector:
    """Collects the results of reading one file, or one part of the rows in long form.

    Args:
      request: The settings.
      file_split: The split of the file, or None if the records are divided over splits.
      record_encoder: The encoder of the records.
    """

    def __init__(self, request: IngestionRequest, file_split: str | None, record_encoder: RecordEncoder) -> None:
        self._placer = RecordPlacer(
            record_encoder.input_spec,
            request.choose_split_config(file_split),
            request.write,
            record_encoder.input_encoder,
        )
        self._writer = RunWriter(request.staging)
        self._must_stop_at_first_reject = request.read.on_bad_record == "fail"
        self._must_truncate = request.read.on_long == "truncate"
        # If another stage divides the records over splits, that stage counts the records of each split.
        self._are_splits_final = not request.needs_all_records
        self._num_accepted = 0
        self._num_truncated = 0
        self._num_rejected_by_reason = Counter[str]()
        self._num_written_by_split = Counter[str]()
        self._rejects: list[Reject] = []
        self._num_files = 0
        self._damaged_files: list[DamagedFile] = []

    @property
    def has_failed(self) -> bool:
        """Whether reading can stop, because there is a bad record and the first one fails the run."""
        return self._must_stop_at_first_reject and bool(self._rejects)

    def add_reject(self, reject: Reject) -> None:
        """Counts a bad record. The first `MAX_REJECTS` rejects are also kept."""
        self._num_rejected_by_reason[str(reject.reason)] += 1
        if len(self._rejects) < MAX_REJECTS:
            self._rejects.append(reject)

    def add_file(self, damaged_file: DamagedFile | None = None) -> None:
        """Counts a file after it was read. If it is damaged, its description is kept."""
        self._num_files += 1
        if damaged_file is not None:
            self._damaged_files.append(damaged_file)

    def add_record(self, encoded: EncodedRecord, file_number: int) -> Iterator[beam.pvalue.TaggedOutput]:
        """Adds an accepted record. Yields runs if the collected records fill the memory for them.

        Args:
          encoded: The record.
          file_number: The number of its file in the order of reading.
        """
        self._num_accepted += 1
        if self._must_truncate and encoded.is_long:
            self._num_truncated += 1
        for place, data in self._placer.place_pieces(encoded, file_number):
            if self._are_splits_final:
                self._num_written_by_split[place.split] += 1
            self._writer.add(place, frame(data))
        if self._writer.is_full:
            yield from spill_runs(self._writer)

    def finish(self) -> Iterator[Any]:
        """Yields the remaining runs and the counts."""
        yield from spill_runs(self._writer)
        read_counts = ReadCounts(
            accepted=self._num_accepted,
            truncated=self._num_truncated,
            rejected=self._num_rejected_by_reason,
            rejects=tuple(self._rejects),
            written=self._num_written_by_split,
            num_files=self._num_files,
            damaged_files=tuple(self._damaged_files),
        )
        for name, count in read_counts.counts.items():
            Metrics.counter(COUNTERS, name).inc(count)
        yield read_counts


def spill_runs(writer: RunWriter) -> Iterator[beam.pvalue.TaggedOutput]:
    """Writes the records that a writer has collected, and yields their runs for the output `RUNS`."""
    for run in writer.spill():
        yield beam.pvalue.TaggedOutput(RUNS, run)
