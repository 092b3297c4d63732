"""What travels from stage to stage of an ingestion: an encoded record, its place, and a run of sorted records.

A record of three steps, the fourth of its file, is cut into two pieces that go to different shards::

    a reader gives         {"tokens": ["a", "b", "c"]}
    record_encoder makes   EncodedRecord(position=3, record=..., identity=..., pieces=(piece 0, piece 1), is_long=True)
    placement adds         RecordPlace("train", group=0, key=8f...) to piece 0
                           RecordPlace("train", group=5, key=1c...) to piece 1
    sorted_runs makes      ("train", 0), Run(path, offset=0, records=40)         with piece 0 among its 40 records
                           ("train", 5), Run(path, offset=29600, records=38)     with piece 1
    write_stage writes     data_tfrecord-00000-of-00008.gz and data_tfrecord-00005-of-00008.gz

In long form, rows are placed and sorted into runs in the same way before records are made of them. Encoded records and
places stay within a worker. Groups and runs go through Beam, so they are pickled by the names they have here.
"""

from __future__ import annotations

from typing import NamedTuple

from tfx_sequence.schemas.records.examples import Record

KEY_SIZE = 32
"""Bytes of a sort key: those of a SHA-256 digest."""

SortGroup = tuple[str, int]
"""Names what is sorted together: a split and one of its groups of shards, a stratum, or a part of all rows."""


class EncodedRecord(NamedTuple):
    """A good record.

    Attributes:
      position: Its position in its file, from 0.
      record: Its values.
      identity: Bytes that are equal for equal records.
      pieces: The serialized SequenceExamples that it is written as; one, unless it was cut.
      is_long: Whether it was longer than it may be.
    """

    position: int
    record: Record
    identity: bytes
    pieces: tuple[bytes, ...]
    is_long: bool


class RecordPlace(NamedTuple):
    """The place of a record.

    Attributes:
      split: The output split, or the stratum that is yet to be divided.
      group: The shards that it is sorted into: its own shard if records are shuffled, else all of the split's.
      key: `KEY_SIZE` bytes; records of a group are sorted by it.
    """

    split: str
    group: int
    key: bytes


class Run(NamedTuple):
    """Sorted records of one group: `records` of them at `offset` of a file."""

    path: str
    offset: int
    records: int
