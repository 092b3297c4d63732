"""Sorts more records than fit into memory by an external merge sort: writes sorted runs to disk and merges them.

A worker collects records by group. When the memory for them is full, it sorts each group and writes all groups into one
file, where the records of one group are a run::

    group  key  frame                  file 1f3c...
    train   5     e                    eval:  1 a, 7 g          Run(path, offset=0, num_records=2)
    eval    7     g       spill        train: 2 b, 5 e, 9 k     Run(path, offset=..., num_records=3)
    train   2     b      ------->
    train   9     k
    eval    1     a

Later, one worker reads the runs of a group from all workers and merges them by key: 2 b, 3 c, 5 e, ...

Only the descriptions of runs pass through Beam, and not the records. So the records do not fill the memory of the
runner, which matters because the DirectRunner holds all grouped elements in one process. It also saves Beam's cost per
element.
"""

from __future__ import annotations

import heapq
import operator
import uuid
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import KEY_SIZE, RecordPlace, Run, SortGroup
from tfx_sequence.schemas.records.tfrecords import FOOTER_SIZE, HEADER_SIZE, read_frame_length

RUN_BYTES = 64 << 20
"""The approximate number of bytes of memory that collected records need before they are written to a file. It is small
in comparison with the memory of TensorFlow, and large enough for most data sets to need only one file."""

FAN_IN = 100
"""The maximum number of runs that are merged at the same time. Each run is an open file, and some systems do not allow
more than 256 open files."""

_RECORD_OVERHEAD = 200
"""The number of bytes of memory per record in addition to its data: the key, two object headers, a tuple, and the
reference in a list."""

_KeyedFrame = tuple[bytes, bytes]
"""The sort key of a record and its TFRecord frame."""

_BUFFER_BYTES = 1 << 18
"""The number of bytes of each run that are read ahead. The buffers of `FAN_IN` runs need less memory than
`RUN_BYTES`."""


class RunWriter:
    """Collects records in memory, and writes them sorted to a new file when `spill` is called.

    Args:
      staging: The folder to write to.
    """

    def __init__(self, staging: str) -> None:
        self._staging = staging
        self._records_by_group: dict[SortGroup, list[_KeyedFrame]] = {}
        self._memory_bytes = 0

    def add(self, place: RecordPlace, frame: bytes) -> None:
        """Adds a record with its place. The record is a TFRecord frame."""
        self._records_by_group.setdefault((place.split, place.group), []).append((place.key, frame))
        self._memory_bytes += len(frame) + _RECORD_OVERHEAD

    @property
    def is_full(self) -> bool:
        """Whether the memory for records is full, so that `spill` should be called."""
        return self._memory_bytes >= RUN_BYTES

    def spill(self) -> Iterator[tuple[SortGroup, Run]]:
        """Writes the collected records to one file. When the file is complete, yields one run per group.

        This is a generator: nothing is written before the first run is taken from it. No record may be added until all
        runs are taken.
        """
        if not self._records_by_group:
            return
        path = file_system.join(self._staging, uuid.uuid4().hex)
        runs = []
        with file_system.create_file(path) as stream:
            offset = 0
            for group, records in sorted(self._records_by_group.items()):
                records.sort()
                runs.append((group, Run(path, offset, len(records))))
                offset += _write_records(stream, records)
        self._records_by_group = {}
        self._memory_bytes = 0
        yield from runs


def merge_runs(runs: Iterable[Run], staging: str) -> Iterator[_KeyedFrame]:
    """Yields the keys and frames of all runs, sorted by key.

    If there are more than `FAN_IN` runs, the first `FAN_IN` runs are merged into one, which is put at the end of the
    list. This is repeated until the list has no more than `FAN_IN` runs.

    Args:
      runs: The runs to merge.
      staging: The folder for merged runs.

    Raises:
      EOFError: if the file of a run ends too early, for example because the disk was full when it was written.
    """
    remaining_runs = sorted(runs)
    while len(remaining_runs) > FAN_IN:
        first_runs = remaining_runs[:FAN_IN]
        path = file_system.join(staging, uuid.uuid4().hex)
        with file_system.create_file(path) as stream:
            _write_records(stream, _merge_by_key(first_runs))
        merged_run = Run(path, 0, sum(run.num_records for run in first_runs))
        remaining_runs = [*remaining_runs[FAN_IN:], merged_run]
    yield from _merge_by_key(remaining_runs)


def _merge_by_key(runs: list[Run]) -> Iterable[_KeyedFrame]:
    return heapq.merge(*map(_read_run, runs), key=operator.itemgetter(0))


def _write_records(stream: BinaryIO, records: Iterable[_KeyedFrame]) -> int:
    """Writes keys and frames. Returns the number of written bytes."""
    size = 0
    for key, frame in records:
        stream.write(key + frame)
        size += len(key) + len(frame)
    return size


def _read_run(run: Run) -> Iterator[_KeyedFrame]:
    """Yields the keys and frames of a run in the order of the file."""
    with file_system.open_file(run.path, _BUFFER_BYTES) as stream:
        stream.seek(run.offset)
        for _ in range(run.num_records):
            key = _read_bytes(stream, KEY_SIZE, run)
            header = _read_bytes(stream, HEADER_SIZE, run)
            data_and_footer = _read_bytes(stream, read_frame_length(header) + FOOTER_SIZE, run)
            yield key, header + data_and_footer


def _read_bytes(stream: BinaryIO, size: int, run: Run) -> bytes:
    """Reads exactly `size` bytes. Raises an EOFError if the file of the run has fewer."""
    data = stream.read(size)
    if len(data) < size:
        raise EOFError(
            f"{run.path} ends within its {run.num_records} records from byte {run.offset} on; is there enough space in "
            "the temporary folder?"
        )
    return data
