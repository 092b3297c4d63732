"""Encodes the records of a reader as SequenceExamples. Records are checked first, and cut if they are too long."""

from __future__ import annotations

import posixpath

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.long_records import RecordCutter
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.examples import Encoder, Record, decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import SequenceSpec


class RecordEncoder:
    """Checks records, cuts the records that are too long, and encodes them.

    Args:
      spec: The features of the records that are written.
      config: The settings that determine how long records and floats that are not finite are treated.

    Raises:
      ValueError: if the spec and the settings do not fit each other.

    Attributes:
      input_spec: The spec of the records that are read.
      input_encoder: The encoder that makes `EncodedRecord.identity`.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self._cutter = RecordCutter(spec, config)
        self.input_spec = self._cutter.input_spec
        self.input_encoder = Encoder(self.input_spec, config.not_finite)
        self._piece_encoder = Encoder(spec, config.not_finite)

    def encode(self, content: Record | bytes, path: str, position: int) -> EncodedRecord:
        """Checks and encodes a record. A serialized SequenceExample is checked and not changed.

        Args:
          content: The record, or a serialized SequenceExample.
          path: The path of its file.
          position: The position of the record in the file, from 0.

        Raises:
          BadRecordError: if the record does not fit the spec.
        """
        if isinstance(content, bytes):
            return self._keep_serialized(content, position)
        data, identity = self.input_encoder.encode_with_content(content)
        if self._cutter.is_whole(content):
            return EncodedRecord(position, content, identity, (data,), is_long=False)
        key = self.input_encoder.read_key(content)
        parent = key or f"{posixpath.basename(path)}:{position}"
        try:
            pieces = tuple(self._piece_encoder.encode(piece) for piece in self._cutter.cut(content, parent))
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=key)) from None
        return EncodedRecord(position, content, identity, pieces, self._cutter.is_long(content))

    def _keep_serialized(self, content: bytes, position: int) -> EncodedRecord:
        record = decode(self.input_spec, content)
        # Encoding checks the record. The encoded data is not used, because it lacks features that are not in the spec.
        _, identity = self.input_encoder.encode_with_content(record)
        if not self._cutter.is_whole(record):
            message = "the sequence is longer than `max_length`, and a SequenceExample is kept as it is, not cut"
            raise bad_record(Reason.TOO_LONG, message, key=self.input_encoder.read_key(record))
        return EncodedRecord(position, record, identity, (content,), is_long=False)
