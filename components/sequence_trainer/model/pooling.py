"""Pooling: one vector a sequence, made of its real steps; zeros for a sequence without any."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded


class MeanPooling(keras.layers.Layer):
    """The mean of the steps."""

    def call(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Turns `[B, T, D]` and integers `[B]` into `[B, D]`."""
        total = tf.reduce_sum(zero_padding(steps, step_mask(lengths, tf.shape(steps)[1])), 1)
        return total / tf.cast(tf.maximum(lengths, 1), total.dtype)[:, None]


class MaxPooling(keras.layers.Layer):
    """The maximum of each feature."""

    def call(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Turns `[B, T, D]` and integers `[B]` into `[B, D]`."""
        mask = step_mask(lengths, tf.shape(steps)[1])[:, :, None]
        maximum = tf.reduce_max(tf.where(mask, steps, steps.dtype.min), 1)
        return tf.where(lengths[:, None] > 0, maximum, tf.zeros([], steps.dtype))


class AttentionPooling(keras.layers.Layer):
    """The mean of the steps, each weighted by how much it matters.

    ::

        weights = softmax over the steps (v . tanh(steps W + b))

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification".
    """

    def build(self, steps_shape: tuple[int | None, ...], *_: object) -> None:
        """Makes the weights, with as many hidden features as the steps have."""
        width = steps_shape[-1]
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
        self.query = self.add_weight(shape=(width, 1), initializer="glorot_uniform", name="query")

    def call(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Turns `[B, T, D]` and integers `[B]` into `[B, D]`."""
        mask = step_mask(lengths, tf.shape(steps)[1])
        steps = zero_padding(steps, mask)
        scores = tf.matmul(tf.tanh(tf.matmul(steps, self.kernel) + self.bias), self.query)[:, :, 0]
        weights = tf.nn.softmax(tf.where(mask, scores, scores.dtype.min), axis=1)
        return tf.einsum("bt,btd->bd", tf.where(mask, weights, tf.zeros([], weights.dtype)), steps)


class Pooled(keras.layers.Layer):
    """What a head reads: all steps for a label a step, one vector for one a record.

    Args:
      per_step: Whether the label has a value in each step.
      pooling: How one vector is made of the steps, as `[model.heads.<label>]` names it; `last` if None.
    """

    def __init__(self, per_step: bool, pooling: str | None = None) -> None:
        super().__init__(name="pooled")
        self._per_step = per_step
        self._pooling = None if pooling in (None, "last") else _POOLINGS[pooling]()

    def call(self, encoded: Encoded) -> tf.Tensor:
        """Returns `[B, T, D]` for a label a step, else `[B, D]`."""
        if self._per_step:
            return encoded.steps
        return encoded.final if self._pooling is None else self._pooling(encoded.steps, encoded.lengths)


_POOLINGS: dict[str, type[keras.layers.Layer]] = {"mean": MeanPooling, "max": MaxPooling, "attention": AttentionPooling}
