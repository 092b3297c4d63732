"""The Beam stage that reads: files in, tallies and sorted runs of records out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Metrics

from tfx_sequence.components.sequence_example_gen.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.request import InputFile, Request
from tfx_sequence.components.sequence_example_gen.runs import RunWriter
from tfx_sequence.components.sequence_example_gen.splits import Placer
from tfx_sequence.components.sequence_example_gen.tally import DETAILS, Tally
from tfx_sequence.components.sequence_example_gen.tfrecords import frame
from tfx_sequence.schemas.records import Reject

COUNTERS = "tfx_sequence.SequenceExampleGen"
"""The namespace of the Beam counters `records_read`, `records_accepted` and `records_rejected`."""

RUNS = "runs"
"""The output tag of the runs; the tallies are the main output."""


class ReadFile(beam.DoFn):
    """Takes numbered files. Gives a tally of each and, tagged `RUNS`, its records as `(group, run)`."""

    def __init__(self, request: Request) -> None:
        """Takes the settings."""
        self._request = request

    def setup(self) -> None:
        """Makes the reader, which is used for many files."""
        self._reader = FileReader(self._request.spec, self._request.read)

    def process(self, element: tuple[int, InputFile]) -> Iterator[Any]:
        """Reads a file."""
        number, file = element
        placer = Placer(self._request.shares(file), self._request.write, self._reader.encoder)
        writer = RunWriter(self._request.staging)
        accepted, rejected, rejects = Counter[str](), Counter[str](), list[Reject]()
        for result in self._reader.read(file.path):
            if isinstance(result, Reject):
                rejected[result.reason.value] += 1
                if len(rejects) < DETAILS:
                    rejects.append(result)
                if self._request.read.on_bad_record == "fail":
                    break
                continue
            place = placer.place(result.record, result.data, number, result.position)
            accepted[place.split] += 1
            writer.add(place, frame(result.data))
            if writer.full:
                yield from _tagged(writer)
        yield from _tagged(writer)
        tally = Tally(accepted=accepted, rejected=rejected, rejects=tuple(rejects))
        _count(tally)
        yield tally


def _tagged(writer: RunWriter) -> Iterator[beam.pvalue.TaggedOutput]:
    for run in writer.spill():
        yield beam.pvalue.TaggedOutput(RUNS, run)


def _count(tally: Tally) -> None:
    for name in ("records_read", "records_accepted", "records_rejected"):
        Metrics.counter(COUNTERS, name).inc(getattr(tally, name))
