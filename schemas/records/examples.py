"""Records of Python and NumPy values to serialized `tf.train.SequenceExample`, and back.

A record is a mapping from feature name to value: one value for a context feature, one value a step for a sequence
feature. `{"tokens": ["a", "b"], "tags": ["X", "Y"], "sent_id": "1"}` is one. A nested feature has a list of strings a
step: `{"morphemes": [["a"], ["b", "s"]]}`.

The bytes are those of protobuf's own deterministic serialisation, with names in byte order (where one name begins
with another, protobuf's order is not the same in all its versions): equal records give equal bytes, whatever the order
in which their features come. Every sequence feature of the spec is written, also with no step, because readers take a
missing feature list for a different kind of data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfx_sequence.schemas.records import wire
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record, excerpt
from tfx_sequence.schemas.records.value_codecs import Codec, NotFinite, codec
from tfx_sequence.schemas.spec import Feature, SequenceSpec

if TYPE_CHECKING:
    import tensorflow as tf

Record = Mapping[str, Any]
"""Feature name to value or values. Names that the spec does not have are ignored."""


class Encoder:
    """Checks records against a spec and writes them.

    Make one for many records: it remembers the bytes of values that repeat.
    """

    def __init__(self, spec: SequenceSpec, not_finite: NotFinite = "reject") -> None:
        """Takes the spec, and whether NaN and infinite floats are rejected or kept."""
        self._spec = spec
        self._keys = tuple(spec.with_role("key"))
        fields = [
            (name, feature.context, wire.entry_key(name), codec(name, feature, not_finite))
            for name, feature in sorted(spec.features.items(), key=lambda item: item[0].encode())
        ]
        self._context = [(name, key, codec_) for name, context, key, codec_ in fields if context]
        self._sequence = [(name, key, codec_) for name, context, key, codec_ in fields if not context]
        self._codecs: dict[str, tuple[bytes, Codec]] = {name: (key, codec_) for name, _, key, codec_ in fields}

    def encode(self, record: Record) -> bytes:
        """A record as a serialized SequenceExample.

        Raises:
          BadRecordError: if the record is not what the spec says, with the reason, the key and an excerpt.
        """
        try:
            self._check_lengths(record)
            context = b"".join([wire.entry(key, codec_.feature(record[name])) for name, key, codec_ in self._context])
            steps = b"".join([wire.entry(key, codec_.steps(record[name])) for name, key, codec_ in self._sequence])
        except KeyError as error:
            raise self._missing(record, error.args[0]) from None
        except BadRecordError as error:
            raise BadRecordError(error.reject.at(key=self.key(record), excerpt=excerpt(record))) from None
        return wire.sequence_example(context, steps)

    def content(self, record: Record, names: Iterable[str]) -> bytes:
        """The features `names` of a valid record as bytes that are equal when their values are."""
        fields = [(name, *self._codecs[name]) for name in names]
        context = self._spec.context
        return b"".join(
            [
                wire.entry(key, codec_.feature(record[name]) if name in context else codec_.steps(record[name]))
                for name, key, codec_ in fields
            ]
        )

    def key(self, record: Record) -> str | None:
        """The record's name for itself: the values of its features of role `key`, None if it has none."""
        return "/".join(str(record[name]) for name in self._keys if name in record) or None

    def _check_lengths(self, record: Record) -> None:
        first, length = "", -1
        for name, _, _ in self._sequence:
            values = record[name]
            if not isinstance(values, (list, tuple, np.ndarray)) or getattr(values, "ndim", 1) == 0:
                message = f"`{name}` is of type {type(values).__name__}, expected a list with one value a step"
                raise bad_record(Reason.WRONG_TYPE, message)
            if length < 0:
                first, length = name, len(values)
            elif len(values) != length:
                message = (
                    f"`{name}` has {len(values)} steps, but `{first}` has {length}; "
                    "all sequence features of a record must have the same number of steps"
                )
                raise bad_record(Reason.UNEQUAL_LENGTHS, message)
        self._check_bounds(length)

    def _check_bounds(self, length: int) -> None:
        low, high = self._spec.min_length, self._spec.max_length
        if length < low:
            reason = Reason.TOO_SHORT if length else Reason.EMPTY_SEQUENCE
            raise bad_record(
                reason, f"the sequence has {length} steps, expected at least {low}, the spec's `min_length`"
            )
        if high is not None and length > high:
            message = f"the sequence has {length} steps, expected at most {high}, the spec's `max_length`"
            raise bad_record(Reason.TOO_LONG, message)

    def _missing(self, record: Record, name: str) -> BadRecordError:
        has = ", ".join(f"`{key}`" for key in list(record)[:20]) or "nothing"
        source = self._spec.source(name)
        read = f" (read from {source!r})" if source != name else ""
        message = f"the feature `{name}`{read} is not in the record, which has {has}"
        return bad_record(Reason.MISSING_FEATURE, message, key=self.key(record), excerpt=excerpt(record))


