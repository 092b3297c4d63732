"""Records of Python and NumPy values to serialized `tf.train.SequenceExample`, and back.

A record maps feature names to values: one value for a context feature, one value a step for a sequence feature, and a
list of strings a step for a nested feature::

    {"sent_id": "1", "tokens": ["geldim", "eve"], "tags": ["V", "N"], "morphemes": [["gel", "di", "m"], ["ev", "e"]]}

Equal records give equal bytes, in whatever order their features come: the bytes are those of protobuf's own
deterministic serialisation, with names in byte order. (Where one name begins with another, versions of protobuf differ
in their order.) A sequence feature of the spec is written even if it has no step, because readers take a missing
feature list for data of another kind.
"""

from __future__ import annotations

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
"""Feature name to value or values. Names that the spec does not have are ignored."""

_PROTO_FIELDS: dict[DType, str] = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}

# A message about a missing feature names the features that the record has; more than these would hide the message.
_SHOWN_FEATURES = 20


class _Field(NamedTuple):
    """The way one feature is written.

    Attributes:
      name: The feature's name.
      context: Whether the record has one value of it.
      key: The bytes that its entry in a map begins with.
      codec: Writes its values.
    """

    name: str
    context: bool
    key: bytes
    codec: Codec

    def write(self, record: Record) -> bytes:
        """Returns the map entry of the feature.

        Raises:
          KeyError: if the record does not have the feature.
          BadRecordError: if a value is not of the feature's kind.
        """
        values = record[self.name]
        return wire.entry(self.key, self.codec.feature(values) if self.context else self.codec.steps(values))


class Encoder:
    """Checks records against a spec and writes them.

    Make one encoder for many records: it remembers the bytes of values that repeat.

    Args:
      spec: The features that each record must have.
      not_finite: Whether a record with a NaN or infinite float is rejected, or written as it is.
    """

    def __init__(self, spec: SequenceSpec, not_finite: NotFinite = "reject") -> None:
        self._spec = spec
        self._keys = tuple(spec.with_role("key"))
        by_name = sorted(spec.features.items(), key=lambda item: item[0].encode())
        fields = [
            _Field(name, feature.context, wire.entry_key(name), make_codec(name, feature, not_finite))
            for name, feature in by_name
        ]
        self._fields = {field.name: field for field in fields}
        self._context = [field for field in fields if field.context]
        self._sequence = [field for field in fields if not field.context]

    def encode(self, record: Record) -> bytes:
        """Writes a record as a serialized SequenceExample.

        Raises:
          BadRecordError: if the record is not what the spec says, with the reason, the key and an excerpt.
        """
        try:
            self._check_lengths(record)
            context = b"".join([field.write(record) for field in self._context])
            feature_lists = b"".join([field.write(record) for field in self._sequence])
        except KeyError as error:
            raise self._missing_feature_error(record, error.args[0]) from None
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=self.key(record), excerpt=make_excerpt(record))) from None
        return wire.sequence_example(context, feature_lists)

    def content(self, record: Record, names: Iterable[str]) -> bytes:
        """Writes the features `names` of a valid record as bytes that are equal whenever the values are."""
        return b"".join([self._fields[name].write(record) for name in names])

    def key(self, record: Record) -> str | None:
        """Returns the record's name for itself: the values of its features of role `key`; None if it has none."""
        return "/".join(str(record[name]) for name in self._keys if name in record) or None

    def _check_lengths(self, record: Record) -> None:
        first, length = "", -1
        for field in self._sequence:
            values = record[field.name]
            # An array without axes has no length.
            if not isinstance(values, (list, tuple, np.ndarray)) or getattr(values, "ndim", 1) == 0:
                message = f"`{field.name}` is of type {type(values).__name__}, expected a list with one value a step"
                raise bad_record(Reason.WRONG_TYPE, message)
            if length < 0:
                first, length = field.name, len(values)
            elif len(values) != length:
                message = (
                    f"`{field.name}` has {len(values)} steps, but `{first}` has {length}; "
                    "all sequence features of a record must have the same number of steps"
                )
                raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        self._check_bounds(length)

    def _check_bounds(self, length: int) -> None:
        low, high = self._spec.min_length, self._spec.max_length
        if length < low:
            reason = Reason.TOO_SHORT if length else Reason.EMPTY_SEQUENCE
            message = f"the sequence has {length} steps, expected at least {low}, the spec's `min_length`"
            raise bad_record(reason, message)
        if high is not None and length > high:
            message = f"the sequence has {length} steps, expected at most {high}, the spec's `max_length`"
            raise bad_record(Reason.TOO_LONG, message)

    def _missing_feature_error(self, record: Record, name: str) -> BadRecordError:
        has = ", ".join(f"`{key}`" for key in list(record)[:_SHOWN_FEATURES]) or "nothing"
        source = self._spec.source(name)
        read = f" (read from {source!r})" if source != name else ""
        message = f"the feature `{name}`{read} is not in the record, which has {has}"
        return bad_record(Reason.MISSING_FEATURE, message, key=self.key(record), excerpt=make_excerpt(record))


