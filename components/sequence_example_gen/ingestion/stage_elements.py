"""Defines the values that pass between the stages of an ingestion: encoded records, their places, and sorted runs.

In this example, the fourth record of a file has three steps and is cut into two pieces, which go to different shards::

    a reader yields        {"tokens": ["a", "b", "c"]}
    record_encoder makes   EncodedRecord(position=3, record=..., identity=..., pieces=(piece 0, piece 1), is_long=True)
    placement adds         RecordPlace("train", group=0, key=8f...) to piece 0
                           RecordPlace("train", group=5, key=1c...) to piece 1
    sorted_runs makes      ("train", 0), Run(path, offset=0, num_records=40)         contains piece 0
                           ("train", 5), Run(path, offset=29600, num_records=38)     contains piece 1
    write_stage writes     data_tfrecord-00000-of-00008.gz and data_tfrecord-00005-of-00008.gz

In long form, rows are placed and sorted into runs in the same way, before they are made into records. Encoded records
and places stay in one worker. Groups and runs pass through Beam, which pickles them under the names of this module.
"""

from __future__ import annotations

from typing import NamedTuple

from tfx_sequence.schemas.records.examples import Record

KEY_SIZE = 32
"""The number of bytes of a sort key, which is the size of a SHA-256 digest."""

SortGroup = tuple[str, int]
"""The name of a group of records or rows that are sorted together.

The group is one of: shards of a split, a stratum with the number 0, or one part of the rows of a split."""


class EncodedRecord(NamedTuple):
    """A record that was checked and encoded.

    Attributes:
      position: The position of the record in its file, from 0.
      record: The values of the record.
      identity: Bytes that are equal for records with equal inputs and labels. Splits depend on them.
      pieces: The serialized SequenceExamples to write. There is one, unless the record was cut into several pieces.
      is_long: Whether the record has more steps than `max_length` allows.
    """

    position: int
    record: Record
    identity: bytes
    pieces: tuple[bytes, ...]
    is_long: bool


class RecordPlace(NamedTuple):
    """The place of a record.

    Attributes:
      split: The output split, or the stratum if another stage divides the records over splits.
      group: The number of the group within the split. If records are shuffled, it is the number of the shard. Otherwise
        it is 0, because all shards of the split are sorted together.
      key: The `KEY_SIZE` bytes by which the records of a group are sorted.
    """

    split: str
    group: int
    key: bytes


class Run(NamedTuple):
    """A part of a file with sorted records of one group.

    Attributes:
      path: The path of the file.
      offset: The byte of the file where the first record begins.
      num_records: The number of records.
    """

    path: str
    offset: int
    num_records: int
