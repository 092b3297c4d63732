"""Reads column files such as CoNLL-2003 and WNUT, with one step per line and an empty line after each sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader, keep_records, make_text_spec
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec

DOCSTART = "-DOCSTART-"
"""The first cell of the line that separates documents in CoNLL-2003."""

_BLANK_CHARACTERS = " \t"
_BLANK_RUN = re.compile(r"[ \t]+")

_EXCERPT_LINES = 5
"""The number of lines of a bad sequence in the excerpt of its reject. They are enough to find the sequence, and the
length of an excerpt is limited in any case."""

_NumberedLines = list[tuple[int, str]]
"""The lines of a sequence, with their numbers in the file."""


class ColumnsOptions(Frozen):
    """The options of the format `columns`.

    Attributes:
      names: The names of the columns, in order. Without names, the `source` of a feature is the number of its column.
      separator: The text between columns. If None, columns are separated by any number of spaces and tabs.
      extra: What to do with a row that has more columns than there are names. Without names, the first row of the
        sequence determines the number of columns. `reject` rejects the sequence, because a value may contain a
        separator. `ignore` ignores the additional columns.
      comment: The beginning of lines that are left out, such as `# `. If None, all lines are steps.
    """

    names: tuple[str, ...] = ()
    separator: Annotated[str, pydantic.Field(min_length=1)] | None = None
    extra: Literal["reject", "ignore"] = "reject"
    comment: Annotated[str, pydantic.Field(min_length=1)] | None = None


class ColumnsReader(Reader):
    """Reader of column files. The options are the fields of `ColumnsOptions`.

    The `source` of a feature is the name or the number of its column. Numbers count from 0, or backwards from -1 for
    the last column. All features are sequence features. A sequence ends at a blank line or at a line whose first cell
    is `-DOCSTART-`.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._options = ColumnsOptions.model_validate(dict(options))
        if spec.context:
            raise ValueError(f"`{next(iter(spec.context))}` is a context feature, but a column file has none")
        self._features = spec.features
        self._column_indexes = {
            name: _find_column_index(name, spec.source(name), self._options.names) for name in spec.features
        }
        indexes = self._column_indexes.values()
        # The index 3 needs a row of four cells, and so does the index -4.
        self._min_cells = max(max(indexes) + 1, -min(indexes), len(self._options.names))

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per sequence."""
        sequence: _NumberedLines = []
        comment = self._options.comment
        for number, line in source.lines():
            if comment and line.startswith(comment):
                continue
            if line.strip(_BLANK_CHARACTERS) and not self._is_docstart(line):
                sequence.append((number, line))
            elif sequence:
                yield self._make_item(sequence)
                sequence = []
        if sequence:
            yield self._make_item(sequence)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields all columns as text. The keys are the names or the numbers of the columns."""
        settings = ColumnsOptions.model_validate(dict(options))
        comment = settings.comment or "\n"  # No line begins with a line end.
        first_line = next((line for _, line in source.lines() if line.strip() and not line.startswith(comment)), "")
        num_columns = len(first_line.split(settings.separator))
        if not num_columns:
            return
        spec = make_text_spec(settings.names or [str(index) for index in range(num_columns)])
        for record in keep_records(cls(spec, options).read(source)):
            yield {spec.source(name): values for name, values in record.items()}

    def _is_docstart(self, line: str) -> bool:
        return line.startswith(DOCSTART) and self._split_row(line)[0] == DOCSTART

    def _split_row(self, line: str) -> list[str]:
        if self._options.separator is not None:
            return line.split(self._options.separator)
        return _BLANK_RUN.split(line.strip(_BLANK_CHARACTERS))

    def _make_item(self, sequence: _NumberedLines) -> Item:
        """Makes a record, or a reject, from the numbered lines of a sequence."""
        first_line = sequence[0][0]
        rows = [self._split_row(line) for _, line in sequence]
        num_columns = len(self._options.names) or len(rows[0])
        record = {}
        try:
            for (line_number, _), row in zip(sequence, rows, strict=True):
                self._check_row(line_number, row, num_columns)
            for name, feature in self._features.items():
                index = self._column_indexes[name]
                record[name] = [parse_cell(name, feature, row[index]) for row in rows]
        except BadRecordError as error:
            excerpt = "\n".join(line for _, line in sequence[:_EXCERPT_LINES])
            return error.reject.at(line=first_line, excerpt=excerpt)
        return first_line, record

    def _check_row(self, line_number: int, row: list[str], num_columns: int) -> None:
        """Checks that a row has one cell per column, or enough for the features if additional cells are ignored.

        Args:
          line_number: The line of the row.
          row: The cells of the row.
          num_columns: The number of columns of the sequence.

        Raises:
          BadRecordError: if the row has too few cells, or if it has too many and `extra` is `reject`.
        """
        is_strict = self._options.extra == "reject"
        min_cells = max(num_columns, self._min_cells) if is_strict else self._min_cells
        if len(row) < min_cells:
            message = f"the row has {len(row)} columns, expected {min_cells}"
            raise bad_record(Reason.MALFORMED, message, line=line_number)
        if is_strict and len(row) > num_columns:
            message = f"the row has {len(row)} columns, expected {num_columns}; `extra` = 'ignore' takes rows with more"
            raise bad_record(Reason.MALFORMED, message, line=line_number)


def _find_column_index(name: str, source: str, names: tuple[str, ...]) -> int:
    """Returns the index of a feature's column. A negative index counts backwards from the last column."""
    if source in names:
        return names.index(source)
    if re.fullmatch(r"-?[0-9]+", source, re.ASCII):
        return int(source)
    expected_names = f"one of {', '.join(names)}, or " if names else ""
    raise ValueError(f"`{name}` has the source {source!r}, expected {expected_names}the number of a column")
