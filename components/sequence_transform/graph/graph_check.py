"""A check inside a transform graph that fails with a sentence.

`tf.debugging.Assert` will not do in a preprocessing_fn: it has a side effect, so TFT runs it in every analysis phase
(also before the vocabularies that it looks at are written) and in every serving graph (also for labels that nobody
fed). What is needed is an op without side effects that fails on demand and that other values depend on, and
`StringToNumber` is one: it gives 0 for "0" and an error that quotes its input for anything else.
"""

from __future__ import annotations

import tensorflow as tf


def zero_if(condition: tf.Tensor, message: tf.Tensor | str) -> tf.Tensor:
    """An int64 0 to add to what must not be used unless `condition` holds.

    Args:
      condition: bool, scalar.
      message: What the error says otherwise: string, scalar.

    Raises:
      tf.errors.InvalidArgumentError: when run with a condition that is false; its message quotes `message`.
    """
    return tf.strings.to_number(tf.where(condition, tf.constant("0"), message), tf.int64)