def encode(spec: SequenceSpec, record: Record) -> bytes:
    """Writes one record as a serialized SequenceExample. For many records make one `Encoder`.

    Raises:
      BadRecordError: if the record is not what the spec says.
    """
    return Encoder(spec).encode(record)


def decode(spec: SequenceSpec, data: bytes) -> dict[str, Any]:
    """Reads a record back from its serialized SequenceExample.

    Returns:
      Feature name to value, in the spec's order: str, int or float, lists of these for sequence features, and float32
      arrays for vectors, `[width]` in the context and `[T, width]` in a sequence; for nested features lists of lists.

    Raises:
      BadRecordError: if the message does not hold the spec's features.
    """
    example = parse_example(data)
    return {name: _decode_feature(name, feature, example) for name, feature in spec.features.items()}


def parse_example(data: bytes) -> tf.train.SequenceExample:
    """Parses a serialized SequenceExample.

    Raises:
      BadRecordError: if `data` is not one.
    """
    # TensorFlow takes ten seconds to import, and processes that only write records do not need it.
    from google.protobuf.message import DecodeError
    from tensorflow.core.example import example_pb2

    try:
        return example_pb2.SequenceExample.FromString(data)
    except DecodeError:
        raise bad_record(Reason.UNDECODABLE, f"{len(data)} bytes that are not a tf.train.SequenceExample") from None


def make_example(sequence: Record, context: Record | None = None) -> tf.train.SequenceExample:
    """Makes a SequenceExample of any number of features, without a spec: kinds are taken from the values.

    `make_example({"tokens": [1, 2, 3], "labels": [0, 1, 0]}, context={"length": 3})`

    Args:
      sequence: Feature name to one value a step: strings, integers, floats, rows of floats `[T, width]`, or lists of
        strings.
      context: Feature name to one value of the same types.

    Raises:
      BadRecordError: if a feature mixes types or the sequence features have unequal lengths.
    """
    context = context or {}
    if twice := sorted(set(sequence) & set(context)):
        raise bad_record(Reason.DUPLICATE_KEY, f"`{twice[0]}` is both a sequence and a context feature; rename one")
    features = {name: _infer_feature([value], context=True) for name, value in context.items()}
    features |= {name: _infer_feature(values, context=False) for name, values in sequence.items()}
    return parse_example(encode(SequenceSpec(features=features, min_length=0), {**context, **sequence}))


def _infer_feature(values: Any, context: bool) -> Feature:
    """Tells from some values, one a step, which feature they may be of; the codec then checks all of them."""
    steps = values.tolist() if isinstance(values, np.ndarray) else list(values)
    steps = [step.tolist() if isinstance(step, (np.ndarray, np.generic)) else step for step in steps]
    if steps and isinstance(steps[0], (list, tuple)):
        flat = [value for step in steps if isinstance(step, (list, tuple)) for value in step]
        if not context and all(isinstance(value, str) for value in flat):
            return Feature(kind="token", nested=True)
        return Feature(kind="vector", width=max(1, len(steps[0])), context=context)
    if any(isinstance(step, str) for step in steps):
        return Feature(kind="token", context=context)
    return Feature(kind="float" if any(isinstance(step, float) for step in steps) else "integer", context=context)


def _decode_feature(name: str, feature: Feature, example: tf.train.SequenceExample) -> Any:
    entries = example.context.feature if feature.context else example.feature_lists.feature_list
    if name not in entries:
        where = "context" if feature.context else "feature lists"
        raise bad_record(Reason.MISSING_FEATURE, f"the {where} of the SequenceExample have no `{name}`")
    if feature.context:
        return _decode_step(name, feature, entries[name])
    steps = [_decode_step(name, feature, step) for step in entries[name].feature]
    return np.array(steps, np.float32).reshape(-1, feature.width) if feature.width else steps


def _decode_step(name: str, feature: Feature, message: tf.train.Feature) -> Any:
    field = _PROTO_FIELDS[feature.dtype]
    values = getattr(message, field).value
    found = message.WhichOneof("kind")
    if feature.nested and found in (field, None):
        return [_decode_text(name, value) for value in values]
    if found != field or len(values) != (feature.width or 1):
        expected = f"{'any number of' if feature.nested else feature.width or 1} value(s) in `{field}`"
        has = f"{len(values)} in `{field}`" if values else f"`{found}`"
        raise bad_record(Reason.WRONG_TYPE, f"`{name}` has {has}, expected {expected}")
    if feature.dtype == "string":
        return _decode_text(name, values[0])
    return np.array(values, np.float32) if feature.width else values[0]


def _decode_text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_record(Reason.UNDECODABLE, f"`{name}` has {value[:20]!r}, which is not UTF-8") from None
