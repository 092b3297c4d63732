"""Windows for truncated back-propagation through time."""

from __future__ import annotations

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell
from tfx_sequence.components.sequence_trainer.rnn.windows import cut_windows


@hypothesis.given(st.lists(st.integers(0, 9), min_size=1, max_size=4), st.integers(1, 12))
def test_windows_put_together_are_the_real_steps(lengths: list[int], size: int) -> None:
    inputs = np.arange(len(lengths) * 9 * 2).reshape(-1, 9, 2)
    ids = np.arange(len(lengths) * 9).reshape(-1, 9)
    cut = list(cut_windows({"inputs": inputs, "ids": ids}, lengths, size))
    assert len(cut) == -(-max(lengths) // size)
    for row, length in enumerate(lengths):
        parts = [{name: steps[row, : n[row]] for name, steps in window.items()} for window, n in cut]
        for name, whole in (("inputs", inputs), ("ids", ids)):
            joined = [step for part in parts for step in part[name].numpy()]
            np.testing.assert_array_equal(np.reshape(joined, whole[row, :length].shape), whole[row, :length])
    for number, (window, n) in enumerate(cut):
        assert window["inputs"].shape == (len(lengths), min(size, 9 - number * size), 2)
        assert window["ids"].shape == window["inputs"].shape[:2]
        assert n.numpy().max() > 0


def test_gradient_stops_at_the_start_of_a_window() -> None:
    rng = np.random.default_rng(3)
    layer = DynamicRNN(LSTMCell(4))
    inputs, lengths = rng.normal(size=(3, 6, 2)).astype("float32"), np.array([6, 4, 2])
    layer.build(inputs.shape)
    states, gradients = None, []
    for window, n in cut_windows(inputs, lengths, 3):
        before = states
        with tf.GradientTape() as tape:
            outputs, states = layer(window, n, states)
            loss = tf.reduce_sum(outputs)
        gradients.append(tape.gradient(loss, layer.trainable_variables))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(inputs[:, 3:], np.maximum(lengths - 3, 0), before)[0])
    for ours, expected in zip(gradients[1], tape.gradient(loss, layer.trainable_variables), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_windows_of_no_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="`size` must be at least 1, but is 0"):
        next(cut_windows(np.zeros((1, 2, 3)), [2], 0))