def encode(spec: SequenceSpec, record: Record) -> bytes:
    """One record as a serialized SequenceExample; for many records make one `Encoder`.

    Raises:
      BadRecordError: if the record is not what the spec says.
    """
    return Encoder(spec).encode(record)


def decode(spec: SequenceSpec, data: bytes) -> dict[str, Any]:
    """The record that `encode` made `data` of.

    Returns:
      Feature name to value, in the spec's order: str, int or float, lists of these for sequence features, and float32
      arrays for vectors, `[width]` in the context and `[T, width]` in a sequence; for nested features lists of lists.

    Raises:
      BadRecordError: if the message does not hold the spec's features.
    """
    example = parse_example(data)
    return {name: _decoded(name, feature, example) for name, feature in spec.features.items()}


def parse_example(data: bytes) -> tf.train.SequenceExample:
    """The protobuf message.

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
    """A SequenceExample of any number of features, each of the kind that its values have.

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
    features = {name: _inferred([value], context=True) for name, value in context.items()}
    features |= {name: _inferred(values, context=False) for name, values in sequence.items()}
    return parse_example(encode(SequenceSpec(features=features, min_length=0), {**context, **sequence}))


def _inferred(values: Any, context: bool) -> Feature:
    """The feature that `values`, one a step, look like; the codec then checks all of them."""
    steps = values.tolist() if isinstance(values, np.ndarray) else list(values)
    steps = [step.tolist() if isinstance(step, (np.ndarray, np.generic)) else step for step in steps]
    if steps and isinstance(steps[0], (list, tuple)):
        values = [value for step in steps if isinstance(step, (list, tuple)) for value in step]
        if not context and all(isinstance(value, str) for value in values):
            return Feature(kind="token", nested=True)
        return Feature(kind="vector", width=max(1, len(steps[0])), context=context)
    if any(isinstance(step, str) for step in steps):
        return Feature(kind="token", context=context)
    return Feature(kind="float" if any(isinstance(step, float) for step in steps) else "integer", context=context)


def _decoded(name: str, feature: Feature, example: tf.train.SequenceExample) -> Any:
    fields = example.context.feature if feature.context else example.feature_lists.feature_list
    if name not in fields:
        where = "context" if feature.context else "feature lists"
        raise bad_record(Reason.MISSING_FEATURE, f"the {where} of the SequenceExample have no `{name}`")
    if feature.context:
        return _step(name, feature, fields[name])
    steps = [_step(name, feature, step) for step in fields[name].feature]
    return np.array(steps, np.float32).reshape(-1, feature.width) if feature.width else steps


def _step(name: str, feature: Feature, message: tf.train.Feature) -> Any:
    kind = {"string": "bytes_list", "int64": "int64_list", "float32": "float_list"}[feature.dtype]
    values = getattr(message, kind).value
    found = message.WhichOneof("kind")
    if feature.nested and found in (kind, None):
        return [_text(name, value) for value in values]
    if found != kind or len(values) != (feature.width or 1):
        expected = f"{'any number of' if feature.nested else feature.width or 1} value(s) in `{kind}`"
        has = f"{len(values)} in `{kind}`" if values else f"`{found}`"
        raise bad_record(Reason.WRONG_TYPE, f"`{name}` has {has}, expected {expected}")
    if feature.dtype != "string":
        return np.array(values, np.float32) if feature.width else values[0]
    return _text(name, values[0])


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise bad_record(Reason.UNDECODABLE, f"`{name}` has {value[:20]!r}, which is not UTF-8") from None
