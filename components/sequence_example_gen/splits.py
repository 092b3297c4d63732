"""Where a record goes: its split, its group of shards, and its place among the others.

All of it follows from the record and its position in its file, so it is the same on any runner with any number of
workers.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import struct
from typing import NamedTuple

from tfx_sequence.components.sequence_example_gen.config import SplitConfig, WriteConfig
from tfx_sequence.schemas.examples import Encoder, Record

KEY_SIZE = 32
"""Bytes of a sort key."""

_ORDER = struct.Struct(">QQ16x")


class Place(NamedTuple):
    """Where a record goes.

    Attributes:
      split: The output split.
      group: The shards that it is sorted into: its own shard if records are shuffled, else all of the split's.
      key: `KEY_SIZE` bytes; records of a group are sorted by it.
    """

    split: str
    group: int
    key: bytes


class Placer:
    """Gives records their places."""

    def __init__(self, split: SplitConfig, write: WriteConfig, encoder: Encoder) -> None:
        """Takes the settings, and the encoder that the records are written with."""
        self._split = split
        self._names = list(split.shares)
        self._bounds = list(itertools.accumulate(split.shares.values()))
        self._write = write
        self._encoder = encoder

    def place(self, record: Record, data: bytes, file: int, position: int) -> Place:
        """The place of a record.

        Args:
          record: The record.
          data: The record, serialized.
          file: The file's number in the order of reading.
          position: The record's position in the file, from 0.
        """
        digest = hashlib.sha256(data).digest()
        split = self._names[bisect.bisect(self._bounds, self._bucket(record, digest, position))]
        if not self._write.shuffle:
            return Place(split, 0, _ORDER.pack(file, position))
        # Other bits than those that chose the split: else a split's records could all share one shard.
        return Place(split, int.from_bytes(digest[:8], "big") % self._write.num_shards, digest)

    def _bucket(self, record: Record, digest: bytes, position: int) -> int:
        """The bucket, as stock ExampleGen counts it: SHA-256 modulo the number of buckets."""
        if len(self._names) == 1:
            return 0
        if self._split.by == "index":
            return position % self._bounds[-1]
        if self._split.features:
            digest = hashlib.sha256(self._encoder.content(record, self._split.features)).digest()
        return int.from_bytes(digest, "big") % self._bounds[-1]
