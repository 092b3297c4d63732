"""Reads parallel files, which are one file per feature with aligned lines, such as `seq.in`, `seq.out` and `label`.

::

    seq.in     play some jazz                 tokens  ["play", "some", "jazz"]
    seq.out    O    O    B-genre      ->      slots   ["O", "O", "B-genre"]
    label      PlayMusic                      intent  "PlayMusic"
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import pydantic

from tfx_sequence.components.file_patterns import match_files
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.cell_values import parse_cell
from tfx_sequence.components.sequence_example_gen.readers.reader import (
    SAMPLE_SIZE,
    Item,
    Reader,
    keep_records,
    make_text_spec,
)
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

_BLANK_CHARACTERS = " \t"
_BLANK_RUN = re.compile(r"[ \t]+")


class ParallelOptions(Frozen):
    """The options of the format `parallel`.

    Attributes:
      separator: The text between the steps of a line. If None, steps are separated by any number of spaces and tabs.
    """

    separator: Annotated[str, pydantic.Field(min_length=1)] | None = None


class ParallelReader(Reader):
    """Reader of parallel files. The options are the fields of `ParallelOptions`.

    The `source` of a feature is the name of its file. Line n of each file belongs to record n. It contains the steps of
    a sequence feature, or the value of a context feature. The file pattern should match all the files (`train/*`), so
    that a change in any of them is noticed. Files that are not the source of a feature are ignored.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        self._separator = ParallelOptions.model_validate(dict(options)).separator
        self._features = spec.features
        self._file_names = {name: spec.source(name) for name in spec.features}
        self._first_file = next(iter(self._file_names.values()))
        if vectors := [name for name, feature in spec.features.items() if feature.kind == "vector"]:
            raise ValueError(f"`{vectors[0]}` is of kind 'vector', but a step of a parallel file is one value")

    def takes(self, path: str) -> bool:
        """Returns whether a file is the file of the first feature. `read` reads the other files together with it."""
        folder, name = posixpath.split(path)
        if name not in self._file_names.values():
            return False
        # If the first file is missing, `read` is called for each other file and raises an error that says so.
        return name == self._first_file or not file_system.exists(posixpath.join(folder, self._first_file))

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per line."""
        folder = posixpath.dirname(source.path)
        names = list(self._file_names.values())
        missing = [name for name in names if not file_system.exists(posixpath.join(folder, name))]
        if missing:
            message = f"there is no file {missing[0]!r} in the folder; the features need {', '.join(names)}"
            raise DamagedFileError(message)
        files = [source.sibling(name).lines() for name in names]
        # The line of a file that has no more lines is None. The number 0 is not used.
        aligned_lines = itertools.zip_longest(*files, fillvalue=(0, None))
        for number, numbered_lines in enumerate(aligned_lines, 1):
            lines = [line for _, line in numbered_lines]
            try:
                yield number, self._make_record(lines)
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=" | ".join(line or "" for line in lines))

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the lines of all files of the folder. A file with one value per line is assumed to be context."""
        folder = posixpath.dirname(source.path)
        files = match_files(folder, "*")
        spec = make_text_spec([posixpath.basename(file.path) for file in files])
        items = cls(spec, options).read(source)
        records = list(itertools.islice(keep_records(items), SAMPLE_SIZE))
        single_valued = {name for name in spec.features if _has_one_step_per_record(records, name)}
        # A record needs a sequence. If all files have one value per line, the values are sequences of one step.
        context = single_valued if len(single_valued) < len(spec.features) else set()
        for record in records:
            yield {spec.source(name): steps[0] if name in context else steps for name, steps in record.items()}

    def _make_record(self, lines: list[str | None]) -> dict[str, Any]:
        record = {}
        for (name, file_name), line in zip(self._file_names.items(), lines, strict=True):
            if line is None:
                message = f"{file_name!r} ends before this line, but {self._first_file!r} or another file does not"
                raise bad_record(Reason.MALFORMED, message)
            record[name] = self._parse_line(name, self._features[name], line)
        return record

    def _parse_line(self, name: str, feature: Feature, line: str) -> Any:
        if feature.context:
            return parse_cell(name, feature, line.strip(_BLANK_CHARACTERS))
        return [parse_cell(name, feature, step) for step in self._split_steps(line)]

    def _split_steps(self, line: str) -> list[str]:
        if self._separator is not None:
            return line.split(self._separator) if line else []
        text = line.strip(_BLANK_CHARACTERS)
        return _BLANK_RUN.split(text) if text else []


def _has_one_step_per_record(records: Iterable[Mapping[str, Any]], name: str) -> bool:
    return all(len(record[name]) == 1 for record in records)
