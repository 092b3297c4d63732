"""TFRecord files of SequenceExamples: checked, and written again as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.tfrecords import read_tfrecords
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class SequenceExampleReader(Reader):
    """Reads TFRecord files, plain or compressed.

    The features that the spec names are checked; all others pass, whatever they hold, and no byte of a record is
    changed. The reader takes no options.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec."""
        Frozen.model_validate(dict(options))
        if renamed := [name for name in spec.features if spec.source(name) != name]:
            raise ValueError(
                f"`{renamed[0]}` has a `source`, but a SequenceExample is kept as it is, with its own names"
            )

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one serialized SequenceExample a record."""
        with source.open() as stream:
            for record in read_tfrecords(stream):
                yield (None, record) if isinstance(record, bytes) else record
