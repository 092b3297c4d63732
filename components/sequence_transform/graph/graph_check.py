"""Provides checks for a transform graph that fail with a given message.

`tf.debugging.Assert` cannot be used in a preprocessing_fn, because it has a side effect. For this reason TFT runs it in
every analysis phase, even before the vocabularies that it needs are written. TFT also runs it in every serving graph,
even for labels, which no request has. A check must therefore be an op that has no side effects and fails when its value
is used. `StringToNumber` is such an op: it returns 0 for "0", and for any other text it fails and quotes the text.
"""

from __future__ import annotations

import tensorflow as tf


def make_zero_or_fail(condition: tf.Tensor, message: tf.Tensor | str) -> tf.Tensor:
    """Returns an int64 0 if `condition` is true, and fails otherwise. Add the 0 to a value that needs the check.

    Args:
      condition: The condition to check, a scalar bool.
      message: The text of the error, a scalar string.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs and the condition is false. The error quotes `message`.
    """
    return tf.strings.to_number(tf.where(condition, tf.constant("0"), message), tf.int64)
