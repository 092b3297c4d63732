"""Defines ExampleRequests, which decodes requests to a model whose transform graph reads tf.Examples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import (
    RawFeatures,
    TransformGraph,
    select_needed_features,
)
from tfx_sequence.components.sequence_trainer.serving.padded_requests import assert_padded
from tfx_sequence.schemas.contract import LENGTHS

_ParsingConfig: TypeAlias = tf.io.FixedLenFeature | tf.io.VarLenFeature | tf.io.RaggedFeature
"""The configuration of one feature for `tf.io.parse_example`."""

_EMPTY_VALUES: dict[tf.DType, bytes | int | float] = {tf.string: b"", tf.int64: 0, tf.float32: 0.0}


class ExampleRequests:
    """A RequestDecoder for serialized tf.Examples, and for padded sequences of their features.

    Args:
      features: The name of each raw feature, with its configuration for `tf.io.parse_example`.
      transform: The transform graph.
      inputs: The names of the transformed features that the model reads.
      everything: The names of all transformed features that training reads, which include labels and weights.
    """

    def __init__(
        self,
        features: Mapping[str, _ParsingConfig],
        transform: TransformGraph,
        inputs: Iterable[str],
        everything: Iterable[str],
    ) -> None:
        self._inputs = select_needed_features(features, _parse, transform, inputs, features)
        self._all = select_needed_features(features, _parse, transform, everything, features)

    def decode_inputs(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which the inputs of the model are made."""
        return _parse(examples, self._inputs)

    def decode_labels(self, examples: tf.Tensor) -> RawFeatures:
        """Parses all raw features of `decode_all`, because tf.Examples do not say which features are labels."""
        return _parse(examples, self._all)

    def decode_all(self, examples: tf.Tensor) -> RawFeatures:
        """Parses the raw features from which all features that training reads are made."""
        return _parse(examples, self._all)

    def make_padded_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the specs of the tensors that `decode_padded` takes.

        The result is empty if no raw input is a sequence. It is also empty if a raw input may have several values per
        step, such as a text that the transform splits, because `lengths` would not determine its steps.
        """
        if not any(map(_has_steps, self._inputs.values())):
            return {}
        specs = {}
        for name, feature in self._inputs.items():
            spec = _make_padded_spec(name, feature)
            if spec is None:
                return {}
            specs[name] = spec
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}

    def decode_padded(self, features: Mapping[str, tf.Tensor]) -> RawFeatures:
        """Removes the padding from raw features `[B, T]`, using their `lengths`. Context features are not changed.

        Raises:
          tf.errors.InvalidArgumentError: when the graph runs on tensors that do not fit together.
        """
        checked = assert_padded(features, self.make_padded_specs())
        raw: RawFeatures = {}
        for name, feature in self._inputs.items():
            value = checked[name]
            if _has_steps(feature):
                value = tf.RaggedTensor.from_tensor(value, checked[LENGTHS], row_splits_dtype=tf.int64)
            if isinstance(feature, tf.io.VarLenFeature):
                value = value.to_sparse()
            raw[name] = value
        return raw

    def make_example(self, length: int) -> bytes:
        """Makes a serialized record of `length` steps, whose values are all empty or 0."""
        example = tf.train.Example()
        for name, feature in self._inputs.items():
            is_dense = isinstance(feature, tf.io.FixedLenFeature)
            # The number of values of a dense feature is fixed. It does not depend on the length of the record.
            num_values = math.prod(feature.shape) if is_dense else length
            values = [_EMPTY_VALUES[feature.dtype]] * num_values
            if feature.dtype == tf.string:
                example.features.feature[name].bytes_list.value.extend(values)
            elif feature.dtype == tf.int64:
                example.features.feature[name].int64_list.value.extend(values)
            else:
                example.features.feature[name].float_list.value.extend(values)
        return example.SerializeToString()


def _parse(examples: tf.Tensor, features: Mapping[str, _ParsingConfig]) -> RawFeatures:
    """Parses some raw features from serialized tf.Examples, string `[B]`."""
    return dict(tf.io.parse_example(examples, dict(features)))


def _has_steps(feature: _ParsingConfig) -> bool:
    """Returns whether a record may have any number of values of the feature."""
    return isinstance(feature, tf.io.VarLenFeature | tf.io.RaggedFeature)


def _make_padded_spec(name: str, feature: _ParsingConfig) -> tf.TensorSpec | None:
    """Returns the spec of a raw feature in a padded batch; None if the feature may have several values per step."""
    if isinstance(feature, tf.io.FixedLenFeature):
        return tf.TensorSpec([None, *feature.shape], feature.dtype, name=name)
    # A ragged feature with partitions may have several values per step.
    if _has_steps(feature) and not getattr(feature, "partitions", ()):
        return tf.TensorSpec([None, None], feature.dtype, name=name)
    return None
