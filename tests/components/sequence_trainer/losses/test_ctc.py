"""Checks CTC against an enumeration of all step sequences."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.losses.ctc import ctc_decode, ctc_loss

_CLASSES = 2
_LENGTHS = np.array([5, 4, 3, 2, 0])
_LABELS = [[1, 2], [1, 1], [2], [], []]


@pytest.fixture
def logits():
    values = np.random.default_rng(0).normal(size=(5, 6, _CLASSES + 1))
    for row, length in enumerate(_LENGTHS):
        values[row, length:] = np.nan
    return values


def _padded():
    labels = np.full((5, 3), -9)
    for row, sequence in enumerate(_LABELS):
        labels[row, : len(sequence)] = sequence
    # A sequence of no steps counts for nothing, whatever its labels say.
    return labels, np.array([2, 2, 1, 0, 3])


def _negative_log_likelihood(logits, labels):
    shares = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    total = 0.0
    for path in itertools.product(range(_CLASSES + 1), repeat=len(logits)):
        collapsed = [label + 1 for label, _ in itertools.groupby(path) if label != _CLASSES]
        if collapsed == labels:
            total += math.prod(shares[step, label] for step, label in enumerate(path))
    return -math.log(total)


def test_ctc_loss_equals_enumeration(logits):
    losses = [_negative_log_likelihood(logits[row, : _LENGTHS[row]], _LABELS[row]) for row in range(4)]
    sizes = [2, 2, 1, 1]
    parts = ctc_loss(logits, _LENGTHS, *_padded())
    np.testing.assert_allclose(parts.normaliser, 4)
    np.testing.assert_allclose(parts.value, np.mean(np.divide(losses, sizes)), rtol=1e-6)
    parts = ctc_loss(logits, _LENGTHS, *_padded(), reduction="token_mean")
    np.testing.assert_allclose(parts, [sum(losses), sum(sizes)], rtol=1e-6)


def test_ctc_loss_is_that_of_blanks_when_no_sequence_has_labels(logits):
    losses = [_negative_log_likelihood(logits[row, : _LENGTHS[row]], []) for row in range(4)]
    parts = ctc_loss(logits, _LENGTHS, np.zeros((5, 0), int), np.zeros(5, int))
    np.testing.assert_allclose(parts.value, np.mean(losses), rtol=1e-6)


def test_ctc_loss_has_no_gradient_at_padded_steps(logits):
    tensor = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        loss = ctc_loss(tensor, _LENGTHS, *_padded(), reduction="sum").value
    gradient = tape.gradient(loss, tensor).numpy()
    assert np.isfinite(gradient).all()
    assert [np.flatnonzero(row.any(-1)).tolist() for row in gradient] == [list(range(n)) for n in _LENGTHS]


@pytest.mark.parametrize(("label", "message"), [(0, "nonnegative"), (3, r"must be 1 to 2, but there are\D*\b3")])
def test_ctc_loss_refuses_a_label_that_is_not_one(logits, label, message):
    labels, sizes = _padded()
    labels[0, 0] = label
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        ctc_loss(logits, _LENGTHS, labels, sizes)


@pytest.mark.parametrize("function", [ctc_loss, tf.function(ctc_loss)])
def test_ctc_loss_refuses_when_labels_need_more_steps_than_there_are(logits, function):
    labels, sizes = _padded()
    lengths = np.where(np.arange(5) == 1, 2, _LENGTHS)  # For the labels 1 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"the number of steps given:\D*1\D*3\D*2"):
        function(tf.constant(logits), tf.constant(lengths), tf.constant(labels), tf.constant(sizes))


def test_ctc_decode_collapses_runs_and_drops_blanks():
    path = np.array([[2, 0, 0, 2, 0, 1, 1], [1, 1, 0, 2, 2, 2, 2], [2, 2, 0, 0, 0, 0, 0], [0] * 7])
    ids, number = ctc_decode(tf.one_hot(path, _CLASSES + 1), np.array([7, 2, 2, 0]))
    assert ids.numpy().tolist() == [[1, 1, 2], [2, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert number.numpy().tolist() == [3, 1, 0, 0]
