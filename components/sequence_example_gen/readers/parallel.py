"""Parallel files: one file a feature, aligned line by line, such as `seq.in`, `seq.out` and `label`."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject, bad_record
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

_BLANK = " \t"
_BLANKS = re.compile(r"[ \t]+")


class ParallelOptions(Frozen):
    """What the reader takes beside the spec.

    Attributes:
      separator: What stands between the steps of a line; any number of spaces and tabs if None.
    """

    separator: Annotated[str, pydantic.Field(min_length=1)] | None = None


class ParallelReader(Reader):
    """Reads parallel files.

    The `source` of a feature is the name of its file. Line n of every file is record n: for a sequence feature its
    steps, for a context feature its value. Let the pattern match all the files (`train/*`), so that a change in any of
    them is noticed; files that no feature names are left alone.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec and the fields of `ParallelOptions`."""
        self._separator = ParallelOptions.model_validate(dict(options)).separator
        self._features = spec.features
        self._files = {name: spec.source(name) for name in spec.features}
        self._first = next(iter(self._files.values()))
        if vectors := [name for name, feature in spec.features.items() if feature.kind == "vector"]:
            raise ValueError(f"`{vectors[0]}` is of kind 'vector', but a step of a parallel file is one value")

    def takes(self, path: str) -> bool:
        """The first feature's file is read, and the others along with it."""
        folder, name = posixpath.split(path)
        if name not in self._files.values():
            return False
        return name == self._first or not storage.exists(posixpath.join(folder, self._first))

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a line."""
        folder = posixpath.dirname(source.path)
        missing = [file for file in self._files.values() if not storage.exists(posixpath.join(folder, file))]
        if missing:
            message = f"there is no file {missing[0]!r} beside it; the features need {', '.join(self._files.values())}"
            yield Reject(reason=Reason.MISSING_FEATURE, message=message)
            return
        files = [source.sibling(file).lines() for file in self._files.values()]
        for number, lines in enumerate(itertools.zip_longest(*files, fillvalue=(0, None)), 1):
            try:
                yield number, self._record(dict(zip(self._files, (line for _, line in lines), strict=True)))
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=" | ".join(line or "" for _, line in lines))

    def _record(self, lines: dict[str, str | None]) -> dict[str, Any]:
        record = {}
        for name, line in lines.items():
            if line is None:
                message = f"{self._files[name]!r} ends before this line, which {self._first!r} or another file has"
                raise bad_record(Reason.MALFORMED, message)
            record[name] = self._value(name, self._features[name], line)
        return record

    def _value(self, name: str, feature: Feature, line: str) -> Any:
        if feature.context:
            return parse_cell(name, feature, line.strip(_BLANK))
        if self._separator is not None:
            steps = line.split(self._separator) if line else []
        else:
            steps = _BLANKS.split(line.strip(_BLANK)) if line.strip(_BLANK) else []
        return [parse_cell(name, feature, step) for step in steps]
