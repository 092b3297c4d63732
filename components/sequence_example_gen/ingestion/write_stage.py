"""The Beam stage that writes: the runs of a group in, the files of its shards out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from tfx_sequence.components.sequence_example_gen.config import WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.tfrecord_writer import write_tfrecords
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest
from tfx_sequence.components.sequence_example_gen.ingestion.sorted_runs import merge_runs
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import Run, SortGroup

SHARD_NAME = "data_tfrecord-{:05d}-of-{:05d}.gz"
"""The name that stock ExampleGen gives its files."""


def list_groups(request: IngestionRequest) -> list[SortGroup]:
    """Lists all groups that are written, so that those without a record are written too."""
    # Shuffled records are sorted within their shard, others over all shards of their split.
    count = request.write.num_shards if request.write.shuffle else 1
    return [(split, group) for split in request.splits for group in range(count)]


def write_group(
    element: tuple[SortGroup, Iterable[Run | None]], read_counts: ReadCounts, request: IngestionRequest
) -> None:
    """Merges the runs of a group and writes its shards, unless the counts say that the run fails.

    Args:
      element: The group and its runs; None stands for no run.
      read_counts: The counts of all records.
      request: The settings.
    """
    if read_counts.find_failure(request.read, request.splits):
        return
    (split, group), maybe_runs = element
    runs = [run for run in maybe_runs if run is not None]
    write = request.write
    frames = (frame for _, frame in merge_runs(runs, request.staging))
    for shard, count in _divide_over_shards(group, sum(run.records for run in runs), write):
        path = file_system.join(request.splits[split], SHARD_NAME.format(shard, write.num_shards))
        write_tfrecords(path, itertools.islice(frames, count), request.staging, write.compression_level)


def _divide_over_shards(group: int, count: int, write: WriteConfig) -> Iterator[tuple[int, int]]:
    """Yields the shards of a group and how many records each takes: all in one, or all shards in equal parts."""
    if write.shuffle:
        yield group, count
        return
    for shard in range(write.num_shards):
        start = shard * count // write.num_shards
        end = (shard + 1) * count // write.num_shards
        yield shard, end - start
