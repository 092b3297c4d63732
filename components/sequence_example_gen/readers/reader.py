"""What a reader is, and which there are.

A reader turns one file into records; everything else (checks against the spec, rejects and their places, splits,
writing) is done for all readers alike. docs/reading.md shows how to add one.
"""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.spec import SequenceSpec, describe_validation_error

ENTRY_POINTS = "tfx_sequence.readers"
"""The entry-point group: the name is the format, the object a class with the interface of `Reader`."""

_HERE = "tfx_sequence.components.sequence_example_gen.readers"

READERS: dict[str, str] = {
    "columns": f"{_HERE}.columns:ColumnsReader",
    "conllu": f"{_HERE}.conllu:ConlluReader",
    "csv": f"{_HERE}.csv:CsvReader",
    "json": f"{_HERE}.json:JsonReader",
    "jsonl": f"{_HERE}.json:JsonlReader",
    "parquet": f"{_HERE}.parquet:ParquetReader",
    "npz": f"{_HERE}.npz:NpzReader",
    "parallel": f"{_HERE}.parallel:ParallelReader",
    "sequence_example": f"{_HERE}.sequence_example:SequenceExampleReader",
    "text": f"{_HERE}.text:TextReader",
    "ts": f"{_HERE}.ts:SeriesReader",
}
"""Format to class, as `module:name`."""

Item = tuple[int | None, Record | bytes] | Reject
"""What a reader yields: a record (or a serialized SequenceExample, which is checked and then kept as it is) with the
line that it begins at, None in files without lines; or why there is no record."""


class Reader(Protocol):
    """Reads the files of one format.

    Attributes:
      grouping: In long form, how rows become records; `read` then yields the cells of rows. None otherwise.
    """

    grouping: Grouping | None = None

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes what to read and the reader's own options.

        Raises:
          ValueError: if an option is unknown or does not fit the spec.
        """

    def takes(self, path: str) -> bool:
        """Whether a file is read for itself; not so for one that is read along with another, or is of no concern."""
        return True

    def read(self, source: Source) -> Iterator[Item]:
        """Yields every record of a file, in order, by feature name, lazily.

        The values need not be checked. A record that cannot be read is a `Reject` with the reason, and the line if
        there is one; the reader then goes on with the next record.
        """


def make_reader(config: ReadConfig, spec: SequenceSpec) -> Reader:
    """The reader that the settings name.

    Raises:
      ValueError: if there is no such format, or the reader does not take the options or the spec.
    """
    module, _, name = _find(config.format).partition(":")
    try:
        reader: type[Reader] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"`format` is {config.format!r}, but its reader cannot be imported: {error}") from error
    try:
        return reader(spec, config.options)
    except pydantic.ValidationError as error:
        raise ValueError(wrong_options(config, error)) from None


def wrong_options(config: ReadConfig, error: pydantic.ValidationError) -> str:
    """What is wrong with the options of a format, in a sentence."""
    return f"the options of the format {config.format!r}: {describe_validation_error(error)}"


def _find(name: str) -> str:
    """The class of a format, as `module:name`. What is installed is looked through last: it takes time."""
    if target := READERS.get(name) or (name if ":" in name else None):
        return target
    plugins = {point.name: point.value for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    if name not in plugins:
        names = ", ".join(sorted(plugins | READERS))
        raise ValueError(f"`format` is {name!r}, expected one of {names}, or a reader's class as 'module:name'")
    return plugins[name]
