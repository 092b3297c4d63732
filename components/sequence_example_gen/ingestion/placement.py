"""Where a record goes: its split, its group of shards, and its place among the others.

All of it follows from the record and its position in its file, so it is the same on any runner with any number of
workers. Where a split depends on the other records (`SplitConfig.by_rank`), a record first goes to a stratum, sorted
as the split needs it, and a later stage divides the strata.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import struct
from collections.abc import Iterator
from typing import NamedTuple

from tfx_sequence.components.sequence_example_gen.config import SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import Encoded
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Kind, Role, SequenceSpec

KEY_SIZE = 32
"""Bytes of a sort key."""

_RANK_SIZE = 8
_ORDER = struct.Struct(">8sQQQ")
_NO_RANK = bytes(_RANK_SIZE)


class Place(NamedTuple):
    """Where a record goes.

    Attributes:
      split: The output split, or the stratum that is yet to be divided.
      group: The shards that it is sorted into: its own shard if records are shuffled, else all of the split's.
      key: `KEY_SIZE` bytes; records of a group are sorted by it.
    """

    split: str
    group: int
    key: bytes


class Placer:
    """Gives records their places."""

    def __init__(self, spec: SequenceSpec, split: SplitConfig, write: WriteConfig, encoder: Encoder) -> None:
        """Takes the settings, and the encoder that the records' identities are made with.

        Raises:
          ValueError: if the split needs features that the spec does not have.
        """
        self._split = split
        self._features = split_features(spec, split)
        self._kinds = {name: feature.kind for name, feature in spec.features.items()}
        self._names = list(split.shares)
        self._bounds = list(itertools.accumulate(split.shares.values()))
        self._write = write
        self._encoder = encoder

    def places(self, encoded: Encoded, file: int) -> Iterator[tuple[Place, bytes]]:
        """The pieces of a record, each with its place. `file` is the file's number in the order of reading."""
        if self._split.by_rank:
            stratum, rank = self._stratum(encoded)
            for piece, data in enumerate(encoded.pieces):
                yield Place(stratum, 0, _ORDER.pack(rank, file, encoded.position, piece)), data
            return
        split = self._names[bisect.bisect_right(self._bounds, self._bucket(encoded))]
        for piece, data in enumerate(encoded.pieces):
            yield place(split, data, _ORDER.pack(_NO_RANK, file, encoded.position, piece), self._write), data

    def _bucket(self, encoded: Encoded) -> int:
        """The bucket, as stock ExampleGen counts it: SHA-256 modulo the number of buckets."""
        if len(self._names) == 1:
            return 0
        if self._split.by == "index":
            return encoded.position % self._bounds[-1]
        content = self._encoder.content(encoded.record, self._features) if self._features else encoded.identity
        return int.from_bytes(hashlib.sha256(content).digest(), "big") % self._bounds[-1]

    def _stratum(self, encoded: Encoded) -> tuple[str, bytes]:
        """The stratum, and what its records are ordered by, as 8 bytes."""
        if self._split.by == "time":
            (name,) = self._features
            return "", _sortable(encoded.record[name], self._kinds[name])
        label = self._encoder.content(encoded.record, self._features)
        return label.hex(), hashlib.sha256(encoded.identity).digest()[:_RANK_SIZE]


def place(split: str, data: bytes, order: bytes, write: WriteConfig) -> Place:
    """The place of a record within its split. `order` is a key of the order of reading."""
    if not write.shuffle:
        return Place(split, 0, _NO_RANK + order[_RANK_SIZE:])
    digest = hashlib.sha256(data).digest()
    # Other bits than those that chose the split: else a split's records could all share one shard.
    return Place(split, int.from_bytes(digest[:8], "big") % write.num_shards, digest)


def same_record(one: bytes, other: bytes) -> bool:
    """Whether two keys of a stratum are those of pieces of one record."""
    return one[_RANK_SIZE:-8] == other[_RANK_SIZE:-8]


def split_features(spec: SequenceSpec, split: SplitConfig) -> tuple[str, ...]:
    """The features that a split goes by.

    Raises:
      ValueError: if the spec does not have them, or they are of the wrong kind.
    """
    if unknown := [name for name in split.features if name not in spec.features]:
        raise ValueError(f"`features` of the split names {unknown[0]!r}; the spec has {', '.join(spec.features)}")
    if not split.by_rank:
        return split.features
    role: Role = "time" if split.by == "time" else "label"
    kinds = ("integer", "float") if split.by == "time" else ("token", "categorical", "integer")
    names = split.features or tuple(name for name in spec.with_role(role) if spec.features[name].context)
    fits = [name for name in names if spec.features[name].context and spec.features[name].kind in kinds]
    if not names or fits != list(names) or (split.by == "time" and len(names) != 1):
        raise ValueError(
            f"by = {split.by!r} needs {'one context feature' if split.by == 'time' else 'context features'} of kind "
            f"{' or '.join(kinds)}, of role {role!r} or named in `features`; there is {', '.join(names) or 'none'}"
        )
    return names


def _sortable(number: float, kind: Kind) -> bytes:
    """Eight bytes that sort as the numbers of a feature do."""
    if kind == "integer":
        return struct.pack(">Q", int(number) + (1 << 63))
    # The bits of floats sort like integers once the sign is taken care of.
    (bits,) = struct.unpack(">Q", struct.pack(">d", number))
    return struct.pack(">Q", bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))
