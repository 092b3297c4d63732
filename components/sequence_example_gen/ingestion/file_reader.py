"""Reads one file. Each record is checked and encoded, or it becomes a reject with a reason and its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar, cast

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, make_reader
from tfx_sequence.schemas.records.damage import DamagedFile, DamagedFileError
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import SequenceSpec

_T = TypeVar("_T")

_Convert: TypeAlias = Callable[[int, int | None, Record | bytes], _T]
"""A function that converts an item of a reader. Its arguments are the position, the line and the content of the
item."""


class FileReader:
    """A reader of files of one format that also checks and encodes the records.

    The checks and the rejects are the same for all formats.

    Args:
      spec: The features of the records that are written.
      config: The format, and how bad and long records are treated.

    Raises:
      ValueError: if the settings do not fit each other.

    Attributes:
      record_encoder: The encoder of the records.
      grouping: In long form, the rules by which rows become records. None in other formats.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self.record_encoder = RecordEncoder(spec, config)
        self._reader = make_reader(config, self.record_encoder.input_spec)
        self.grouping = self._reader.grouping
        self._max_line_bytes = config.max_line_bytes
        self._encoding = config.encoding

    def read_records(self, path: str) -> Iterator[EncodedRecord | Reject | DamagedFile]:
        """Yields each record of a file, in order: encoded, or as a reject if it is a bad record.

        If a file has no record, one reject says so, because the file may be a mistake. If a file cannot be read to its
        end, the last item describes the damage.

        Raises:
          FileAccessError: if the file system does not open or read the file.
        """

        def convert(position: int, _: int | None, content: Record | bytes) -> EncodedRecord:
            return self.record_encoder.encode(content, path, position)

        return self._convert_items(path, convert)

    def read_rows(self, path: str, file_number: int) -> Iterator[FileRow | Reject | DamagedFile]:
        """Yields each row of a file in long form, in order, or a reject if it cannot be read, and at last any damage.

        Args:
          path: The path of the file.
          file_number: The number of the file in the order of reading.

        Raises:
          FileAccessError: if the file system does not open or read the file.
        """

        def convert(position: int, line: int | None, content: Record | bytes) -> FileRow:
            # In long form, a reader yields the cells of each row and no bytes.
            return FileRow(file_number, position, line, cast(Record, content))

        return self._convert_items(path, convert)

    def _convert_items(self, path: str, convert: _Convert[_T]) -> Iterator[_T | Reject | DamagedFile]:
        """Yields the result of `convert` for each item of a file, or a reject with its place, or at last its damage."""
        if not self._reader.takes(path):
            return
        num_items = 0
        try:
            for item in self._read_items(Source(path, self._max_line_bytes, encoding=self._encoding)):
                yield self._convert_item(item, path, num_items, convert)
                num_items += 1
        except DamagedFileError as error:
            yield error.describe(path, num_items)
            return
        if not num_items:
            yield Reject(reason=Reason.EMPTY_FILE, message="the file holds no record", file=path)

    def _convert_item(self, item: Item, path: str, position: int, convert: _Convert[_T]) -> _T | Reject:
        if isinstance(item, Reject):
            return self._add_place(item, path, position)
        line, content = item
        try:
            return convert(position, line, content)
        except BadRecordError as error:
            return self._add_place(error.reject.at(line=line), path, position)

    def _read_items(self, source: Source) -> Iterator[Item]:
        """Yields the items of the reader. An item with a line that is too long is replaced by a reject."""
        for item in self._reader.read(source):
            if not source.long_lines:
                yield item
                continue
            # The line of a record is its first, so lines before it are in no record, such as a line of spaces. The line
            # of a reject may be any of the record's.
            first_line = None if isinstance(item, Reject) else item[0]
            lines_before = [number for number in source.long_lines if first_line is not None and number < first_line]
            yield from map(source.make_long_line_reject, lines_before)
            if len(lines_before) < len(source.long_lines):
                yield source.make_long_line_reject(source.long_lines[len(lines_before)])
            else:
                yield item
            source.long_lines.clear()
        # The reader may have read more lines after the last item.
        yield from map(source.make_long_line_reject, source.long_lines)

    def _add_place(self, reject: Reject, path: str, position: int) -> Reject:
        """Adds the file and the position to a reject. In long form, the position is that of a row."""
        if self.grouping:
            return reject.at(file=path, row=position)
        return reject.at(file=path, record=position)
