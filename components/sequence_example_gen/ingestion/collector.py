"""Where results of reading go: good records into sorted runs, all of them into a tally."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics

from tfx_sequence.components.sequence_example_gen.ingestion.placement import Placer
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import DETAILS, ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import Encoded, RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.request import Request
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import RunWriter
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.records.tfrecords import frame

COUNTERS = "tfx_sequence.SequenceExampleGen"
"""The namespace of the Beam counters, which have the names of `ReadCounts.counts`."""

RUNS = "runs"
"""The output tag of the runs, as `(group, run)`; the tallies are the main output."""


class Sink:
    """Takes the results of one file, or of some groups of rows."""

    def __init__(self, request: Request, split: str | None, intake: RecordEncoder) -> None:
        """Takes the settings, the split of the input if it comes in splits, and what the records went through."""
        self._placer = Placer(intake.content, request.shares(split), request.write, intake.encoder)
        self._by_rank = request.by_rank
        self._fails = request.read.on_bad_record == "fail"
        self._writer = RunWriter(request.staging)
        self._accepted = self._truncated = 0
        self._written, self._rejected = Counter[str](), Counter[str]()
        self._rejects: list[Reject] = []
        self._cuts_off = request.read.on_long == "truncate"

    @property
    def failed(self) -> bool:
        """Whether there is no need to go on."""
        return self._fails and bool(self._rejects)

    def reject(self, reject: Reject) -> None:
        """Takes a bad record."""
        self._rejected[str(reject.reason)] += 1
        if len(self._rejects) < DETAILS:
            self._rejects.append(reject)

    def accept(self, encoded: Encoded, file: int) -> Iterator[beam.pvalue.TaggedOutput]:
        """Takes a good record. Yields runs whenever there are some. `file` is the number of the record's file."""
        self._accepted += 1
        self._truncated += encoded.long and self._cuts_off
        for place, data in self._placer.places(encoded, file):
            if not self._by_rank:
                self._written[place.split] += 1
            self._writer.add(place, frame(data))
        if self._writer.full:
            yield from tagged(self._writer)

    def finish(self) -> Iterator[Any]:
        """Yields the remaining runs and the tally."""
        yield from tagged(self._writer)
        tally = ReadCounts(
            accepted=self._accepted,
            truncated=self._truncated,
            rejected=self._rejected,
            rejects=tuple(self._rejects),
            written=self._written,
        )
        for name, count in tally.counts.items():
            Metrics.counter(COUNTERS, name).inc(count)
        yield tally


def tagged(writer: RunWriter) -> Iterator[beam.pvalue.TaggedOutput]:
    """Spills a writer. Yields its runs for the output `RUNS`."""
    for run in writer.spill():
        yield beam.pvalue.TaggedOutput(RUNS, run)
