"""A guard for backward passes that are written by hand."""

from __future__ import annotations

import tensorflow as tf


def first_order_only(*values: tf.Tensor) -> list[tf.Tensor]:
    """The values, for use in a hand-written gradient: a gradient of that gradient is refused, not wrong."""
    message = "The fused LSTM and GRU have no second derivative: give the cell dtype='float64', which runs the loop."
    return [tf.raw_ops.PreventGradient(input=value, message=message) for value in values]
