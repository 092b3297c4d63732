"""Reads TFRecord files of SequenceExamples, which are checked and then written unchanged."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_example_gen.files.first_bytes import describe_content, recognize_format
from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import SAMPLE_SIZE, Item, Reader, keep_records
from tfx_sequence.schemas.records.damage import DamagedFileError
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.tfrecords import HEADER_SIZE, has_valid_header, read_tfrecords
from tfx_sequence.schemas.spec import Frozen, SequenceSpec

if TYPE_CHECKING:
    import tensorflow as tf


class SequenceExampleReader(Reader):
    """Reader of TFRecord files, compressed or not. It has no options.

    The features of the spec are checked. Other features of a record are kept without a check. No byte of a record is
    changed.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        Frozen.model_validate(dict(options))
        if renamed := [name for name in spec.features if spec.source(name) != name]:
            raise ValueError(
                f"`{renamed[0]}` has a `source`, but a SequenceExample is kept as it is, with its own names"
            )

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one serialized SequenceExample per record."""
        with source.open() as stream:
            _check_first_bytes(stream.peek(HEADER_SIZE))
            for record in read_tfrecords(stream):
                yield (None, record) if isinstance(record, bytes) else record

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the first records with all their features. Damaged records are skipped."""
        with source.open() as stream:
            _check_first_bytes(stream.peek(HEADER_SIZE))
            items = ((None, item) if isinstance(item, bytes) else item for item in read_tfrecords(stream))
            sampled_records = itertools.islice(keep_records(items), SAMPLE_SIZE)
            records = [to_python(parse_example(record)) for record in sampled_records]
        # `to_python` returns a step with one value as that value. If other steps of the same feature have several
        # values, the feature is nested, and each step must be a list.
        nested = {name for record in records for name, value in record.items() if _has_long_step(value)}
        for record in records:
            for name in nested & record.keys():
                record[name] = [step if isinstance(step, list) else [step] for step in record[name]]
            yield record


def _check_first_bytes(head: bytes) -> None:
    """Checks that a file does not begin with the bytes of another format.

    Raises:
      DamagedFileError: if it does.
    """
    if head and not has_valid_header(head):
        format_name = recognize_format(head)
        hint = f" of the format {format_name!r}" if format_name else ""
        raise DamagedFileError(
            f"the file does not consist of TFRecords: its first bytes are {describe_content(head)}{hint}", offset=0
        )


def to_python(record: tf.train.SequenceExample) -> dict[str, Any]:
    """Converts a SequenceExample to a dict of feature name to value.

    A sequence feature becomes a list with one value per step. A step or context feature that does not have exactly one
    value becomes a list of its values. Bytes are decoded as UTF-8.
    """
    values: dict[str, Any] = {}
    for name, feature in sorted(record.context.feature.items()):
        values[name] = _to_value(feature)
    for name, steps in sorted(record.feature_lists.feature_list.items()):
        values[name] = [_to_value(step) for step in steps.feature]
    return values


def list_values(feature: tf.train.Feature) -> list[Any]:
    """Returns the values of a Feature, or an empty list if no kind of value is set."""
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _to_value(feature: tf.train.Feature) -> Any:
    values = [_decode_bytes(value) for value in list_values(feature)]
    return values[0] if len(values) == 1 else values


def _decode_bytes(value: Any) -> Any:
    """Decodes bytes as UTF-8, and returns any other value unchanged."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


def _has_long_step(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(step, list) and len(step) > 1 for step in value)
