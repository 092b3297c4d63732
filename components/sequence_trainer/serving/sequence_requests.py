"""Defines SequenceRequests, which decodes requests to a model whose transform graph reads SequenceExamples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import assert_equal_lengths
from tfx_sequence.components.sequence_trainer.serving.needed_features import (
    RawFeatures,
    TransformGraph,
    select_needed_features,
)
from tfx_sequence.components.sequence_trainer.serving.padded_requests import assert_counts, assert_padded
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.records.examples import Encoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_EMPTY_VALUES: dict[str, Any] = {"string": "", "int64": 0, "float32": 0.0}


class SequenceRequests:
    """A RequestDecoder for serialized SequenceExamples, and for padded sequences of their features.

    Args:
      spec: The raw features.
      labels: The names of the transformed labels. A label without a raw label of the same name is made from inputs.
      transform: The transform graph.
      outputs: The names of the transformed features that training reads.
    """

    def __init__(
        self, spec: SequenceSpec, labels: Iterable[str], transform: TransformGraph, outputs: Iterable[str]
    ) -> None:
        raw_inputs, raw_labels = spec.with_role("input"), spec.with_role("label")
        everything = {**raw_inputs, **raw_labels, **spec.with_role("weight")}
        # An input that the graph returns under its own name is needed. An input with another name may or may not be
        # needed. To find out, the graph must be traced without this input, which takes time.
        candidates = sorted(raw_inputs.keys() - set(outputs))
        self._all = select_needed_features(everything, _parse, transform, outputs, candidates)
        self._inputs = {name: feature for name, feature in raw_inputs.items() if name in self._all}
        self._labels = raw_labels if raw_labels.keys() >= set(labels) else self._all

    def decode_inputs(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which the inputs of the model are made."""
        return _parse(examples, self._inputs)

    def decode_labels(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw labels. If a label is made from inputs, parses all raw features of `decode_all`."""
        return _parse(examples, self._labels)

    def decode_all(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which all features that training reads are made."""
        return _parse(examples, self._all)

    def make_padded_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the specs of the tensors that `decode_padded` takes.

        A sequence has the shape `[B, T]` or `[B, T, width]`, and a context feature `[B]` or `[B, width]`. A nested
        feature has the shape `[B, T, V]`, and a second tensor `[B, T]` contains the number of values of each step.
        """
        specs = {}
        for name, feature in self._inputs.items():
            shape: list[int | None] = [None] if feature.context else [None, None]
            if feature.nested:
                shape.append(None)
                specs[get_counts_key(name)] = tf.TensorSpec([None, None], tf.int64, name=get_counts_key(name))
            elif feature.width is not None:
                shape.append(feature.width)
            specs[name] = tf.TensorSpec(shape, tf.as_dtype(feature.dtype), name=name)
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}

    def decode_padded(self, features: Mapping[str, tf.Tensor]) -> RawFeatures:
        """Removes the padding from the tensors of `make_padded_specs`, using their `lengths`.

        Raises:
          tf.errors.InvalidArgumentError: when the graph runs on tensors that do not fit together.
        """
        checked = assert_padded(features, self.make_padded_specs())
        raw: RawFeatures = {}
        for name, feature in self._inputs.items():
            if feature.context:
                raw[name] = checked[name]
            elif feature.nested:
                raw[name] = _unpad_nested(checked[name], get_counts_key(name), checked)
            else:
                raw[name] = _unpad_steps(checked[name], checked[LENGTHS])
        return raw

    def make_example(self, length: int) -> bytes:
        """Makes a serialized record of `length` steps, whose values are all empty or 0."""
        encoder = Encoder(SequenceSpec(features=self._inputs, min_length=0))
        record = {name: _make_value(feature, length) for name, feature in self._inputs.items()}
        return encoder.encode(record)


def _parse(examples: tf.Tensor, features: Mapping[str, Feature]) -> RawFeatures:
    """Parses some raw features from serialized SequenceExamples, string `[B]`.

    Returns:
      Sequences are ragged, `[B, (T), (V)]`. Context features are `[B]` or `[B, width]`.
    """
    context_features: dict[str, tf.io.FixedLenFeature] = {}
    sequence_features: dict[str, tf.io.RaggedFeature] = {}
    for name, feature in features.items():
        dtype = tf.as_dtype(feature.dtype)
        if feature.context:
            shape = [] if feature.width is None else [feature.width]
            context_features[name] = tf.io.FixedLenFeature(shape, dtype)
        else:
            sequence_features[name] = tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)
    context, sequences, _ = tf.io.parse_sequence_example(examples, context_features, sequence_features)
    return assert_equal_lengths({**context, **sequences})


def _unpad_steps(padded: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """Converts `[B, T]` or `[B, T, width]` to `[B, (T), (V)]`, the form of parsed SequenceExamples.

    V is 1 or `width` in each step.
    """
    ragged = tf.RaggedTensor.from_tensor(padded, lengths=lengths, row_splits_dtype=tf.int64)
    values = ragged.values
    width = 1 if values.shape.rank == 1 else values.shape[1]
    num_steps = tf.shape(values, out_type=tf.int64)[0]
    row_splits = tf.range(num_steps + 1) * width
    steps = tf.RaggedTensor.from_row_splits(tf.reshape(values, [-1]), row_splits, validate=False)
    return ragged.with_values(steps)


def _unpad_nested(padded: tf.Tensor, counts_name: str, features: Mapping[str, tf.Tensor]) -> tf.RaggedTensor:
    """Converts `[B, T, V]` to `[B, (T), (V)]`.

    Args:
      padded: The padded values, `[B, T, V]`.
      counts_name: The name of the tensor that holds the number of values of each step, `[B, T]`.
      features: The tensors of the request, with these counts and the number of steps of each record, `lengths`.
    """
    counts, lengths = features[counts_name], features[LENGTHS]
    steps = tf.RaggedTensor.from_tensor(padded, lengths=lengths, row_splits_dtype=tf.int64)
    step_counts = tf.RaggedTensor.from_tensor(counts, lengths=lengths, row_splits_dtype=tf.int64).values
    checked = assert_counts(counts_name, step_counts, tf.shape(padded, tf.int64)[2])
    return steps.with_values(tf.RaggedTensor.from_tensor(steps.values, lengths=checked, row_splits_dtype=tf.int64))


def _make_value(feature: Feature, length: int) -> Any:
    """Makes the value of a feature of an empty record: a list of `length` steps, or the value of a context feature."""
    value = _EMPTY_VALUES[feature.dtype]
    if feature.nested or feature.width is not None:
        value = [value] * (feature.width or 1)
    return value if feature.context else [value] * length
