"""Defines the Beam stage that divides sorted records over splits by their time, or for each label separately.

The records that are divided together are a stratum: all records if they are divided by time, or the records of one
label.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.ingestion.collector import spill_runs
from tfx_sequence.components.sequence_example_gen.ingestion.placement import (
    belong_to_same_record,
    have_same_rank,
    place_in_split,
)
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import RunWriter, merge_runs
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import Run, SortGroup
from tfx_sequence.schemas.records.tfrecords import unframe


class DivideStratum(beam.DoFn):
    """Divides the runs of one stratum into runs of the splits, tagged `RUNS`, and the number of records per split."""

    def __init__(self, request: IngestionRequest) -> None:
        self._request = request
        self._is_by_time = request.split is not None and request.split.by == "time"

    def process(self, element: tuple[SortGroup, Iterable[Run]]) -> Iterator[Any]:
        """Divides a stratum. Its first records go to the first split, and its last records to the last split."""
        _, runs_of_stratum = element
        runs = list(runs_of_stratum)
        writer = RunWriter(self._request.staging)
        num_written_by_split = Counter[str]()
        splits = self._choose_splits(sum(run.num_records for run in runs))
        # All pieces of a record go to the split of its first piece, and records of one time to that of the first one.
        stay_together = have_same_rank if self._is_by_time else belong_to_same_record
        split = ""
        previous_key = b""
        for key, framed in merge_runs(runs, self._request.staging):
            next_split = next(splits)
            if not split or not stay_together(key, previous_key):
                split = next_split
            previous_key = key
            num_written_by_split[split] += 1
            writer.add(place_in_split(split, unframe(framed), key, self._request.write), framed)
            if writer.is_full:
                yield from spill_runs(writer)
        yield from spill_runs(writer)
        yield ReadCounts(written=num_written_by_split)

    def _choose_splits(self, num_records: int) -> Iterator[str]:
        """Yields the split of each record. The end of each split is rounded up, in favour of the first splits."""
        shares = self._request.choose_split_config(None).shares
        total_share = sum(shares.values())
        cumulative_share = 0
        start = 0
        for split, share in shares.items():
            cumulative_share += share
            end = -(-num_records * cumulative_share // total_share)  # Division that rounds up.
            yield from itertools.repeat(split, end - start)
            start = end
