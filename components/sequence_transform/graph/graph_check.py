"""Checks inside a transform graph, which fail with a message of our own.

`tf.debugging.Assert` is of no use in a preprocessing_fn. It has a side effect, so TFT runs it in every analysis phase,
also before the vocabularies that it looks at are written, and in every serving graph, also for labels that no request
has. A check must be an op without side effects that fails when its value is used. `StringToNumber` is such an op: it
gives 0 for "0", and for any other text an error that quotes the text.
"""

from __future__ import annotations

import tensorflow as tf


def zero_if(condition: tf.Tensor, message: tf.Tensor | str) -> tf.Tensor:
    """Returns an int64 0, to be added to what must not be used unless `condition` holds.

    Args:
      condition: bool, scalar.
      message: The text of the error if it does not hold: string, scalar.

    Raises:
      tf.errors.InvalidArgumentError: when run with a condition that is false; its message quotes `message`.
    """
    return tf.strings.to_number(tf.where(condition, tf.constant("0"), message), tf.int64)
