"""Pooling against a loop over unpadded sequences."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.model.pooling import AttentionPooling, MaxPooling, MeanPooling

LENGTHS = [4, 0, 1, 3]
STEPS = np.random.default_rng(0).normal(size=[4, 4, 3]).astype(np.float32)


def _attention(layer: AttentionPooling, steps: np.ndarray) -> np.ndarray:
    scores = np.tanh(steps @ layer.kernel.numpy() + layer.bias.numpy()) @ layer.query.numpy()
    weights = np.exp(scores) / np.exp(scores).sum()
    return (weights * steps).sum(0)


@pytest.mark.parametrize("steps", [4, 9])
@pytest.mark.parametrize("name", ["mean", "max", "attention"])
def test_pooling_equals_a_loop_over_unpadded_sequences(name: str, steps: int) -> None:
    layer = {"mean": MeanPooling, "max": MaxPooling, "attention": AttentionPooling}[name]()
    padded = np.full([4, steps, 3], 77, np.float32)
    padded[:, :4] = np.where(np.arange(4)[:, None] < np.array(LENGTHS)[:, None, None], STEPS, 77)
    pooled = layer(tf.constant(padded), tf.constant(LENGTHS)).numpy()
    for row, length in enumerate(LENGTHS):
        real = STEPS[row, :length]
        if not length:
            expected = np.zeros(3)
        elif name == "attention":
            expected = _attention(layer, real)
        else:
            expected = real.mean(0) if name == "mean" else real.max(0)
        np.testing.assert_allclose(pooled[row], expected, rtol=1e-5, atol=1e-6)
