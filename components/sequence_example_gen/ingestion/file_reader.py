"""Reads one file: every record becomes a checked and encoded one, or a reject with a reason and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.compression import BrokenFileError
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, make_reader
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import SequenceSpec

_T = TypeVar("_T")


class FileReader:
    """A reader of files that gives each its checks and rejects, the same way whatever the format is.

    Args:
      spec: The features of what is written.
      config: The format, and how strictly it is read.

    Raises:
      ValueError: if the settings do not fit each other.

    Attributes:
      record_encoder: The encoder of the records.
      grouping: In long form, the way in which rows become records; else None.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self.record_encoder = RecordEncoder(spec, config)
        self._reader = make_reader(config, self.record_encoder.input_spec)
        self.grouping = self._reader.grouping

    def read_records(self, path: str) -> Iterator[EncodedRecord | Reject]:
        """Yields every record of a file, in order: encoded, or as a reject.

        A file without a record yields one reject, so that it does not go unnoticed.
        """
        return self._convert_items(
            path, lambda position, _, content: self.record_encoder.encode(content, path, position)
        )

    def read_rows(self, path: str, file: int) -> Iterator[FileRow | Reject]:
        """Yields the rows of a file in long form. `file` is the file's number in the order of reading."""
        return self._convert_items(
            path, lambda position, line, content: FileRow(file, position, line, cast(Record, content))
        )

    def _convert_items(
        self, path: str, convert: Callable[[int, int | None, Record | bytes], _T]
    ) -> Iterator[_T | Reject]:
        """Yields every item of a file converted; `convert` takes its position, its line and its content."""
        if not self._reader.takes(path):
            return
        position_name = "row" if self.grouping else "record"
        position = -1
        for position, item in enumerate(self._read_items(Source(path))):
            if isinstance(item, Reject):
                yield item.at(**{"file": path, position_name: position})
                continue
            line, content = item
            try:
                result = convert(position, line, content)
            except BadRecordError as error:
                yield error.reject.at(**{"file": path, "line": line, position_name: position})
            else:
                yield result
        if position < 0:
            yield Reject(reason=Reason.EMPTY_FILE, message="the file holds no record", file=path)

    def _read_items(self, source: Source) -> Iterator[Item]:
        """Yields the reader's items; one with undecodable bytes among its lines becomes a reject, whatever was read."""
        try:
            for item in self._reader.read(source):
                damage = source.take_damage()
                yield damage.to_reject() if damage else item
        except BrokenFileError as error:
            yield Reject(reason=Reason.UNDECODABLE, message=str(error))
        if damage := source.take_damage():
            yield damage.to_reject()
