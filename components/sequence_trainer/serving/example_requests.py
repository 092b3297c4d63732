"""Raw tf.Examples, as a served model takes them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import Transform, needed
from tfx_sequence.schemas.contract import LENGTHS


class RawExamples:
    """Serialized tf.Examples, or padded sequences, to what a transform graph reads."""

    def __init__(
        self,
        features: Mapping[str, Any],
        transform: Transform,
        inputs: Iterable[str],
        everything: Iterable[str],
    ) -> None:
        """Finds out which raw features are needed.

        Args:
          features: Every raw feature, to how `tf.io.parse_example` parses it.
          transform: The transform graph.
          inputs: The transformed features that the model reads.
          everything: The transformed features that training reads.
        """
        self._inputs = needed(features, _parse, transform, inputs, features)
        self._all = needed(features, _parse, transform, everything, features)

    def inputs(self, examples: tf.Tensor) -> dict[str, Any]:
        """What inputs are made of."""
        return _parse(examples, self._inputs)

    def labels(self, examples: tf.Tensor) -> dict[str, Any]:
        """What labels are made of, and what training reads beside them."""
        return _parse(examples, self._all)

    def all(self, examples: tf.Tensor) -> dict[str, Any]:
        """What everything is made of that training reads."""
        return _parse(examples, self._all)

    def padded_specs(self) -> dict[str, tf.TensorSpec]:
        """What `from_padded` takes; nothing if the inputs are not made of raw sequences of single values."""
        specs = {name: _padded_spec(name, feature) for name, feature in self._inputs.items()}
        if None in specs.values() or not any(map(_is_sequence, self._inputs.values())):
            return {}
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}

    def from_padded(self, features: Mapping[str, tf.Tensor]) -> dict[str, Any]:
        """What inputs are made of, from padded raw features and their `lengths`."""
        raw: dict[str, Any] = {}
        for name, feature in self._inputs.items():
            raw[name] = features[name]
            if _is_sequence(feature):
                raw[name] = tf.RaggedTensor.from_tensor(features[name], features[LENGTHS], row_splits_dtype=tf.int64)
            if isinstance(feature, tf.io.VarLenFeature):
                raw[name] = raw[name].to_sparse()
        return raw

    def example(self, length: int) -> bytes:
        """A serialized record of so many steps, of empty, unseen values."""
        example = tf.train.Example()
        for name, feature in self._inputs.items():
            dense = isinstance(feature, tf.io.FixedLenFeature)
            count = math.prod(feature.shape) if dense else length
            values = example.features.feature[name]
            if feature.dtype == tf.string:
                values.bytes_list.value.extend([b""] * count)
            elif feature.dtype == tf.int64:
                values.int64_list.value.extend([0] * count)
            else:
                values.float_list.value.extend([0.0] * count)
        return example.SerializeToString()


def _parse(examples: tf.Tensor, features: Mapping[str, Any]) -> dict[str, Any]:
    return dict(tf.io.parse_example(examples, dict(features)))


def _is_sequence(feature: Any) -> bool:
    """Whether records have any number of values of it."""
    return isinstance(feature, tf.io.VarLenFeature | tf.io.RaggedFeature)


def _padded_spec(name: str, feature: Any) -> tf.TensorSpec | None:
    if isinstance(feature, tf.io.FixedLenFeature):
        return tf.TensorSpec([None, *feature.shape], feature.dtype, name=name)
    if _is_sequence(feature) and not getattr(feature, "partitions", ()):
        return tf.TensorSpec([None, None], feature.dtype, name=name)
    return None
