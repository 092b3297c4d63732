"""From what a reader gives to what is written: checked, cut if too long, encoded."""

from __future__ import annotations

import posixpath
from typing import NamedTuple

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.long_records import Cutter
from tfx_sequence.schemas.records.examples import Encoder, Record, decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec


class Encoded(NamedTuple):
    """A good record.

    Attributes:
      position: Its place in its file, from 0.
      record: Its values.
      identity: Bytes that are equal for equal records.
      pieces: The serialized SequenceExamples that it is written as; one, unless it was cut.
      long: Whether it was longer than it may be.
    """

    position: int
    record: Record
    identity: bytes
    pieces: tuple[bytes, ...]
    long: bool


class RecordEncoder:
    """Takes records in.

    Attributes:
      content: The spec of what is read.
      encoder: What `Encoded.identity` is made with.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        """Takes what a record is, and what to do with long ones.

        Raises:
          ValueError: if the spec and the settings do not fit each other.
        """
        self._cutter = Cutter(spec, config)
        self.content = self._cutter.content
        self.encoder = Encoder(self.content, config.not_finite)
        self._pieces = Encoder(spec, config.not_finite)

    def take(self, content: Record | bytes, path: str, position: int) -> Encoded:
        """Takes a record, or a serialized SequenceExample, which is kept as it is.

        Raises:
          BadRecordError: if it is not what the spec says.
        """
        if isinstance(content, bytes):
            # What the spec does not name is in the bytes alone.
            record = decode(self.content, content)
            self.encoder.encode(record)
            if not self._cutter.is_whole(record):
                message = "the sequence is longer than `max_length`, and a SequenceExample is kept as it is, not cut"
                raise bad_record(Reason.TOO_LONG, message, key=self.encoder.key(record))
            return Encoded(position, record, content, (content,), False)
        identity = self.encoder.encode(content)
        if self._cutter.is_whole(content):
            return Encoded(position, content, identity, (identity,), False)
        key = self.encoder.key(content)
        try:
            pieces = self._cutter.cut(content, key or f"{posixpath.basename(path)}:{position}")
            encoded = tuple(self._pieces.encode(piece) for piece in pieces)
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=key)) from None
        return Encoded(position, content, identity, encoded, self._cutter.is_long(content))
