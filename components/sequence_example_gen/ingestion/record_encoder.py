"""Turns what a reader gives into what is written: checked, cut if too long, and encoded."""

from __future__ import annotations

import posixpath

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.long_records import RecordCutter
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.examples import Encoder, Record, decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec


class RecordEncoder:
    """An encoder of records, which checks them and cuts those that are too long.

    Args:
      spec: The features of what is written.
      config: How long records, and floats that are not finite, are treated.

    Raises:
      ValueError: if the spec and the settings do not fit each other.

    Attributes:
      input_spec: The spec of what is read.
      input_encoder: The encoder that `EncodedRecord.identity` is made with.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self._cutter = RecordCutter(spec, config)
        self.input_spec = self._cutter.input_spec
        self.input_encoder = Encoder(self.input_spec, config.not_finite)
        self._piece_encoder = Encoder(spec, config.not_finite)

    def encode(self, content: Record | bytes, path: str, position: int) -> EncodedRecord:
        """Encodes a record, or takes a serialized SequenceExample, which is kept as it is.

        Args:
          content: The record.
          path: The file that it is in.
          position: Its position there, from 0.

        Raises:
          BadRecordError: if it is not what the spec says.
        """
        if isinstance(content, bytes):
            return self._keep_serialized(content, position)
        identity = self.input_encoder.encode(content)
        if self._cutter.is_whole(content):
            return EncodedRecord(position, content, identity, (identity,), is_long=False)
        key = self.input_encoder.key(content)
        parent = key or f"{posixpath.basename(path)}:{position}"
        try:
            pieces = tuple(self._piece_encoder.encode(piece) for piece in self._cutter.cut(content, parent))
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=key)) from None
        return EncodedRecord(position, content, identity, pieces, self._cutter.is_long(content))

    def _keep_serialized(self, content: bytes, position: int) -> EncodedRecord:
        record = decode(self.input_spec, content)
        # Encoded for its checks only: features that the spec does not name are in the bytes alone.
        self.input_encoder.encode(record)
        if not self._cutter.is_whole(record):
            message = "the sequence is longer than `max_length`, and a SequenceExample is kept as it is, not cut"
            raise bad_record(Reason.TOO_LONG, message, key=self.input_encoder.key(record))
        return EncodedRecord(position, record, content, (content,), is_long=False)
