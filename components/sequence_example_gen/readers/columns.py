"""Column files such as CoNLL-2003 and WNUT: a step a line in columns, an empty line after each sequence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec

DOCSTART = "-DOCSTART-"
"""The first cell of a line that CoNLL-2003 puts between documents."""

_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")


class ColumnsOptions(Frozen):
    """What the reader takes beside the spec.

    Attributes:
      names: The columns' names, in order. Without names, a feature's `source` is the number of its column.
      separator: What stands between columns; any number of spaces and tabs if None.
      extra: What to do with a row of more columns than there are names (or than the sequence's first row has):
        `reject` the sequence, because a value may hold a separator, or `ignore` the columns too many.
    """

    names: tuple[str, ...] = ()
    separator: Annotated[str, pydantic.Field(min_length=1)] | None = None
    extra: Literal["reject", "ignore"] = "reject"


class ColumnsReader(Reader):
    """Reads column files.

    The `source` of a feature is the column's name or its number: from 0, or from -1 backwards. All features are
    sequence features. Lines that are empty or blank end a sequence, and so do lines that begin with `-DOCSTART-`.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `ColumnsOptions`."""
        self._options = ColumnsOptions.model_validate(dict(options))
        if spec.context:
            raise ValueError(f"`{next(iter(spec.context))}` is a context feature, but a column file has none")
        self._features = {
            name: (_index(name, spec.source(name), self._options.names), feature)
            for name, feature in spec.features.items()
        }
        indexes = [index for index, _ in self._features.values()]
        self._least = max(max(indexes) + 1, -min(indexes), len(self._options.names))

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a sequence."""
        sequence: list[tuple[int, str]] = []
        for number, line in source.lines():
            if line.strip(_BLANK) and not self._is_docstart(line):
                sequence.append((number, line))
            elif sequence:
                yield self._item(sequence)
                sequence = []
        if sequence:
            yield self._item(sequence)

    def _is_docstart(self, line: str) -> bool:
        return line.startswith(DOCSTART) and self._cells(line)[0] == DOCSTART

    def _cells(self, line: str) -> list[str]:
        if self._options.separator is not None:
            return line.split(self._options.separator)
        return _BLANKS.split(line.strip(_BLANK))

    def _item(self, sequence: list[tuple[int, str]]) -> Item:
        first = sequence[0][0]
        rows = [self._cells(line) for _, line in sequence]
        try:
            for (number, _), row in zip(sequence, rows, strict=True):
                self._check(number, row, len(self._options.names) or len(rows[0]))
            features = self._features.items()
            return first, {name: [parse_cell(name, feature, row[i]) for row in rows] for name, (i, feature) in features}
        except BadRecordError as error:
            return error.reject.at(line=first, excerpt="\n".join(line for _, line in sequence[:5]))

    def _check(self, number: int, row: list[str], expected: int) -> None:
        least = max(expected, self._least) if self._options.extra == "reject" else self._least
        if len(row) < least:
            raise bad_record(Reason.MALFORMED, f"the row has {len(row)} columns, expected {least}", line=number)
        if len(row) > expected and self._options.extra == "reject":
            message = f"the row has {len(row)} columns, expected {expected}; `extra` = 'ignore' takes rows with more"
            raise bad_record(Reason.MALFORMED, message, line=number)


def _index(name: str, source: str, names: tuple[str, ...]) -> int:
    """The column of a feature."""
    if source in names:
        return names.index(source)
    if re.fullmatch(r"-?[0-9]+", source, re.ASCII):
        return int(source)
    known = f"one of {', '.join(names)}, or " if names else ""
    raise ValueError(f"`{name}` is to be read from {source!r}, expected {known}the number of a column")
