"""Creates and applies masks of the real steps of padded batches. Masks depend on the lengths only, not on values.

Keras has masks of its own, which `Embedding(mask_zero=True)` and `Masking` attach to tensors. Layers that take
`lengths` refuse them, because a mask that is silently ignored would be taken for one that works.
"""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.schemas.spec import FIRST_ID


def make_step_mask(lengths: tf.Tensor, steps: tf.Tensor | int) -> tf.Tensor:
    """Returns a mask that is True at real steps.

    Args:
      lengths: The number of real steps of each sequence, integers `[B]`.
      steps: The number of steps T in the batch, padding included.

    Returns:
      Bool `[B, T]`.
    """
    return tf.sequence_mask(lengths, steps)


def convert_to_classes(labels: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Converts label ids to classes, which are `id - 1`, int64. Where `mask` is False, the class is 0.

    A real label with the id 0 becomes -1. This is not a class, so ops that expect classes raise an error.

    Raises:
      TypeError: if the labels are not integers.
    """
    labels = tf.convert_to_tensor(labels)
    if not labels.dtype.is_integer:
        raise TypeError(f"labels must be ids from 1, integers, but have the type {labels.dtype.name}")
    return tf.where(mask, tf.cast(labels, tf.int64) - FIRST_ID, 0)


def zero_padding(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Replaces `values` `[B, T, ...]` by 0 where `mask` `[B, T]` is False.

    NaN is replaced too, and the replaced values get no gradient.
    """
    # The mask gets axes of size 1 until it has as many axes as the values.
    expanded = tf.reshape(mask, tf.concat([tf.shape(mask), tf.ones([tf.rank(values) - 2], tf.int32)], 0))
    return tf.where(expanded, values, tf.zeros([], values.dtype))


def refuse_keras_mask(layer: object, mask: tf.Tensor | None) -> None:
    """Raises a ValueError if Keras passes a mask to a layer, because the layer knows real steps by `lengths` only.

    Args:
      layer: The layer, for the message of the error.
      mask: The mask that is attached to the inputs of the layer. Keras passes it to the argument `<input>_mask` of
        `call`. It is None if there is no mask.
    """
    if mask is not None:
        name = type(layer).__name__
        raise ValueError(
            f"{name} does not read the mask that Keras has attached to its inputs, as Embedding(mask_zero=True) and "
            f"Masking do: leave the mask out, and pass the number of real steps of each row, lengths [B], to {name}. "
            "If padding is the id 0, it is keras.ops.count_nonzero(ids, axis=1)"
        )
