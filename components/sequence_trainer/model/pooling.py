"""Pooling layers, which combine the real steps of each sequence into one vector.

The vector of a sequence without real steps is 0.
"""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, refuse_keras_mask, zero_padding
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded


@keras.saving.register_keras_serializable("tfx_sequence")
class MeanPooling(keras.layers.Layer):
    """Computes the mean of the steps."""

    def call(self, steps: tf.Tensor, lengths: tf.Tensor, steps_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Maps steps `[B, T, D]` and lengths, integers `[B]`, to vectors `[B, D]`. A mask of Keras is refused."""
        refuse_keras_mask(self, steps_mask)
        mask = make_step_mask(lengths, tf.shape(steps)[1])
        total = tf.reduce_sum(zero_padding(steps, mask), axis=1)
        return total / tf.cast(tf.maximum(lengths, 1), total.dtype)[:, None]


@keras.saving.register_keras_serializable("tfx_sequence")
class MaxPooling(keras.layers.Layer):
    """Computes the maximum of each feature over the steps."""

    def call(self, steps: tf.Tensor, lengths: tf.Tensor, steps_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Maps steps `[B, T, D]` and lengths, integers `[B]`, to vectors `[B, D]`. A mask of Keras is refused."""
        refuse_keras_mask(self, steps_mask)
        mask = make_step_mask(lengths, tf.shape(steps)[1])[:, :, None]
        maximum = tf.reduce_max(tf.where(mask, steps, steps.dtype.min), axis=1)
        return tf.where(lengths[:, None] > 0, maximum, tf.zeros([], steps.dtype))


@keras.saving.register_keras_serializable("tfx_sequence")
class AttentionPooling(keras.layers.Layer):
    """Computes a mean of the steps that is weighted by attention.

    ::

        scores  = tanh(steps kernel + bias) query       [B, T]
        weights = softmax of the scores over the real steps
        result  = sum of weights * steps                [B, D]

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification".
    """

    def build(self, steps_shape: tuple[int | None, ...], *_other_shapes: object) -> None:
        """Creates the weights. The hidden layer is as wide as the steps; the shape of `lengths` is not needed."""
        width = steps_shape[-1]
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
        self.query = self.add_weight(shape=(width, 1), initializer="glorot_uniform", name="query")

    def call(self, steps: tf.Tensor, lengths: tf.Tensor, steps_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Maps steps `[B, T, D]` and lengths, integers `[B]`, to vectors `[B, D]`. A mask of Keras is refused."""
        refuse_keras_mask(self, steps_mask)
        mask = make_step_mask(lengths, tf.shape(steps)[1])
        steps = zero_padding(steps, mask)
        hidden = tf.tanh(tf.matmul(steps, self.kernel) + self.bias)
        scores = tf.matmul(hidden, self.query)[:, :, 0]
        weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min), axis=1)
        # In a sequence without real steps the softmax spreads the weights evenly over the padding.
        weights = tf.where(mask, weights, tf.zeros([], weights.dtype))
        return tf.einsum("bt,btd->bd", weights, steps)


_POOLING_LAYERS: dict[str, type[keras.layers.Layer]] = {
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
}


class HeadPooling(keras.layers.Layer):
    """Selects the input of a head: all steps if there is one label per step, else one vector per record.

    Args:
      per_step: Whether the label has one value per step.
      pooling: The name of the pooling in `[model.heads.<label>]`. If it is None or `last`, the vector of a record is
        the final output of the recurrent layers.

    Raises:
      ValueError: if there is no pooling of that name.
    """

    def __init__(self, per_step: bool, pooling: str | None = None) -> None:
        super().__init__(name="pooled")
        self._per_step = per_step
        self._pooling = _make_pooling(pooling)

    def call(self, encoded: Encoded) -> tf.Tensor:
        """Returns `[B, T, D]` if there is one label per step, else `[B, D]`."""
        if self._per_step:
            return encoded.steps
        if self._pooling is None:
            return encoded.final
        return self._pooling(encoded.steps, encoded.lengths)


def _make_pooling(name: str | None) -> keras.layers.Layer | None:
    """Returns the pooling layer of a name, or None for the final output of the recurrent layers."""
    if name is None or name == "last":
        return None
    if name not in _POOLING_LAYERS:
        raise ValueError(f"pooling must be one of last, {', '.join(_POOLING_LAYERS)}, but is {name!r}")
    return _POOLING_LAYERS[name]()
