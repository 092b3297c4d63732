"""Defines the Beam stage that merges the runs of a group and writes the files of its shards."""

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
"""The format of the file names of stock ExampleGen, with the number of the shard and the number of shards."""


def list_groups(request: IngestionRequest) -> list[SortGroup]:
    """Lists all groups of the output. The shards of a group without records are written too."""
    # Shuffled records are sorted per shard. Other records are sorted per split, over all its shards.
    num_groups = request.write.num_shards if request.write.shuffle else 1
    return [(split, group) for split in request.split_folders for group in range(num_groups)]


def list_shards(request: IngestionRequest) -> list[str]:
    """Lists the paths of all files that the groups of the output are written to."""
    num_shards = request.write.num_shards
    names = [SHARD_NAME.format(shard, num_shards) for shard in range(num_shards)]
    return [file_system.join(folder, name) for folder in request.split_folders.values() for name in names]


def write_group(
    element: tuple[SortGroup, Iterable[Run | None]], read_counts: ReadCounts, request: IngestionRequest
) -> None:
    """Merges the runs of a group and writes its shards. Nothing is written if the run fails because of its counts.

    Args:
      element: The group and its runs. It also contains None, so that a group without runs is an element too.
      read_counts: The counts of all records.
      request: The settings.
    """
    if read_counts.find_failure(request.read, request.split_folders):
        return
    (split, group), maybe_runs = element
    runs = [run for run in maybe_runs if run is not None]
    write = request.write
    frames = (frame for _, frame in merge_runs(runs, request.staging))
    num_records = sum(run.num_records for run in runs)
    for shard, shard_size in _divide_over_shards(group, num_records, write):
        path = file_system.join(request.split_folders[split], SHARD_NAME.format(shard, write.num_shards))
        write_tfrecords(path, itertools.islice(frames, shard_size), request.staging, write.compression_level)


def _divide_over_shards(group: int, num_records: int, write: WriteConfig) -> Iterator[tuple[int, int]]:
    """Yields each shard of a group and its number of records.

    A group of shuffled records is one shard. Other groups are divided equally over all shards.
    """
    if write.shuffle:
        yield group, num_records
        return
    for shard in range(write.num_shards):
        start = shard * num_records // write.num_shards
        end = (shard + 1) * num_records // write.num_shards
        yield shard, end - start
