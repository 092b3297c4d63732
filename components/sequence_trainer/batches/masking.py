"""Masks of the real steps of padded batches: made from the lengths, never from the values."""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.schemas.spec import FIRST_ID


def step_mask(lengths: tf.Tensor, steps: tf.Tensor | int) -> tf.Tensor:
    """Returns a mask that is True for the first `lengths` of `steps` steps: bool `[B, T]` from integers `[B]` and T."""
    return tf.sequence_mask(lengths, steps)


def classes(labels: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Returns the class of each label id, `id - 1`, and class 0 where `mask` is False, whatever stands there.

    A real label that is 0 becomes -1, which is no class: ops that take classes refuse it.
    """
    return tf.where(mask, tf.cast(labels, tf.int64) - FIRST_ID, 0)


def zero_padding(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Puts 0 into `values` `[B, T, ...]` where `mask` `[B, T]` is False, even over NaN, with no gradient there."""
    expanded = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones([tf.rank(values) - 2], tf.int32)], 0))
    return tf.where(expanded, values, tf.zeros([], values.dtype))
