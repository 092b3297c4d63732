"""Sorting more records than fit into memory: sorted runs on disk, then merged.

Only the descriptions of runs go through Beam. That keeps records out of the runner's memory (DirectRunner holds
whatever is grouped in one process) and spares Beam's cost for every element.
"""

from __future__ import annotations

import heapq
import operator
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.ingestion.placement import KEY_SIZE, Place
from tfx_sequence.schemas.records.tfrecords import FOOTER_SIZE, HEADER_SIZE, frame_length

RUN_BYTES = 64 << 20
"""About how much memory the records of one run take before they are written."""

FAN_IN = 100
"""The most runs that are read at once: each is an open file."""

_OVERHEAD = 200  # Bytes that Python takes for a record beside its data.
_BUFFER = 1 << 18
_key = operator.itemgetter(0)


Group = tuple[str, int]
"""What is sorted together: a split and which of its groups of shards, a stratum, or a part of all groups of rows."""


class Run(NamedTuple):
    """Sorted records of one group: `records` of them at `offset` of a file."""

    path: str
    offset: int
    records: int


class RunWriter:
    """Collects records, sorts them, and writes them to a new file whenever there are many."""

    def __init__(self, staging: str) -> None:
        """Takes the folder to write to."""
        self._staging = staging
        self._groups: dict[Group, list[tuple[bytes, bytes]]] = {}
        self._size = 0

    def add(self, place: Place, frame: bytes) -> None:
        """Takes a record, as a TFRecord frame."""
        self._groups.setdefault((place.split, place.group), []).append((place.key, frame))
        self._size += len(frame) + _OVERHEAD

    @property
    def full(self) -> bool:
        """Whether it is time to spill."""
        return self._size >= RUN_BYTES

    def spill(self) -> Iterator[tuple[Group, Run]]:
        """Writes what was collected to one file. Yields a run for each group, once the file is whole."""
        if not self._groups:
            return
        path = storage.join(self._staging, uuid.uuid4().hex)
        runs = []
        with storage.create_file(path) as stream:
            offset = 0
            for group, records in sorted(self._groups.items()):
                records.sort()
                runs.append((group, Run(path, offset, len(records))))
                offset += _write(stream, records)
        self._groups, self._size = {}, 0
        yield from runs


def merged(runs: Iterable[Run], staging: str) -> Iterator[tuple[bytes, bytes]]:
    """The keys and frames of all runs, sorted by key. Runs are merged in passes of `FAN_IN`."""
    runs = sorted(runs)
    while len(runs) > FAN_IN:
        some, runs = runs[:FAN_IN], runs[FAN_IN:]
        path = storage.join(staging, uuid.uuid4().hex)
        with storage.create_file(path) as stream:
            _write(stream, heapq.merge(*map(_read, some), key=_key))
        runs.append(Run(path, 0, sum(run.records for run in some)))
    yield from heapq.merge(*map(_read, runs), key=_key)


def _write(stream: BinaryIO, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Writes keys and frames. Returns the number of bytes."""
    size = 0
    for key, frame in records:
        stream.write(key + frame)
        size += len(key) + len(frame)
    return size


def _read(run: Run) -> Iterator[tuple[bytes, bytes]]:
    with storage.open_file(run.path, _BUFFER) as stream:
        stream.seek(run.offset)
        for _ in range(run.records):
            head = stream.read(KEY_SIZE + HEADER_SIZE)
            yield head[:KEY_SIZE], head[KEY_SIZE:] + stream.read(frame_length(head[KEY_SIZE:]) + FOOTER_SIZE)
