"""Writes records of Python and NumPy values as serialized `tf.train.SequenceExample`, and reads them back.

A record maps feature names to values. There is one value for a context feature, one value per step for a sequence
feature, and one list of strings per step for a nested feature::

    {"sent_id": "1", "tokens": ["geldim", "eve"], "tags": ["V", "N"], "morphemes": [["gel", "di", "m"], ["ev", "e"]]}

Equal records result in equal bytes, even if their features are in a different order. The bytes are the same as in the
deterministic serialization of protobuf, with names in byte order. Versions of protobuf differ only in the order of two
names if one of them begins with the other. A sequence feature without steps is also written, because readers interpret
a missing feature list as different data.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.records import wire
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record, make_excerpt
from tfx_sequence.schemas.records.value_codecs import Codec, NotFinite, make_codec
from tfx_sequence.schemas.spec import DType, Feature, SequenceSpec

if TYPE_CHECKING:
    import tensorflow as tf

Record = Mapping[str, Any]
"""Feature name to value, or to the list of values. Features that are not in the spec are ignored."""

_PROTO_FIELDS: dict[DType, str] = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}

# A message about a missing feature lists the features of the record. A longer list would hide the message.
_MAX_LISTED_FEATURES = 20


class _Field(NamedTuple):
    """A feature of the spec, with all that is needed to write it.

    Attributes:
      name: The name of the feature.
      context: Whether the feature is a context feature.
      key: The name of the feature as the key of a map entry, encoded by `wire.encode_entry_key`.
      codec: The codec that writes the values of the feature.
    """

    name: str
    context: bool
    key: bytes
    codec: Codec

    def encode(self, record: Record) -> bytes:
        """Returns the feature of a record as an entry of the `Features` or the `FeatureLists` map.

        Raises:
          KeyError: if the record does not have the feature.
          BadRecordError: if a value does not have the kind of the feature.
        """
        values = record[self.name]
        message = self.codec.encode_feature(values) if self.context else self.codec.encode_steps(values)
        return wire.encode_entry(self.key, message)


class Encoder:
    """Checks records against a spec and writes them as serialized SequenceExamples.

    Use one encoder for many records, because it caches the bytes of values that repeat.

    Args:
      spec: The spec that each record must follow.
      not_finite: "reject" to reject records with a NaN or infinite float, "keep" to write these floats unchanged.
    """

    def __init__(self, spec: SequenceSpec, not_finite: NotFinite = "reject") -> None:
        self._spec = spec
        self._keys = tuple(spec.with_role("key"))
        # The fields are in the byte order of their names.
        fields = [
            _Field(name, feature.context, wire.encode_entry_key(name), make_codec(name, feature, not_finite))
            for name, feature in sorted(spec.features.items(), key=lambda item: item[0].encode())
        ]
        self._fields = {field.name: field for field in fields}
        self._context = [field for field in fields if field.context]
        self._sequence = [field for field in fields if not field.context]
        learnt = {name for name, feature in spec.features.items() if feature.role in ("input", "label")}
        # Data of which no model learns anything is told apart by all of its features.
        content = learnt or set(spec.features)
        self._is_all_content = len(content) == len(fields)
        self._context_content = [field.name in content for field in self._context]
        self._sequence_content = [field.name in content for field in self._sequence]

    def encode(self, record: Record) -> bytes:
        """Returns a record as a serialized SequenceExample.

        Raises:
          BadRecordError: if the record does not follow the spec. The reject has the reason, the key and an excerpt.
        """
        data, _ = self.encode_with_content(record)
        return data

    def encode_with_content(self, record: Record) -> tuple[bytes, bytes]:
        """Returns a record as a serialized SequenceExample, and the part of it from which a model learns.

        The second part has the inputs and the labels only, so that keys, times, weights and carried features do not
        change it. If the spec has neither inputs nor labels, it has all features.

        Raises:
          BadRecordError: as `encode` does.
        """
        try:
            self._check_lengths(record)
            context = [field.encode(record) for field in self._context]
            feature_lists = [field.encode(record) for field in self._sequence]
        except KeyError as error:
            raise self._make_missing_feature_error(record, error.args[0]) from None
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=self.read_key(record), excerpt=make_excerpt(record))) from None
        data = wire.encode_sequence_example(b"".join(context), b"".join(feature_lists))
        if self._is_all_content:
            return data, data
        context_content = itertools.compress(context, self._context_content)
        sequence_content = itertools.compress(feature_lists, self._sequence_content)
        return data, wire.encode_sequence_example(b"".join(context_content), b"".join(sequence_content))

    def encode_values(self, record: Record, names: Iterable[str]) -> bytes:
        """Returns the values of the features `names` as bytes, which are equal if and only if the values are equal.

        The record must be valid: `encode` has accepted it.
        """
        return b"".join([self._fields[name].encode(record) for name in names])

    def read_key(self, record: Record) -> str | None:
        """Returns the key of a record, which is the values of its features with the role `key`, joined by slashes.

        The key is None if the record has no such feature.
        """
        return "/".join(str(record[name]) for name in self._keys if name in record) or None

    def _check_lengths(self, record: Record) -> None:
        """Checks that all sequence features have the same number of steps, within the bounds of the spec."""
        first_name = self._sequence[0].name  # A spec has at least one sequence feature.
        length = _count_steps(record, first_name)
        for field in self._sequence[1:]:
            other_length = _count_steps(record, field.name)
            if other_length != length:
                message = (
                    f"`{field.name}` has {other_length} steps, but `{first_name}` has {length}; "
                    "all sequence features of a record must have the same number of steps"
                )
                raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        self._check_bounds(length)

    def _check_bounds(self, length: int) -> None:
        """Checks that a number of steps is within the bounds of the spec."""
        low, high = self._spec.min_length, self._spec.max_length
        if length < low:
            reason = Reason.TOO_SHORT if length else Reason.EMPTY_SEQUENCE
            message = f"the sequence has {length} steps, expected at least {low}, the spec's `min_length`"
            raise bad_record(reason, message)
        if high is not None and length > high:
            message = f"the sequence has {length} steps, expected at most {high}, the spec's `max_length`"
            raise bad_record(Reason.TOO_LONG, message)

    def _make_missing_feature_error(self, record: Record, name: str) -> BadRecordError:
        """Makes the error for a record without the feature `name`."""
        features_of_record = ", ".join(f"`{key}`" for key in list(record)[:_MAX_LISTED_FEATURES]) or "nothing"
        source = self._spec.source(name)
        origin = f" (read from {source!r})" if source != name else ""
        message = f"the feature `{name}`{origin} is not in the record, which has {features_of_record}"
        return bad_record(Reason.MISSING_FEATURE, message, key=self.read_key(record), excerpt=make_excerpt(record))


def encode(spec: SequenceSpec, record: Record) -> bytes:
    """Returns one record as a serialized SequenceExample. For many records, an `Encoder` is faster.

    Raises:
      BadRecordError: if the record does not follow the spec.
    """
    return Encoder(spec).encode(record)


def decode(spec: SequenceSpec, data: bytes) -> dict[str, Any]:
    """Reads a record from a serialized SequenceExample.

    Args:
      spec: The spec that the record follows.
      data: The serialized SequenceExample.

    Returns:
      Feature name to value, in the order of the spec. A context feature is a str, an int, a float, or for a vector a
      float32 array `[width]`. A sequence feature is a list of T values, or for a vector a float32 array `[T, width]`.
      A nested feature is a list of T lists of strings.

    Raises:
      BadRecordError: if `data` is not a SequenceExample, or does not hold the features of the spec.
    """
    example = parse_example(data)
    return {name: _decode_feature(name, feature, example) for name, feature in spec.features.items()}


def parse_example(data: bytes) -> tf.train.SequenceExample:
    """Parses a serialized SequenceExample.

    Raises:
      BadRecordError: if `data` is not a SequenceExample.
    """
    # The import of TensorFlow takes about ten seconds, and processes that only write records do not need it.
    from google.protobuf.message import DecodeError
    from tensorflow.core.example import example_pb2

    try:
        return example_pb2.SequenceExample.FromString(data)
    except DecodeError:
        raise bad_record(Reason.UNDECODABLE, f"{len(data)} bytes that are not a tf.train.SequenceExample") from None


def make_example(
    sequence: Record, context: Record | None = None, not_finite: NotFinite = "reject"
) -> tf.train.SequenceExample:
    """Makes a SequenceExample without a spec. The kind of each feature is inferred from its values.

    `make_example({"tokens": [1, 2, 3], "labels": [0, 1, 0]}, context={"length": 3})`

    Args:
      sequence: Feature name to one value per step: strings, integers, floats, rows of floats `[T, width]`, or lists of
        strings.
      context: Feature name to one value: a string, an integer, a float, or a list of floats.
      not_finite: "reject" to refuse a NaN or infinite float, "keep" to write these floats unchanged.

    Raises:
      BadRecordError: if a feature mixes types, or has a float that is refused, if the sequence features have unequal
        lengths, or if a context feature and a sequence feature have the same name.
    """
    context = context or {}
    if duplicates := sorted(set(sequence) & set(context)):
        message = f"`{duplicates[0]}` is both a sequence and a context feature; rename one"
        raise bad_record(Reason.DUPLICATE_KEY, message)
    features = {name: _infer_feature([value], is_context=True) for name, value in context.items()}
    features |= {name: _infer_feature(values, is_context=False) for name, values in sequence.items()}
    spec = SequenceSpec(features=features, min_length=0)
    return parse_example(Encoder(spec, not_finite).encode({**context, **sequence}))


def _count_steps(record: Record, name: str) -> int:
    """Returns the number of steps of a sequence feature.

    Raises:
      KeyError: if the record does not have the feature.
      BadRecordError: if the feature is not a list.
    """
    values = record[name]
    # `len` fails for an array without axes.
    if not isinstance(values, (list, tuple, np.ndarray)) or getattr(values, "ndim", 1) == 0:
        message = f"`{name}` is of type {type(values).__name__}, expected a list with one value per step"
        raise bad_record(Reason.WRONG_TYPE, message)
    return len(values)


def _infer_feature(values: Any, is_context: bool) -> Feature:
    """Infers a feature from its values, one per step. The codec checks later whether all values fit the feature."""
    steps = values.tolist() if isinstance(values, np.ndarray) else list(values)
    steps = [step.tolist() if isinstance(step, (np.ndarray, np.generic)) else step for step in steps]
    if steps and isinstance(steps[0], (list, tuple)):
        flat_values = [value for step in steps if isinstance(step, (list, tuple)) for value in step]
        if not is_context and all(isinstance(value, str) for value in flat_values):
            return Feature(kind="token", nested=True)
        return Feature(kind="vector", width=max(1, len(steps[0])), context=is_context)
    if any(isinstance(step, str) for step in steps):
        return Feature(kind="token", context=is_context)
    has_floats = any(isinstance(step, float) for step in steps)
    return Feature(kind="float" if has_floats else "integer", context=is_context)


def _decode_feature(name: str, feature: Feature, example: tf.train.SequenceExample) -> Any:
    """Returns the value of a context feature, or the values of a sequence feature."""
    entries = example.context.feature if feature.context else example.feature_lists.feature_list
    if name not in entries:
        part = "context" if feature.context else "feature lists"
        raise bad_record(Reason.MISSING_FEATURE, f"the {part} of the SequenceExample have no `{name}`")
    if feature.context:
        return _decode_step(name, feature, entries[name])
    steps = [_decode_step(name, feature, step) for step in entries[name].feature]
    if feature.width is None:
        return steps
    # `reshape` gives an array without steps the shape `[0, width]`.
    return np.array(steps, np.float32).reshape(-1, feature.width)


def _decode_step(name: str, feature: Feature, message: tf.train.Feature) -> Any:
    """Returns the value of one step: a list of strings if the feature is nested, an array if it is a vector."""
    field = _PROTO_FIELDS[feature.dtype]
    values = getattr(message, field).value
    filled_field = message.WhichOneof("kind")  # None for a step without values.
    if feature.nested and filled_field in (field, None):
        return [_decode_text(name, value) for value in values]
    if filled_field != field or len(values) != (feature.width or 1):
        expected_count = "any number of" if feature.nested else feature.width or 1
        actual = f"{len(values)} in `{field}`" if values else f"`{filled_field}`"
        message_text = f"`{name}` has {actual}, expected {expected_count} value(s) in `{field}`"
        raise bad_record(Reason.WRONG_TYPE, message_text)
    if feature.dtype == "string":
        return _decode_text(name, values[0])
    return np.array(values, np.float32) if feature.width else values[0]


def _decode_text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_record(Reason.UNDECODABLE, f"`{name}` has {value[:20]!r}, which is not UTF-8") from None
