"""Chooses the place of each record: its split, its shard, and its sort key within the shard.

The place only depends on the record and its position in its file. So it is the same on any runner and with any number
of workers. If the split of a record depends on the other records (`SplitConfig.needs_all_records`), the record is first
put into a stratum, which is a set of records that are divided over the splits together. A later stage sorts and divides
each stratum.

A sort key has 32 bytes. If records must keep an order, the key consists of four numbers::

    rank     file     position  piece
    8 bytes  8 bytes  8 bytes   8 bytes

The rank is the first sort criterion within a stratum: the time of the record, or a hash. It is zero if records only
keep the order of reading. If records are shuffled, the key of a record is the SHA-256 of its bytes.
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

_ORDER_KEY = struct.Struct(">8sQQQ")  # Big-endian, so that bytes sort as the numbers do.
_NUMBER_SIZE = 8
_NO_RANK = bytes(_NUMBER_SIZE)


class RecordPlacer:
    """Chooses the places of records for one configuration of splits and shards.

    Args:
      spec: The features of a record before it is cut.
      split: The settings that divide records over splits.
      write: The settings for writing.
      encoder: The encoder that made the identities of the records.

    Raises:
      ValueError: if the split needs features that the spec does not have.
    """

    def __init__(self, spec: SequenceSpec, split: SplitConfig, write: WriteConfig, encoder: Encoder) -> None:
        self._split_config = split
        self._features = find_split_features(spec, split)
        self._kinds = {name: feature.kind for name, feature in spec.features.items()}
        self._splits = list(split.shares)
        # The first bucket after each split: with the shares 8, 1 and 1, the buckets 8, 9 and 10.
        self._bucket_ends = list(itertools.accumulate(split.shares.values()))
        self._write = write
        self._encoder = encoder

    def place_pieces(self, encoded: EncodedRecord, file_number: int) -> Iterator[tuple[RecordPlace, bytes]]:
        """Yields each piece of a record with its place.

        Args:
          encoded: The record.
          file_number: The number of the file in the order of reading.
        """
        if self._split_config.needs_all_records:
            stratum, rank = self._find_stratum(encoded)
            for piece, data in enumerate(encoded.pieces):
                key = _ORDER_KEY.pack(rank, file_number, encoded.position, piece)
                yield RecordPlace(stratum, 0, key), data
            return
        split = self._splits[bisect.bisect_right(self._bucket_ends, self._find_bucket(encoded))]
        for piece, data in enumerate(encoded.pieces):
            key = _ORDER_KEY.pack(_NO_RANK, file_number, encoded.position, piece)
            yield place_in_split(split, data, key, self._write), data

    def _find_bucket(self, encoded: EncodedRecord) -> int:
        """Returns the bucket of a record as in stock ExampleGen, which is a SHA-256 modulo the number of buckets."""
        if len(self._splits) == 1:
            return 0  # All buckets belong to the only split, so the hash need not be computed.
        num_buckets = self._bucket_ends[-1]
        if self._split_config.by == "index":
            return encoded.position % num_buckets
        content = self._encoder.encode_values(encoded.record, self._features) if self._features else encoded.identity
        return int.from_bytes(hashlib.sha256(content).digest(), "big") % num_buckets

    def _find_stratum(self, encoded: EncodedRecord) -> tuple[str, bytes]:
        """Returns the name of the stratum of a record, and the rank of the record in it as 8 bytes.

        If records are divided by time, all of them are one stratum, and the rank is the time. Otherwise the records of
        a label are one stratum, and the rank is a hash of the record.
        """
        if self._split_config.by == "time":
            (name,) = self._features
            return "", _encode_sortable(encoded.record[name], self._kinds[name])
        label = self._encoder.encode_values(encoded.record, self._features)
        return label.hex(), hashlib.sha256(encoded.identity).digest()[:_NUMBER_SIZE]


def place_in_split(split: str, data: bytes, order_key: bytes, write: WriteConfig) -> RecordPlace:
    """Returns the place of a record within its split.

    Args:
      split: The split.
      data: The serialized record.
      order_key: A sort key with the position of the record in the order of reading. The rank in it is not used.
      write: The settings for writing.
    """
    if not write.shuffle:
        return RecordPlace(split, 0, _NO_RANK + order_key[_NUMBER_SIZE:])
    digest = hashlib.sha256(data).digest()
    # The shard must not depend on the same bits of the hash as the split. Otherwise all records of a split could be in
    # one shard.
    shard = int.from_bytes(digest[:_NUMBER_SIZE], "big") % write.num_shards
    return RecordPlace(split, shard, digest)


def belong_to_same_record(key: bytes, other_key: bytes) -> bool:
    """Returns whether two keys of a stratum belong to pieces of the same record: its file and position are equal."""
    return key[_NUMBER_SIZE:-_NUMBER_SIZE] == other_key[_NUMBER_SIZE:-_NUMBER_SIZE]


def have_same_rank(key: bytes, other_key: bytes) -> bool:
    """Returns whether two keys of a stratum have the same rank, such as the same time."""
    return key[:_NUMBER_SIZE] == other_key[:_NUMBER_SIZE]


def find_split_features(spec: SequenceSpec, split: SplitConfig) -> tuple[str, ...]:
    """Returns the features whose values determine the split of a record.

    The result is empty if the whole record or its position determines the split.

    Raises:
      ValueError: if a feature is missing from the spec or has the wrong kind, or if there is no such feature.
    """
    if unknown := [name for name in split.features if name not in spec.features]:
        raise ValueError(f"`features` of the split names {unknown[0]!r}; the spec has {', '.join(spec.features)}")
    if not split.needs_all_records:
        return split.features
    is_by_time = split.by == "time"
    role: Role = "time" if is_by_time else "label"
    kinds = ("integer", "float") if is_by_time else ("token", "categorical", "integer")
    names = split.features or tuple(name for name in spec.with_role(role) if spec.features[name].context)
    has_right_number = len(names) == 1 if is_by_time else bool(names)
    has_right_kinds = all(spec.features[name].context and spec.features[name].kind in kinds for name in names)
    if not (has_right_number and has_right_kinds):
        needed_features = "one context feature" if is_by_time else "context features"
        raise ValueError(
            f"by = {split.by!r} needs {needed_features} of kind {' or '.join(kinds)}, of role {role!r} or named in "
            f"`features`; there is {', '.join(names) or 'none'}"
        )
    return names


def _encode_sortable(number: float, kind: Kind) -> bytes:
    """Encodes a number as 8 bytes, so that the bytes have the same order as the numbers."""
    if kind == "integer":
        # The range of int64 is moved to the range of unsigned integers, from 0 to 2**64 - 1.
        return struct.pack(">Q", int(number) + (1 << 63))
    # The bits of positive floats have the same order as the floats. Their sign bit is set, so that they come after the
    # negative floats. All bits of a negative float are flipped, because a larger magnitude must come first.
    (bits,) = struct.unpack(">Q", struct.pack(">d", number))
    return struct.pack(">Q", bits ^ (0xFFFFFFFFFFFFFFFF if bits >> 63 else 1 << 63))
