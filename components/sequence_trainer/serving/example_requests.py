"""Decodes requests to a model whose transform graph reads tf.Examples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import (
    RawFeatures,
    TransformGraph,
    select_needed_features,
)
from tfx_sequence.schemas.contract import LENGTHS

_EMPTY_VALUES: dict[tf.DType, Any] = {tf.string: b"", tf.int64: 0, tf.float32: 0.0}


class ExampleRequests:
    """Decodes serialized tf.Examples, and padded sequences of their features. It is a RequestDecoder.

    Args:
      features: Every raw feature, to the configuration that `tf.io.parse_example` parses it by.
      transform: The transform graph.
      inputs: The transformed features that the model reads.
      everything: The transformed features that training reads.
    """

    def __init__(
        self,
        features: Mapping[str, Any],
        transform: TransformGraph,
        inputs: Iterable[str],
        everything: Iterable[str],
    ) -> None:
        self._inputs = select_needed_features(features, _parse, transform, inputs, features)
        self._all = select_needed_features(features, _parse, transform, everything, features)

    def decode_inputs(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features that the model's inputs are made of."""
        return _parse(examples, self._inputs)

    def decode_labels(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features that everything is made of: those of labels are not told from others."""
        return _parse(examples, self._all)

    def decode_all(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features that everything is made of that training reads."""
        return _parse(examples, self._all)

    def padded_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the tensors that `decode_padded` takes.

        None if no raw input is a sequence, or one has a step of several values, such as a text that the transform
        splits: padding would not tell its steps.
        """
        specs = {name: _padded_spec(name, feature) for name, feature in self._inputs.items()}
        if None in specs.values() or not any(map(_is_sequence, self._inputs.values())):
            return {}
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}

    def decode_padded(self, features: Mapping[str, tf.Tensor]) -> RawFeatures:
        """Takes the padding off raw features `[B, T]`, by their `lengths`; context features stay as they are."""
        raw: RawFeatures = {}
        for name, feature in self._inputs.items():
            value = features[name]
            if _is_sequence(feature):
                value = tf.RaggedTensor.from_tensor(value, features[LENGTHS], row_splits_dtype=tf.int64)
            if isinstance(feature, tf.io.VarLenFeature):
                value = value.to_sparse()
            raw[name] = value
        return raw

    def make_example(self, length: int) -> bytes:
        """Serializes a record of `length` steps whose values are all empty or 0."""
        example = tf.train.Example()
        for name, feature in self._inputs.items():
            is_dense = isinstance(feature, tf.io.FixedLenFeature)
            count = math.prod(feature.shape) if is_dense else length
            values = [_EMPTY_VALUES[feature.dtype]] * count
            if feature.dtype == tf.string:
                example.features.feature[name].bytes_list.value.extend(values)
            elif feature.dtype == tf.int64:
                example.features.feature[name].int64_list.value.extend(values)
            else:
                example.features.feature[name].float_list.value.extend(values)
        return example.SerializeToString()


def _parse(examples: tf.Tensor, features: Mapping[str, Any]) -> RawFeatures:
    return dict(tf.io.parse_example(examples, dict(features)))


def _is_sequence(feature: Any) -> bool:
    """Returns whether a record may have any number of values of the feature."""
    return isinstance(feature, tf.io.VarLenFeature | tf.io.RaggedFeature)


def _padded_spec(name: str, feature: Any) -> tf.TensorSpec | None:
    if isinstance(feature, tf.io.FixedLenFeature):
        return tf.TensorSpec([None, *feature.shape], feature.dtype, name=name)
    # A ragged feature with partitions has steps of several values.
    if _is_sequence(feature) and not getattr(feature, "partitions", ()):
        return tf.TensorSpec([None, None], feature.dtype, name=name)
    return None
