"""Checks the sampled softmax against loops, against an enumeration of all draws, and by training with it."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import DRAWING, batches, new_trainer

from tfx_sequence.components.sequence_trainer.losses.sampled import compute_sampling_chances, sampled_sequence_loss
from tfx_sequence.components.sequence_trainer.losses.sequence import sequence_loss

SEED = (3, 4)
Arrays = dict[str, Any]


@pytest.fixture
def vocabulary() -> Arrays:
    generator = np.random.default_rng(0)
    return {
        "hidden": generator.normal(size=(4, 6, 8)),
        "labels": generator.integers(1, 51, (4, 6)),
        "lengths": np.array([6, 1, 0, 3]),
        "embeddings": tf.Variable(generator.normal(size=(50, 8)) / 4),
        "biases": tf.Variable(generator.normal(size=50)),
    }


def _loss(vocabulary: Arrays, **options: Any) -> tf.Tensor:
    options = {"num_sampled": 20, "seed": SEED, "reduction": "token_mean", **options}
    return sampled_sequence_loss(**vocabulary, **options).value


@pytest.mark.parametrize(("num_classes", "num_sampled"), [(2, 1), (50, 20), (50, 49), (30_000, 1), (30_000, 500)])
def test_chances_are_those_of_many_log_uniform_tries_and_add_up(num_classes: int, num_sampled: int) -> None:
    chances = compute_sampling_chances(num_classes, num_sampled).astype(np.float64)
    assert chances.sum() == pytest.approx(num_sampled, rel=1e-5)
    # The chance of no hit in n tries is (1 - share) ** n: its logarithm is in proportion to the share.
    unsure = chances < 0.99
    shares = np.log((np.arange(num_classes) + 2) / (np.arange(num_classes) + 1))
    paces = -np.log1p(-chances[unsure]) / shares[unsure]
    np.testing.assert_allclose(paces, paces[-1], rtol=1e-3)


def test_loss_equals_a_loop_over_the_drawn_classes(vocabulary: Arrays) -> None:
    chances = compute_sampling_chances(50, 20)
    drawn = np.flatnonzero(tf.random.stateless_uniform([50], SEED).numpy() < chances)
    assert 10 < len(drawn) < 30
    table, biases = vocabulary["embeddings"].numpy(), vocabulary["biases"].numpy()
    losses = []
    for row, length in enumerate(vocabulary["lengths"]):
        for step in range(length):
            label = vocabulary["labels"][row, step] - 1
            scores = {
                c: vocabulary["hidden"][row, step] @ table[c] + biases[c] - math.log(chances[c])
                for c in {label, *drawn.tolist()}
            }
            losses.append(np.logaddexp.reduce(list(scores.values())) - scores[label])
    np.testing.assert_allclose(_loss(vocabulary), np.mean(losses), rtol=1e-6)


@pytest.mark.parametrize("reduction", ["sequence_mean", "token_mean", "sum"])
def test_loss_is_that_of_the_softmax_when_all_classes_are_drawn(vocabulary: Arrays, reduction: Any) -> None:
    weights = np.array([1.0, 2.0, 3.0, 0.5])
    logits = vocabulary["hidden"] @ vocabulary["embeddings"].numpy().T + vocabulary["biases"].numpy()
    labels, lengths = vocabulary["labels"], vocabulary["lengths"]
    whole = sequence_loss(logits, labels, lengths, reduction=reduction, sequence_weights=weights).value
    loss = _loss(vocabulary, num_sampled=50, reduction=reduction, sequence_weights=weights)
    np.testing.assert_allclose(loss, whole, rtol=1e-10)


@pytest.mark.parametrize("num_always", [0, 1])
def test_loss_is_least_on_average_for_the_true_probabilities(monkeypatch: pytest.MonkeyPatch, num_always: int) -> None:
    # All labels, weighted by the softmax of the logits, over all draws, weighted by their chance: the slope is 0, as
    # that of the whole softmax is.
    logits = np.array([1.0, -0.5, 0.3, -2.0])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    chances = np.append(compute_sampling_chances(4 - num_always, 2), np.ones(num_always)).astype(np.float64)
    given = tf.constant(np.tile(logits, [4, 1, 1]))
    slope = np.zeros(4)
    for draw in itertools.product([False, True], repeat=4):
        uniform = tf.constant([0.0 if each else 1.0 for each in draw])
        monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_, uniform=uniform: uniform)
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = sampled_sequence_loss(
                given, [[1], [2], [3], [4]], [1] * 4, embeddings=np.eye(4), biases=np.zeros(4), num_sampled=2,
                seed=SEED, num_always=num_always, reduction="sum", sequence_weights=probabilities,
            ).value  # fmt: skip
        slope += np.prod(np.where(draw, chances, 1 - chances)) * tape.gradient(loss, given).numpy().sum((0, 1))
    np.testing.assert_allclose(slope, 0, atol=1e-7)


def test_a_frequent_last_class_is_learnt_as_by_the_whole_softmax() -> None:
    # Zipf's law, and behind it unseen values with 8 % of all labels, which their rank makes the rarest class.
    classes, steps, batch = 1000, 600, 256
    zipf = 1 / np.arange(1, classes)
    probabilities = np.append(0.92 * zipf / zipf.sum(), 0.08)
    labels = np.random.default_rng(0).choice(classes, size=[steps, 1, batch], p=probabilities) + 1
    hidden, no_table = tf.zeros([1, batch, 1]), tf.zeros([classes, 1])
    biases = tf.Variable(tf.zeros([classes]))
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build([biases])

    @tf.function
    def update(batch_labels: tf.Tensor, seed: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = sampled_sequence_loss(
                hidden,
                batch_labels,
                [batch],
                embeddings=no_table,
                biases=biases,
                num_sampled=20,
                seed=seed,
                num_always=1,
            ).value
        optimizer.apply([tf.convert_to_tensor(tape.gradient(loss, biases))], [biases])

    learnt = []
    for number in range(steps):
        update(tf.constant(labels[number]), tf.constant([0, number]))
        learnt.append(float(tf.nn.softmax(biases)[-1]))
    # The mean over the last updates, which removes the noise of single batches. The cross entropy of a softmax with
    # free biases is least at the frequencies of the labels.
    assert np.mean(learnt[-150:]) == pytest.approx(np.mean(labels == classes), rel=0.1)


def test_equal_seeds_draw_equal_classes(vocabulary: Arrays) -> None:
    loss = tf.function(lambda seed: _loss(vocabulary, seed=seed))
    assert float(loss(tf.constant(SEED))) == pytest.approx(float(_loss(vocabulary)), rel=1e-12)
    assert float(loss(tf.constant([3, 5]))) != pytest.approx(float(_loss(vocabulary)), rel=1e-3)


def test_loss_ignores_padding(vocabulary: Arrays) -> None:
    loss = _loss(vocabulary)
    for row, length in enumerate(vocabulary["lengths"]):
        vocabulary["hidden"][row, length:], vocabulary["labels"][row, length:] = np.nan, -3
    hidden = tf.constant(vocabulary["hidden"])
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        again = _loss({**vocabulary, "hidden": hidden})
    np.testing.assert_allclose(again, loss, rtol=1e-12)
    by_hidden, by_table = tape.gradient(again, [hidden, vocabulary["embeddings"]])
    for row, length in enumerate(vocabulary["lengths"]):
        assert by_hidden[row, :length].numpy().any() == (length > 0)
        assert not by_hidden[row, length:].numpy().any()
    assert isinstance(by_table, tf.IndexedSlices), "only rows that were drawn or are labels are touched"


def test_loss_refuses_a_real_label_of_zero(vocabulary: Arrays) -> None:
    vocabulary["labels"][0, 0] = 0
    with pytest.raises(tf.errors.InvalidArgumentError, match="= -1 is not in"):
        _loss(vocabulary)


@pytest.mark.parametrize("num_sampled", [0, 51])
def test_loss_refuses_to_draw_more_classes_than_there_are(vocabulary: Arrays, num_sampled: int) -> None:
    with pytest.raises(ValueError, match=rf"`num_sampled` must be in 1..50, .* but is {num_sampled}\."):
        _loss(vocabulary, num_sampled=num_sampled)


def test_training_by_drawn_values_lowers_the_loss_over_all(tmp_path: Path) -> None:
    _, trainer = new_trainer(str(tmp_path), network=DRAWING, epochs=6)
    outcome = trainer.fit(batches(), batches(seed=None))
    # Of the tags one in four is right by chance, and four fifths are told by the token.
    assert outcome.metrics["tags_accuracy"] > 0.6
    losses = [figures["eval_loss"] for figures in trainer.history]
    assert losses[-1] < losses[0] - 0.1
