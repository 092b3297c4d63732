"""Raw SequenceExamples, as a served model takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import counts_key
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import aligned
from tfx_sequence.components.sequence_trainer.serving.needed_features import Transform, needed
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_VALUES: dict[str, Any] = {"string": "", "int64": 0, "float32": 0.0}


class RawSequences:
    """Serialized SequenceExamples, or padded sequences, to what a transform graph reads."""

    def __init__(self, spec: SequenceSpec, labels: Iterable[str], transform: Transform, outputs: Iterable[str]) -> None:
        """Keeps what is needed.

        Args:
          spec: The raw features.
          labels: The transformed labels: those that no raw feature is called after are made of inputs.
          transform: The transform graph.
          outputs: The transformed features that training reads.
        """
        raw_inputs, raw_labels = spec.with_role("input"), spec.with_role("label")
        everything = {**raw_inputs, **raw_labels, **spec.with_role("weight")}
        # What keeps its name is used; what does not may be used for another one, or for nothing.
        doubtful = raw_inputs.keys() - set(outputs)
        self._all = needed(everything, _parse, transform, outputs, sorted(doubtful))
        self._inputs = {name: feature for name, feature in raw_inputs.items() if name in self._all}
        self._labels = raw_labels if raw_labels.keys() >= set(labels) else self._all

    def inputs(self, examples: tf.Tensor) -> dict[str, Any]:
        """What inputs are made of."""
        return _parse(examples, self._inputs)

    def labels(self, examples: tf.Tensor) -> dict[str, Any]:
        """What labels are made of."""
        return _parse(examples, self._labels)

    def all(self, examples: tf.Tensor) -> dict[str, Any]:
        """What everything is made of that training reads."""
        return _parse(examples, self._all)

    def padded_specs(self) -> dict[str, tf.TensorSpec]:
        """What `from_padded` takes."""
        specs = {}
        for name, feature in self._inputs.items():
            shape: list[int | None] = [None] if feature.context else [None, None]
            shape += [None] if feature.nested else [] if feature.width is None else [feature.width]
            specs[name] = tf.TensorSpec(shape, tf.as_dtype(feature.dtype), name=name)
            if feature.nested:
                specs[counts_key(name)] = tf.TensorSpec([None, None], tf.int64, name=counts_key(name))
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}

    def from_padded(self, features: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """What inputs are made of, from padded raw features and their `lengths`."""
        raw: dict[str, Any] = {}
        for name, feature in self._inputs.items():
            if feature.context:
                raw[name] = features[name]
            elif feature.nested:
                raw[name] = _to_lists(features[name], features[counts_key(name)], features[LENGTHS])
            else:
                raw[name] = _to_steps(features[name], features[LENGTHS])
        return aligned(raw, features[LENGTHS])

    def example(self, length: int) -> bytes:
        """A serialized record of so many steps, of empty, unseen values."""
        encoder = Encoder(SequenceSpec(features=self._inputs, min_length=0))
        return encoder.encode({name: _value(feature, length) for name, feature in self._inputs.items()})


def _parse(examples: tf.Tensor, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Raw features as Transform reads them: sequences `[B, (T), (V)]`, context `[B]` or `[B, width]`."""
    context, sequences, _ = tf.io.parse_sequence_example(
        examples,
        context_features={
            name: tf.io.FixedLenFeature([] if feature.width is None else [feature.width], tf.as_dtype(feature.dtype))
            for name, feature in features.items()
            if feature.context
        },
        sequence_features={
            name: tf.io.RaggedFeature(tf.as_dtype(feature.dtype), row_splits_dtype=tf.int64)
            for name, feature in features.items()
            if not feature.context
        },
    )
    return aligned({**context, **sequences})


def _to_steps(padded: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """`[B, T]` or `[B, T, width]` to `[B, (T), (V)]`, without the padding."""
    ragged = tf.RaggedTensor.from_tensor(padded, lengths=lengths, row_splits_dtype=tf.int64)
    values = ragged.values
    width = 1 if values.shape.rank == 1 else values.shape[1]
    count = tf.shape(values, out_type=tf.int64)[0]
    steps = tf.RaggedTensor.from_row_splits(tf.reshape(values, [-1]), tf.range(count + 1) * width, validate=False)
    return ragged.with_values(steps)


def _to_lists(padded: tf.Tensor, counts: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """`[B, T, V]` to `[B, (T), (V)]`, without the padding; `counts`, `[B, T]`, are how many values the steps have."""
    steps = tf.RaggedTensor.from_tensor(padded, lengths=lengths, row_splits_dtype=tf.int64)
    of_steps = tf.RaggedTensor.from_tensor(counts, lengths=lengths, row_splits_dtype=tf.int64).values
    return steps.with_values(tf.RaggedTensor.from_tensor(steps.values, lengths=of_steps, row_splits_dtype=tf.int64))


def _value(feature: Feature, length: int) -> Any:
    one = _VALUES[feature.dtype]
    if feature.nested or feature.width is not None:
        one = [one] * (feature.width or 1)
    return one if feature.context else [one] * length
