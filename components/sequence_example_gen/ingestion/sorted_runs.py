"""Sorts more records than fit into memory: sorted runs on disk, then merged.

A worker collects records by group. When it has enough of them, it sorts each group and writes all into one file::

    group  key  frame                  file 1f3c...
    train   5     e                    eval:  1 a, 7 g          Run(path, offset=0, records=2)
    eval    7     g       spill        train: 2 b, 5 e, 9 k     Run(path, offset=..., records=3)
    train   2     b      ------->
    train   9     k
    eval    1     a

The runs of a group, from all workers, are then merged by key as they are read: 2 b, 3 c, 5 e, ...

Only the descriptions of runs go through Beam. That keeps records out of the runner's memory (DirectRunner holds
whatever is grouped in one process) and spares Beam's cost for every element.
"""

from __future__ import annotations

import heapq
import operator
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import KEY_SIZE, RecordPlace, Run, SortGroup
from tfx_sequence.schemas.records.tfrecords import FOOTER_SIZE, HEADER_SIZE, frame_length

RUN_BYTES = 64 << 20
"""About how much memory the records of one run take before they are written: small beside what TensorFlow takes, and
large enough for most data sets to be one run."""

FAN_IN = 100
"""The most runs that are read at once: each is an open file, and systems allow as few as 256 of them."""

_RECORD_OVERHEAD = 200
"""Bytes that Python takes for a record beside its data: its key, two object heads, a pair, and its place in a list."""

_BUFFER_BYTES = 1 << 18
"""Bytes of each run that are read ahead, so that `FAN_IN` of them take less than the records of one run."""


class RunWriter:
    """A buffer of records, which are sorted and written to a new file whenever there are many.

    Args:
      staging: The folder to write to.
    """

    def __init__(self, staging: str) -> None:
        self._staging = staging
        self._groups: dict[SortGroup, list[tuple[bytes, bytes]]] = {}
        self._size = 0

    def add(self, place: RecordPlace, frame: bytes) -> None:
        """Takes a record, as a TFRecord frame."""
        self._groups.setdefault((place.split, place.group), []).append((place.key, frame))
        self._size += len(frame) + _RECORD_OVERHEAD

    @property
    def is_full(self) -> bool:
        """Whether it is time to spill."""
        return self._size >= RUN_BYTES

    def spill(self) -> Iterator[tuple[SortGroup, Run]]:
        """Writes the collected records to one file. Yields a run for each group, once the file is whole."""
        if not self._groups:
            return
        path = file_system.join(self._staging, uuid.uuid4().hex)
        runs = []
        with file_system.create_file(path) as stream:
            offset = 0
            for group, records in sorted(self._groups.items()):
                records.sort()
                runs.append((group, Run(path, offset, len(records))))
                offset += _write_records(stream, records)
        self._groups = {}
        self._size = 0
        yield from runs


def merge_runs(runs: Iterable[Run], staging: str) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and frames of all runs, sorted by key.

    More than `FAN_IN` runs are merged in passes: the first `FAN_IN` of them become one, which joins the end of the
    line, until few enough are left.
    """
    waiting = sorted(runs)
    while len(waiting) > FAN_IN:
        merging, waiting = waiting[:FAN_IN], waiting[FAN_IN:]
        path = file_system.join(staging, uuid.uuid4().hex)
        with file_system.create_file(path) as stream:
            _write_records(stream, _merge_by_key(merging))
        waiting.append(Run(path, 0, sum(run.records for run in merging)))
    yield from _merge_by_key(waiting)


def _merge_by_key(runs: list[Run]) -> Iterable[tuple[bytes, bytes]]:
    return heapq.merge(*map(_read_run, runs), key=operator.itemgetter(0))


def _write_records(stream: BinaryIO, records: Iterable[tuple[bytes, bytes]]) -> int:
    """Writes keys and frames. Returns the number of bytes."""
    size = 0
    for key, frame in records:
        stream.write(key + frame)
        size += len(key) + len(frame)
    return size


def _read_run(run: Run) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and frames of a run, in their order."""
    with file_system.open_file(run.path, _BUFFER_BYTES) as stream:
        stream.seek(run.offset)
        for _ in range(run.records):
            head = stream.read(KEY_SIZE + HEADER_SIZE)
            key, header = head[:KEY_SIZE], head[KEY_SIZE:]
            yield key, header + stream.read(frame_length(header) + FOOTER_SIZE)
