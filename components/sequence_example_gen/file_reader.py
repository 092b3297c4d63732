"""Reads one file: every record is checked and encoded, or rejected with a reason and its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tfx_sequence.components.sequence_example_gen.compression import BrokenFileError
from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.readers import Item, make_reader
from tfx_sequence.components.sequence_example_gen.sources import Damage, Source
from tfx_sequence.schemas.examples import Encoder, Record, decode
from tfx_sequence.schemas.records import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import SequenceSpec


class Encoded(NamedTuple):
    """A good record: its position in the file from 0, its values, and its serialized SequenceExample."""

    position: int
    record: Record
    data: bytes


class FileReader:
    """Reads files of one format, the same way whatever the format is.

    Attributes:
      encoder: What the records are encoded with.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        """Takes what to read and how."""
        self._spec = spec
        self._reader = make_reader(config, spec)
        self.encoder = Encoder(spec, config.not_finite)

    def read(self, path: str) -> Iterator[Encoded | Reject]:
        """Yields what every record of a file became, in order.

        An empty file yields one reject, so that it does not go unnoticed.
        """
        if not self._reader.takes(path):
            return
        position = -1
        for position, item in enumerate(self._items(Source(path))):
            if isinstance(item, Reject):
                yield item.at(file=path, record=position)
                continue
            line, record = item
            try:
                if isinstance(record, bytes):
                    record, data = self._checked(record), record
                else:
                    data = self.encoder.encode(record)
            except BadRecordError as error:
                yield error.reject.at(file=path, line=line, record=position)
            else:
                yield Encoded(position, record, data)
        if position < 0:
            yield Reject(reason=Reason.EMPTY_FILE, message="the file holds no record", file=path)

    def _checked(self, data: bytes) -> Record:
        """The record of a SequenceExample that may also hold what the spec does not name."""
        record = decode(self._spec, data)
        self.encoder.encode(record)
        return record

    def _items(self, source: Source) -> Iterator[Item]:
        """The reader's items; one with undecodable bytes among its lines becomes a reject, whatever was read."""
        try:
            for item in self._reader.read(source):
                damage = source.take_damage()
                yield _damaged(damage) if damage else item
        except BrokenFileError as error:
            yield Reject(reason=Reason.UNDECODABLE, message=str(error))
        if damage := source.take_damage():
            yield _damaged(damage)


def _damaged(damage: Damage) -> Reject:
    return Reject(reason=Reason.UNDECODABLE, message=damage.message, line=damage.line, offset=damage.offset)
