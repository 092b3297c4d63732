"""The Beam stage that divides strata over splits: by time, or label by label."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.ingestion.collector import tagged
from tfx_sequence.components.sequence_example_gen.ingestion.placement import place, same_record
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import Request
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import Group, Run, RunWriter, merged
from tfx_sequence.schemas.records.tfrecords import unframe


class Divide(beam.DoFn):
    """Takes the runs of one stratum. Gives runs of splits, tagged `RUNS`, and a tally of what is in each split."""

    def __init__(self, request: Request) -> None:
        """Takes the settings."""
        self._request = request

    def process(self, element: tuple[Group, Iterable[Run]]) -> Iterator[Any]:
        """Divides a stratum: the first records of it go to the first split."""
        runs = list(element[1])
        writer, written = RunWriter(self._request.staging), Counter[str]()
        splits = self._splits(sum(run.records for run in runs))
        split, before = "", b""
        for key, framed in merged(runs, self._request.staging):
            following = next(splits)
            # The pieces of one record stay together.
            split = split if split and same_record(key, before) else following
            before = key
            written[split] += 1
            writer.add(place(split, unframe(framed), key, self._request.write), framed)
            if writer.full:
                yield from tagged(writer)
        yield from tagged(writer)
        yield ReadCounts(written=written)

    def _splits(self, count: int) -> Iterator[str]:
        """The split of each of `count` records: shares of the count, rounded up in favour of the first."""
        shares = self._request.shares(None).shares
        start, total, bound = 0, sum(shares.values()), 0
        for name, share in shares.items():
            bound += share
            end = -(-count * bound // total)
            yield from itertools.repeat(name, end - start)
            start = end
