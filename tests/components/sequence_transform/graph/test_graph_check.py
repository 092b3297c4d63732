"""A check in a graph fails with its message, and only where its value is used."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_transform.graph.graph_check import make_zero_or_fail


def test_zero_if_fails_with_its_message_only_when_it_is_used():
    @tf.function
    def run(x, used):
        checked = make_zero_or_fail(x > 0, "x must be positive")
        return x + checked if used else x

    assert run(tf.constant(3, tf.int64), True) == 3
    assert run(tf.constant(-3, tf.int64), False) == -3
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be positive"):
        run(tf.constant(-3, tf.int64), True)
