"""The summary of a softmax over many classes, against a softmax of all logits in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.losses import softmax_summary
from tfx_sequence.components.sequence_trainer.losses.sequence import compute_step_losses
from tfx_sequence.components.sequence_trainer.losses.softmax_summary import (
    OutputLayer,
    compute_step_losses_from_summary,
    summarize_softmax,
)

CLASSES, WIDTH = 7, 4
LENGTHS = np.array([3, 0, 2])
LABELS = np.array([[7, 1, 3], [0, 0, 0], [2, 2, 0]])
RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=[CLASSES, WIDTH]).astype(np.float32)
BIAS = RANDOM.normal(size=[CLASSES]).astype(np.float32)
HIDDEN = RANDOM.normal(size=[3, 3, WIDTH]).astype(np.float32)
LAYERS = {
    "columns": OutputLayer(tf.constant(ROWS.T), tf.constant(BIAS)),
    "rows": OutputLayer(tf.constant(ROWS), tf.constant(BIAS), has_rows=True),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("steps_in_chunk", [1, 4, 100])
@pytest.mark.parametrize("shape", [(3, 3), (9,), (0, 3)])
@pytest.mark.parametrize("in_graph", [False, True])
def test_summary_is_that_of_all_logits_however_they_are_chunked(
    layer: str, steps_in_chunk: int, shape: tuple[int, ...], in_graph: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax_summary, "MAX_LOGITS", steps_in_chunk * CLASSES)
    hidden = HIDDEN.reshape(-1, WIDTH)[: np.prod(shape)].reshape(*shape, WIDTH)

    def summarize(hidden: tf.Tensor) -> list[tf.Tensor]:
        return list(summarize_softmax(hidden, LAYERS[layer]))

    if in_graph:
        spec = tf.TensorSpec([None] * len(shape) + [WIDTH], tf.float32)
        summarize = tf.function(summarize, input_signature=[spec])
    kept, best_class, best_probability, log_sum = summarize(tf.constant(hidden))
    logits = hidden.astype(np.float64) @ ROWS.T + BIAS
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    np.testing.assert_array_equal(kept, hidden)
    np.testing.assert_array_equal(best_class, logits.argmax(-1))
    np.testing.assert_allclose(best_probability, probabilities.max(-1), rtol=1e-6)
    np.testing.assert_allclose(log_sum, np.log(np.exp(logits).sum(-1)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weights", [None, [1, 2, 0.5, 1, 1, 1, 3]])
def test_step_losses_of_a_summary_are_those_of_the_logits(
    layer: str, smoothing: float, weights: list[float] | None
) -> None:
    hidden = HIDDEN.copy()
    hidden[1], hidden[2, 2] = np.nan, np.nan
    settings = {"class_weights": weights, "label_smoothing": smoothing}
    expected = compute_step_losses(hidden @ ROWS.T + BIAS, LABELS, LENGTHS, **settings)
    summary = summarize_softmax(tf.constant(hidden), LAYERS[layer])
    np.testing.assert_allclose(
        compute_step_losses_from_summary(summary, LAYERS[layer], LABELS, LENGTHS, **settings),
        expected,
        rtol=1e-5,
        atol=1e-6,
    )


def test_summary_of_large_logits_is_finite() -> None:
    layer = OutputLayer(tf.constant(ROWS.T), tf.constant(BIAS + 500))
    summary = summarize_softmax(tf.constant(HIDDEN), layer)
    assert np.isfinite(summary.log_sum).all()
    assert (summary.best_probability.numpy() <= 1).all()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("label", [0, CLASSES + 1])
def test_a_label_without_a_class_is_refused(layer: str, label: int) -> None:
    labels = np.where(LABELS == 7, label, LABELS)
    summary = summarize_softmax(tf.constant(HIDDEN), LAYERS[layer])
    with pytest.raises(tf.errors.InvalidArgumentError):
        compute_step_losses_from_summary(summary, LAYERS[layer], labels, LENGTHS)
