"""Defines the interface of readers, and functions that load and make them. A reader turns one file into records.

All other work is the same for all readers: the package `ingestion` checks records against the spec, adds the place to
each reject, divides the records over splits and writes them. docs/reading.md shows how to add a reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Protocol, cast

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.families import UnknownMemberError
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error

SAMPLE_SIZE = 1000
"""The maximum number of records (in long form, of rows) in a sample. A value that occurs in one of 100 records is then
almost certainly in the sample, and reading the sample is still fast."""

Item = tuple[int | None, Record | bytes] | Reject
"""An item that a reader yields: either a line number and a record, or a reject that says why a record cannot be read.

The line number is the line where the record begins, or None in files without lines. The record may also be a serialized
SequenceExample, which is checked and then written unchanged."""


class Reader(Protocol):
    """A reader of the files of one format.

    Args:
      spec: The features to read.
      options: The reader's own options.

    Raises:
      ValueError: if an option is unknown or does not fit the spec.

    Attributes:
      default_spec: The features that discovery returns for every file, for formats that define what a record contains.
        If None, discovery looks at a sample of the records.
      grouping: In long form, the rules by which rows become records; `read` then yields the cells of each row. None in
        other formats.
    """

    default_spec: ClassVar[SequenceSpec | None] = None
    grouping: Grouping | None = None

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None: ...

    def takes(self, path: str) -> bool:
        """Returns whether to call `read` for a file. False if it is read together with another file, or not needed."""
        return True

    def read(self, source: Source) -> Iterator[Item]:
        """Yields all records of a file lazily and in order. Each record maps feature names to values.

        The reader need not check the values. For a record that cannot be read, it yields a `Reject` with the reason,
        and with the line if the format has lines. It then continues with the next record.

        Raises:
          DamagedFileError: if the rest of the file cannot be read. The records before are yielded first.
        """

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
        """Returns the first records of a file as they are, without a spec. This method is optional.

        The keys of a record are the names that the `source` of a feature may have. A sequence is a list. A missing
        number is None or NaN.

        Returns:
          The records, or None if the features of this format cannot be discovered.

        Raises:
          BadRecordError: if no record can be read. The iterator may also raise it.
          DamagedFileError: if the file is damaged before its first record. The iterator may also raise it.
        """
        return None


def load_reader(name: str) -> type[Reader]:
    """Imports the class that reads a format.

    Raises:
      ValueError: if there is no such format, or its class cannot be imported.
    """
    try:
        return cast(type[Reader], READERS.load(name))
    except UnknownMemberError as error:
        raise ValueError(f"`format` is {error}") from error


def make_reader(config: ReadConfig, spec: SequenceSpec) -> Reader:
    """Makes the reader for the format in the settings.

    Raises:
      ValueError: if there is no such format, or if the reader refuses the options or the spec.
    """
    reader = load_reader(config.format)
    try:
        return reader(spec, config.options)
    except pydantic.ValidationError as error:
        raise ValueError(describe_wrong_options(config, error)) from None


def describe_wrong_options(config: ReadConfig, error: pydantic.ValidationError) -> str:
    """Returns a sentence that says what is wrong with the options of a format."""
    return f"the options of the format {config.format!r}: {describe_validation_error(error)}"


def make_text_spec(sources: Sequence[str]) -> SequenceSpec:
    """Returns a spec that reads every column as text.

    The features are named `c0`, `c1` and so on, because the name of a column may not be allowed as a feature name. If
    there are no columns, the spec has one feature that no file contains, because a spec must have a feature.
    """
    features = {f"c{number}": Feature(kind="token", source=source) for number, source in enumerate(sources)}
    return SequenceSpec(features=features or {"any": Feature(kind="token")})


def keep_records(items: Iterable[Item]) -> Iterator[Any]:
    """Yields the records among a reader's items, up to any damage of the file.

    Raises:
      BadRecordError: if all items are rejects. The error has the first reject.
      DamagedFileError: if the file is damaged before its first record.
    """
    first_reject = None
    has_records = False
    try:
        for item in items:
            if isinstance(item, Reject):
                first_reject = first_reject or item
            else:
                has_records = True
                yield item[1]
    except DamagedFileError:
        if not has_records:
            raise
    if first_reject and not has_records:
        raise BadRecordError(first_reject)
