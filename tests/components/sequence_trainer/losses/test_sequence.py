"""Checks losses against plain loops over unpadded sequences."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    classification_loss,
    compute_step_losses,
    reduce_sequences,
    regression_loss,
    sequence_loss,
    sequence_loss_by_example,
)

_REDUCTIONS = ("sequence_mean", "token_mean", "sum")


def _step(logits, label, class_weights, smoothing):
    """The loss of one step, from its definition."""
    norm = math.log(sum(math.exp(logit) for logit in logits))
    target = [smoothing / len(logits) + (1 - smoothing) * (index == label - 1) for index in range(len(logits))]
    return class_weights[label - 1] * sum(share * (norm - logit) for share, logit in zip(target, logits, strict=True))


def _sequence(logits, labels, class_weights, smoothing):
    return [_step(row, label, class_weights, smoothing) for row, label in zip(logits, labels, strict=True)]


def _reduce(sequences, weights, reduction):
    """The loss of ragged lists of step losses, as its definition reads."""
    kept = [(steps, weight) for steps, weight in zip(sequences, weights, strict=True) if steps]
    if reduction == "sum":
        return sum(weight * sum(steps) for steps, weight in kept)
    if reduction == "token_mean":
        norm = sum(weight * len(steps) for steps, weight in kept)
        return sum(weight * sum(steps) for steps, weight in kept) / norm if norm else 0.0
    norm = sum(weight for _, weight in kept)
    return sum(weight * sum(steps) / len(steps) for steps, weight in kept) / norm if norm else 0.0


@st.composite
def _batches(draw):
    """A ragged batch as lists, and the same padded with garbage."""
    lengths = draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    num_classes = draw(st.integers(1, 4))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = [generator.normal(scale=3, size=(length, num_classes)) for length in lengths]
    labels = [generator.integers(1, num_classes + 1, length) for length in lengths]
    steps = max(1, *lengths) + draw(st.integers(0, 3))
    padded_logits = np.full((len(lengths), steps, num_classes), draw(st.sampled_from([0.0, 9.0, np.nan, np.inf])))
    padded_labels = np.full((len(lengths), steps), draw(st.sampled_from([0, 1, -7, 1 << 40])))
    for row, length in enumerate(lengths):
        padded_logits[row, :length], padded_labels[row, :length] = logits[row], labels[row]
    weights = generator.uniform(0, 2, len(lengths))
    class_weights = generator.uniform(0, 2, num_classes)
    return logits, labels, padded_logits, padded_labels, np.array(lengths), weights, class_weights


@settings(deadline=None, max_examples=60)
@given(_batches(), st.sampled_from(_REDUCTIONS), st.sampled_from([0.0, 0.1, 0.7]))
def test_sequence_loss_equals_a_loop_over_unpadded_sequences(batch, reduction, smoothing):
    logits, labels, padded_logits, padded_labels, lengths, weights, class_weights = batch
    sequences = [_sequence(*pair, class_weights, smoothing) for pair in zip(logits, labels, strict=True)]
    options = {"class_weights": class_weights, "label_smoothing": smoothing}
    tensor = tf.constant(padded_logits)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = sequence_loss(
            tensor, padded_labels, lengths, reduction=reduction, sequence_weights=weights, **options
        ).value
    np.testing.assert_allclose(loss, _reduce(sequences, weights, reduction), rtol=1e-12, atol=1e-12)
    by_example = sequence_loss_by_example(padded_logits, padded_labels, lengths, **options)
    np.testing.assert_allclose(by_example, [np.mean(steps) if steps else 0 for steps in sequences], atol=1e-12)
    gradient = tape.gradient(loss, tensor).numpy()
    for row, length in enumerate(lengths):
        assert not gradient[row, length:].any()  # NaN is true
    assert np.isfinite(gradient).all()


def test_value_is_that_computed_by_hand_when_lengths_differ():
    # With logits (0, log 3) label 1 costs log 4 = 2 log 2, label 2 costs log 4 - log 3.
    logits = np.log([[[1.0, 3.0]] * 3, [[1.0, 3.0]] * 3])
    labels = np.array([[1, 1, 2], [1, 0, 0]])
    one, two = math.log(4), math.log(4) - math.log(3)
    parts = sequence_loss(logits, labels, np.array([3, 1]))
    np.testing.assert_allclose(parts.total, (2 * one + two) / 3 + one)
    np.testing.assert_allclose(parts.normaliser, 2)
    parts = sequence_loss(logits, labels, np.array([3, 1]), reduction="token_mean")
    np.testing.assert_allclose([parts.total, parts.normaliser, parts.value], [3 * one + two, 4, (3 * one + two) / 4])
    parts = sequence_loss(logits, labels, np.array([3, 1]), reduction="sum")
    np.testing.assert_allclose([parts.total, parts.normaliser, parts.value], [3 * one + two, 0, 3 * one + two])


def test_sequence_loss_equals_the_guides_when_its_computation_is_followed():
    """The guide masks by the sign of the label, divides by the lengths and takes the mean over examples."""
    generator = np.random.default_rng(0)
    lengths = np.array([1, 2, 3, 8])
    labels = generator.integers(1, 10, (4, 8))
    for row, length in enumerate(lengths):
        labels[row, length:] = 0
    outputs, weights = generator.normal(size=(4, 8, 128)), generator.normal(size=(128, 10)) / 10
    # The guide's class 0 is padding: it has a logit, which ours has not. A logit of minus infinity takes it out.
    logits = outputs.reshape(-1, 128) @ weights
    logits[:, 0] = -np.inf
    flat = labels.reshape(-1)
    losses = np.log(np.exp(logits).sum(1)) - np.where(flat > 0, logits[np.arange(32), flat], 0)
    masked = (np.sign(flat) * losses).reshape(labels.shape)
    expected = np.mean(masked.sum(1) / lengths)
    np.testing.assert_allclose(sequence_loss(outputs @ weights[:, 1:], labels, lengths).value, expected, rtol=1e-12)


@pytest.mark.parametrize("reduction", _REDUCTIONS)
def test_fifty_more_steps_of_padding_change_nothing_in_float32(reduction):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(6, 9, 5)).astype(np.float32)
    labels, lengths = generator.integers(1, 6, (6, 9)), np.array([9, 1, 0, 4, 9, 2])
    padding = [(0, 0), (0, 50)]
    loss = sequence_loss(logits, labels, lengths, reduction=reduction, label_smoothing=0.1)
    more = sequence_loss(
        np.pad(logits, [*padding, (0, 0)], constant_values=7),
        np.pad(labels, padding, constant_values=3),
        lengths,
        reduction=reduction,
        label_smoothing=0.1,
    )
    # Sums in another order: two units in the last place.
    np.testing.assert_allclose(more, loss, rtol=2.4e-7)


@pytest.mark.parametrize("reduction", _REDUCTIONS)
def test_parts_add_up_to_the_whole_when_a_batch_is_split(reduction):
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(6, 9, 5)), generator.integers(1, 6, (6, 9))
    lengths, weights = np.array([9, 1, 0, 4, 9, 2]), generator.uniform(size=6)
    whole = sequence_loss(logits, labels, lengths, reduction=reduction, sequence_weights=weights)
    pieces = [
        sequence_loss(logits[at], labels[at], lengths[at], reduction=reduction, sequence_weights=weights[at])
        for at in (slice(0, 1), slice(1, 3), slice(3, 6))
    ]
    summed = LossParts(*(sum(part) for part in zip(*pieces, strict=True)))
    np.testing.assert_allclose(summed.value, whole.value, rtol=1e-14)


@pytest.mark.parametrize("reduction", ["sequence_mean", "token_mean"])
def test_a_weight_counts_a_sequence_as_often_as_it_says(reduction):
    generator = np.random.default_rng(0)
    logits, labels, lengths = generator.normal(size=(3, 4, 5)), generator.integers(1, 6, (3, 4)), np.array([4, 2, 3])
    weighted = sequence_loss(logits, labels, lengths, reduction=reduction, sequence_weights=np.array([2.0, 0.0, 1.0]))
    rows = [0, 0, 2]
    repeated = sequence_loss(logits[rows], labels[rows], lengths[rows], reduction=reduction)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-14)


@pytest.mark.parametrize("reduction", _REDUCTIONS)
def test_loss_is_zero_when_there_is_no_real_step(reduction):
    parts = sequence_loss(np.full((2, 3, 4), np.nan), np.zeros((2, 3), int), np.zeros(2, int), reduction=reduction)
    assert parts.value == 0


def test_real_label_zero_is_an_error_and_not_padding():
    with pytest.raises(tf.errors.InvalidArgumentError, match="-1"):
        sequence_loss(np.zeros((1, 2, 3)), np.array([[1, 0]]), np.array([2])).value  # noqa: B018


def test_sequence_loss_works_in_half_precision_in_a_graph():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(2, 3, 4)), generator.integers(1, 5, (2, 3))
    function = tf.function(lambda x: sequence_loss(x, labels, np.array([3, 2])).value)
    loss = function(tf.constant(logits, tf.bfloat16))
    assert loss.dtype == tf.float32
    np.testing.assert_allclose(loss, sequence_loss(logits, labels, np.array([3, 2])).value, rtol=1e-2)


def test_classification_loss_counts_every_sequence():
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(4, 3)), generator.integers(1, 4, 4)
    class_weights = np.array([1.0, 2.0, 0.5])
    expected = np.mean([_step(row, label, class_weights, 0.1) for row, label in zip(logits, labels, strict=True)])
    parts = classification_loss(logits, labels, class_weights=class_weights, label_smoothing=0.1)
    np.testing.assert_allclose([parts.value, parts.normaliser], [expected, 4])


def test_regression_loss_equals_a_loop():
    generator = np.random.default_rng(0)
    predictions, targets = generator.normal(size=(3, 4, 2)), generator.normal(size=(3, 4, 2))
    lengths = np.array([4, 0, 2])
    targets[2, 2:] = predictions[1] = np.nan
    steps = [
        [((predictions[row, step] - targets[row, step]) ** 2).sum() for step in range(length)]
        for row, length in enumerate(lengths)
    ]
    for reduction in _REDUCTIONS:
        loss = regression_loss(predictions, targets, lengths, reduction=reduction).value
        np.testing.assert_allclose(loss, _reduce(steps, [1] * 3, reduction), rtol=1e-12)


def test_reduction_that_is_unknown_is_named():
    with pytest.raises(ValueError, match="'sequence_mean', 'token_mean' or 'sum', but is 'mean'"):
        reduce_sequences(tf.zeros(1), tf.ones(1, tf.int32), "mean")


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=f"but is {smoothing}"):
        compute_step_losses(np.zeros((1, 1, 2)), np.ones((1, 1), int), np.ones(1, int), label_smoothing=smoothing)


@pytest.mark.parametrize(("logits", "labels"), [((2, 3), (2, 3)), ((2, 3, 4), (2, 4)), ((2, 3, 4), (2,))])
def test_labels_that_are_not_one_per_step_are_refused(logits, labels):
    with pytest.raises(ValueError, match=r"logits must be \[B, T, C\] and labels \[B, T\], but are \(2, 3"):
        sequence_loss(np.zeros(logits), np.ones(labels, int), np.array([3, 1]))


def test_targets_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"must have the same shape, \[B, T, D\], but are \(2, 3, 1\) and \(2, 3\)"):
        regression_loss(np.zeros((2, 3, 1)), np.zeros((2, 3)), np.array([3, 1]))
