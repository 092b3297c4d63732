"""Checks metrics, however data is batched, against plain loops over unpadded sequences."""

import math

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
from hypothesis import given, settings

from tfx_sequence.components.sequence_trainer.metrics.labels import (
    Accuracy,
    BitsPerStep,
    CrossEntropy,
    LabelScores,
    Perplexity,
    TopKAccuracy,
)

_CLASSES = 4


@st.composite
def _data(draw):
    """Three batches of unequal padding, garbage in the padding: labels, logits, predicted ids, lengths."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    batches = []
    for _ in range(3):
        lengths = np.array(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
        steps = max(1, *lengths) + draw(st.integers(0, 2))
        logits = generator.normal(size=(len(lengths), steps, _CLASSES)).round(1)
        labels = generator.integers(1, _CLASSES + 1, (len(lengths), steps))
        predictions = logits.argmax(-1) + 1
        garbage = np.arange(steps) >= lengths[:, None]
        labels[garbage], logits[garbage] = draw(st.sampled_from([0, 2, -5])), np.nan
        batches.append((labels, logits, predictions, lengths))
    return batches


def _steps(batches):
    """All real steps: label, logits, predicted id."""
    return [
        (labels[row, step], logits[row, step], predictions[row, step])
        for labels, logits, predictions, lengths in batches
        for row, length in enumerate(lengths)
        for step in range(length)
    ]


def _mean(values):
    return sum(values) / len(values) if values else 0.0


@settings(deadline=None, max_examples=20)
@given(_data())
def test_metrics_equal_a_loop_over_all_real_steps(batches):
    steps = _steps(batches)
    nats = _mean([math.log(sum(map(math.exp, logits))) - logits[label - 1] for label, logits, _ in steps])
    expected = {
        Accuracy(): _mean([label == prediction for label, _, prediction in steps]),
        TopKAccuracy(2): _mean([sum(logits > logits[label - 1]) < 2 for label, logits, _ in steps]),
        CrossEntropy(): nats,
        BitsPerStep(): nats / math.log(2),
        Perplexity(): math.exp(nats),
    }
    for metric, value in expected.items():
        for labels, logits, predictions, lengths in batches:
            metric.update_state(labels, predictions if isinstance(metric, Accuracy) else logits, lengths)
        np.testing.assert_allclose(metric.result(), value, rtol=1e-12, err_msg=metric.name)


@settings(deadline=None, max_examples=20)
@given(_data())
def test_label_scores_equal_sklearns(batches):
    metric = LabelScores(_CLASSES)
    for labels, _, predictions, lengths in batches:
        metric.update_state(labels, predictions, lengths)
    steps = _steps(batches)
    true, predicted = [label for label, *_ in steps], [prediction for *_, prediction in steps]
    ids = list(range(1, _CLASSES + 1))
    scores = metric.compute_scores_by_label()
    if not steps:
        assert not any(scores["f1"].numpy())
        return
    expected = sklearn.metrics.precision_recall_fscore_support(true, predicted, labels=ids, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        np.testing.assert_allclose(scores[name], values, rtol=1e-12, err_msg=name)
    macro = sklearn.metrics.precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)
    result = metric.result()
    np.testing.assert_allclose([result[f"macro_{name}"] for name in ("precision", "recall", "f1")], macro[:3])


def test_accuracy_is_that_computed_by_hand_in_a_graph_and_forgets_when_reset():
    metric = Accuracy()
    update = tf.function(metric.update_state)
    update(tf.constant([[1, 2, 0], [3, 0, 0]]), tf.constant([[1, 1, 0], [3, 0, 0]]), tf.constant([2, 1]))
    np.testing.assert_allclose(metric.result(), 2 / 3)
    metric.reset_state()
    assert metric.result() == 0
    update(tf.constant([[1, 2, 5]]), tf.constant([[2, 2, 1]]), tf.constant([2]))
    assert metric.result() == 0.5


def test_metrics_of_one_label_a_sequence_take_no_lengths():
    logits = np.array([[0.0, 1.0, 2.0], [5.0, 1.0, 2.0]])
    metric = TopKAccuracy(2)
    metric.update_state(np.array([2, 2]), logits, None)
    assert metric.result() == 0.5
    metric = Accuracy()
    metric.update_state(np.array([3, 2]), logits.argmax(-1) + 1, None)
    assert metric.result() == 0.5


@pytest.mark.parametrize(("shape", "lengths"), [((2,), np.array([1, 1])), ((2, 1), None)])
def test_metrics_refuse_when_lengths_do_not_fit_the_labels(shape, lengths):
    with pytest.raises(ValueError, match="need `lengths"):
        Accuracy().update_state(np.ones(shape, int), np.ones(shape, int), lengths)


def test_counts_stay_exact_beyond_what_float32_can_count():
    metric = Accuracy()
    metric.variables[0].assign(2.0**24)
    metric.variables[1].assign(2**24)
    metric.update_state(np.array([1]), np.array([1]), None)
    assert metric.variables[0].numpy() == metric.variables[1].numpy() == 2**24 + 1


def test_names_are_stable_when_a_metric_is_made_twice():
    assert [Perplexity().name, Perplexity().name, TopKAccuracy(5).name] == ["perplexity"] * 2 + ["top_5_accuracy"]


def test_metrics_are_keras_metrics():
    assert isinstance(Accuracy(), keras.metrics.Metric)


@pytest.mark.parametrize(("metric", "name"), [(TopKAccuracy, "k"), (LabelScores, "num_labels")])
def test_metrics_refuse_a_number_below_one(metric, name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1, but is 0"):
        metric(0)
