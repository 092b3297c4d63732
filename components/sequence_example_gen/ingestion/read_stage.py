"""The Beam stage that reads: files in, tallies and sorted runs of records (or of rows) out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.ingestion.collector import Sink
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.request import InputFile, Request
from tfx_sequence.schemas.records.rejects import Reject


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
        sink = Sink(self._request, file.split, self._reader.intake)
        for result in self._reader.read(file.path):
            if isinstance(result, Reject):
                sink.reject(result)
            else:
                yield from sink.accept(result, number)
            if sink.failed:
                break
        yield from sink.finish()
