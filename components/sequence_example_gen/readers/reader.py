"""The interface of a reader, which turns one file into records.

Everything else (checks against the spec, rejects and their places, splits, writing) is done for all readers alike.
docs/reading.md shows how to add one.
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
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error

SAMPLE_SIZE = 1000
"""How many records, or rows in long form, a sample needs at most. A value that one record in a hundred has is then all
but certain to be seen, and a sample takes a moment."""

Item = tuple[int | None, Record | bytes] | Reject
"""An item that a reader yields: a record (or a serialized SequenceExample, which is checked and then kept as it is)
with the line that it begins at, None in files without lines; or the reject that says why there is no record."""


class Reader(Protocol):
    """A reader of the files of one format.

    Args:
      spec: The features to read.
      options: The reader's own options.

    Raises:
      ValueError: if an option is unknown or does not fit the spec.

    Attributes:
      default_spec: The features that discovery finds in every file, where the format says what a record holds. If
        None, discovery looks at a sample.
      grouping: In long form, the way in which rows become records; `read` then yields the cells of rows. None in other
        formats.
    """

    default_spec: ClassVar[SequenceSpec | None] = None
    grouping: Grouping | None = None

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None: ...

    def takes(self, path: str) -> bool:
        """Returns whether a file is read for itself; False if it is read along with another, or is of no concern."""
        return True

    def read(self, source: Source) -> Iterator[Item]:
        """Yields every record of a file, in order, by feature name, lazily.

        The values need not be checked. A record that cannot be read is a `Reject` with the reason, and the line if
        there is one; the reader then goes on with the next record.
        """

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
        """Returns the first records of a file as they are, without a spec. A reader need not have this method.

        The keys are what the `source` of a feature names. A sequence is a list, and a missing number None or NaN.

        Returns:
          The records; None if features of the format cannot be discovered.

        Raises:
          BadRecordError: if no record can be read, then or while the records are taken.
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
    """Makes the reader that the settings name.

    Raises:
      ValueError: if there is no such format, or the reader does not take the options or the spec.
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
    """Returns a spec that takes every column for text, under names that are allowed whatever the columns are called.

    Without columns it has one feature that no file has, since no spec is without a feature.
    """
    features = {f"c{number}": Feature(kind="token", source=source) for number, source in enumerate(sources)}
    return SequenceSpec(features=features or {"any": Feature(kind="token")})


def keep_records(items: Iterable[Item]) -> Iterator[Any]:
    """Yields the records among a reader's items.

    Raises:
      BadRecordError: if there are rejects only, with the first of them.
    """
    first_reject = None
    has_records = False
    for item in items:
        if isinstance(item, Reject):
            first_reject = first_reject or item
        else:
            has_records = True
            yield item[1]
    if first_reject and not has_records:
        raise BadRecordError(first_reject)
