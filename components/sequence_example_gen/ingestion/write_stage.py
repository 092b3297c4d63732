"""The Beam stage that writes: the runs of a group in, the files of its shards out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from tfx_sequence.components.sequence_example_gen.config import WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.tfrecord_writer import write_tfrecords
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import Request
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import Group, Run, merged

SHARD_NAME = "data_tfrecord-{:05d}-of-{:05d}.gz"
"""What stock ExampleGen calls its files."""


def groups(request: Request) -> list[Group]:
    """All groups, so that those without a record are written too."""
    count = request.write.num_shards if request.write.shuffle else 1
    return [(split, group) for split in request.splits for group in range(count)]


def write_group(element: tuple[Group, Iterable[Run | None]], tally: ReadCounts, request: Request) -> None:
    """Merges the runs of a group and writes its shards, unless the tally says that the run fails.

    Args:
      element: The group and its runs; None stands for no run.
      tally: What became of all records.
      request: The settings.
    """
    if tally.failure(request.read, request.splits):
        return
    (split, group), maybe_runs = element
    runs = [run for run in maybe_runs if run is not None]
    write = request.write
    frames = (frame for _, frame in merged(runs, request.staging))
    for shard, count in _shards(group, sum(run.records for run in runs), write):
        path = storage.join(request.splits[split], SHARD_NAME.format(shard, write.num_shards))
        write_tfrecords(path, itertools.islice(frames, count), request.staging, write.compression_level)


def _shards(group: int, count: int, write: WriteConfig) -> Iterator[tuple[int, int]]:
    """The shards of a group and how many records each takes: all in one, or all shards in equal parts."""
    if write.shuffle:
        yield group, count
        return
    for shard in range(write.num_shards):
        yield shard, (shard + 1) * count // write.num_shards - shard * count // write.num_shards
