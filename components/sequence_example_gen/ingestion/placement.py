"""Decides where a record goes: to which split and shard, and to which place among the others.

All of it follows from the record and its position in its file, so it is the same on any runner with any number of
workers. Where a split depends on the other records (`SplitConfig.needs_all_records`), a record first goes to a stratum,
sorted as the split needs it, and a later stage divides the strata.

A sort key has 32 bytes. One that keeps an order is made of four numbers::

    rank     file     position  piece
    8 bytes  8 bytes  8 bytes   8 bytes

The rank orders the records of a stratum: their time, or a hash. It is zero where the order of reading alone counts. The
key of a shuffled record is the SHA-256 of its bytes.
"""

from __future__ import annotations

import bisect
import hashlib
import itertools
import struct
from collections.abc import Iterator

from tfx_sequence.components.sequence_example_gen.config import SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord, RecordPlace
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Kind, Role, SequenceSpec

_ORDER = struct.Struct(">8sQQQ")  # Big-endian, so that bytes sort as the numbers do.
_NUMBER_SIZE = 8
_NO_RANK = bytes(_NUMBER_SIZE)


class RecordPlacer:
    """The choice of places for records, by one configuration of splits and shards.

    Args:
      spec: The features of a record, before it is cut.
      split: How records are divided over splits.
      write: How records are written.
      encoder: The encoder that the records' identities are made with.

    Raises:
      ValueError: if the split needs features that the spec does not have.
    """

    def __init__(self, spec: SequenceSpec, split: SplitConfig, write: WriteConfig, encoder: Encoder) -> None:
        self._split = split
        self._features = find_split_features(spec, split)
        self._kinds = {name: feature.kind for name, feature in spec.features.items()}
        self._names = list(split.shares)
        # Shares of 8, 1 and 1 end before the buckets 8, 9 and 10.
        self._bounds = list(itertools.accumulate(split.shares.values()))
        self._write = write
        self._encoder = encoder

    def place_pieces(self, encoded: EncodedRecord, file: int) -> Iterator[tuple[RecordPlace, bytes]]:
        """Yields the place of each piece of a record, and the piece.

        Args:
          encoded: The record.
          file: The file's number in the order of reading.
        """
        if self._split.needs_all_records:
            stratum, rank = self._find_stratum(encoded)
            for piece, data in enumerate(encoded.pieces):
                yield RecordPlace(stratum, 0, _ORDER.pack(rank, file, encoded.position, piece)), data
            return
        split = self._names[bisect.bisect_right(self._bounds, self._find_bucket(encoded))]
        for piece, data in enumerate(encoded.pieces):
            order = _ORDER.pack(_NO_RANK, file, encoded.position, piece)
            yield place_in_split(split, data, order, self._write), data

    def _find_bucket(self, encoded: EncodedRecord) -> int:
        """Returns the bucket, as stock ExampleGen counts it: SHA-256 modulo the number of buckets."""
        if len(self._names) == 1:
            return 0  # Spares the hash.
        if self._split.by == "index":
            return encoded.position % self._bounds[-1]
        content = self._encoder.content(encoded.record, self._features) if self._features else encoded.identity
        return int.from_bytes(hashlib.sha256(content).digest(), "big") % self._bounds[-1]

    def _find_stratum(self, encoded: EncodedRecord) -> tuple[str, bytes]:
        """Returns the stratum, and the rank of the record in it, as 8 bytes.

        All records are one stratum by time, ordered by it; or those of a label are, in the order of their hashes.
        """
        if self._split.by == "time":
            (name,) = self._features
            return "", _encode_sortable(encoded.record[name], self._kinds[name])
        label = self._encoder.content(encoded.record, self._features)
        return label.hex(), hashlib.sha256(encoded.identity).digest()[:_NUMBER_SIZE]


def place_in_split(split: str, data: bytes, order: bytes, write: WriteConfig) -> RecordPlace:
    """Returns the place of a record within its split.

    Args:
      split: The split.
      data: The record, serialized.
      order: A sort key with its position in the order of reading; the rank in it does not count any more.
      write: How records are written.
    """
    if not write.shuffle:
        return RecordPlace(split, 0, _NO_RANK + order[_NUMBER_SIZE:])
    digest = hashlib.sha256(data).digest()
    # Other bits than those that chose the split: else a split's records could all share one shard.
    shard = int.from_bytes(digest[:_NUMBER_SIZE], "big") % write.num_shards
    return RecordPlace(split, shard, digest)


def belong_to_same_record(one: bytes, other: bytes) -> bool:
    """Returns whether two keys of a stratum are those of pieces of one record, with the same file and position."""
    return one[_NUMBER_SIZE:-_NUMBER_SIZE] == other[_NUMBER_SIZE:-_NUMBER_SIZE]


def find_split_features(spec: SequenceSpec, split: SplitConfig) -> tuple[str, ...]:
    """Returns the features whose values decide the split; none if the whole record does, or its position.

    Raises:
      ValueError: if the spec does not have them, or they are of the wrong kind.
    """
    if unknown := [name for name in split.features if name not in spec.features]:
        raise ValueError(f"`features` of the split names {unknown[0]!r}; the spec has {', '.join(spec.features)}")
    if not split.needs_all_records:
        return split.features
    role: Role = "time" if split.by == "time" else "label"
    kinds = ("integer", "float") if split.by == "time" else ("token", "categorical", "integer")
    names = split.features or tuple(name for name in spec.with_role(role) if spec.features[name].context)
    fits = all(spec.features[name].context and spec.features[name].kind in kinds for name in names)
    if not names or not fits or (split.by == "time" and len(names) != 1):
        raise ValueError(
            f"by = {split.by!r} needs {'one context feature' if split.by == 'time' else 'context features'} of kind "
            f"{' or '.join(kinds)}, of role {role!r} or named in `features`; there is {', '.join(names) or 'none'}"
        )
    return names


def _encode_sortable(number: float, kind: Kind) -> bytes:
    """Returns eight bytes that sort as the numbers of a feature do."""
    if kind == "integer":
        # From -2**63 .. 2**63 - 1 to 0 .. 2**64 - 1.
        return struct.pack(">Q", int(number) + (1 << 63))
    # The bits of floats sort like integers once the sign is taken care of: of a negative number all bits are flipped,
    # because a larger magnitude comes first; of others the sign alone, so that they come after the negative ones.
    (bits,) = struct.unpack(">Q", struct.pack(">d", number))
    return struct.pack(">Q", bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))
