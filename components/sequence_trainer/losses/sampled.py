"""The sampled softmax loss, which trains a model with many classes on a random sample of the classes per batch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    cast_to_full_precision,
    reduce_steps,
)

Floats = npt.NDArray[np.floating[Any]]

_LOG_PACE_BOUNDS = (-8.0, 64.0)
"""The range in which the logarithm of the pace is searched. For any number of classes, all chances are nearly 0 at the
lower bound, and nearly 1 at the upper bound."""

_NUM_BISECTIONS = 60
"""Halving the range of 72 this many times leaves 6e-17, which is finer than the precision of float32."""


def sampled_sequence_loss(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    embeddings: tf.Tensor,
    biases: tf.Tensor,
    num_sampled: int,
    seed: tf.Tensor | Sequence[int],
    num_always: int = 0,
    reduction: Reduction = "sequence_mean",
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes an approximation of `sequence_loss` for training with many classes.

    The loss compares the label with a random sample of the classes, not with all classes::

        sample     = each class c with probability q[c], independently; one sample for all steps of the batch
                     q[c] is 1 for the last `num_always` classes
        score[c]   = hidden . embeddings[c] + biases[c] - log q[c]
        loss       = log(sum of exp(score) over the label and the sample) - score[label]

    Subtracting log q corrects for how often each class is sampled. Averaged over samples, this loss has its minimum at
    the same probabilities as `sequence_loss`. Its value is different, so use `sequence_loss` for evaluation. With
    `num_sampled` = C both losses are equal.

    The gradient of a class is noisy if the class is sampled much more rarely than it is a label. The classes must be in
    the order of falling frequency. The class of unseen values, which is the last one but can be the most frequent one,
    must be sampled always.

    Source: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation".

    Args:
      hidden: The outputs of the last hidden layer, `[B, T, D]`. Half precision is computed in float32.
      labels: Ids 1 to C, integers `[B, T]`.
      lengths: The number of real steps of each sequence, integers `[B]`. A length cannot be more than T.
      embeddings: One row per class, `[C, D]`. Of an input's embedding table, pass all rows but row 0, which is padding.
      biases: `[C]`.
      num_sampled: The average number of classes that are sampled, 1 to C - `num_always`.
      seed: The seed of the sample, two integers `[2]`. Equal seeds result in equal samples.
      num_always: The number of last classes that are sampled always, beside `num_sampled` others.
      reduction: How the losses of the steps are combined into one number.
      sequence_weights: The weight of each sequence, `[B]`, or of each step, `[B, T]`.

    Raises:
      ValueError: if `num_sampled` is not in 1..C - `num_always`.
      tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
    """
    mask = make_step_mask(lengths, tf.shape(hidden)[1])
    hidden = zero_padding(cast_to_full_precision(hidden), mask)
    embeddings = cast_to_full_precision(embeddings)
    biases = cast_to_full_precision(biases)
    ranked_chances = compute_sampling_chances(int(embeddings.shape[0]) - num_always, num_sampled)
    chances = np.append(ranked_chances, np.ones(num_always, np.float32))
    sample = tf.where(tf.random.stateless_uniform([len(chances)], seed) < chances)[:, 0]
    offsets = biases - tf.constant(np.log(chances), biases.dtype)

    label_classes = convert_to_classes(labels, mask)
    # The offsets are gathered first, because this raises an error for a label that is not in 1..C.
    label_offsets = tf.gather(offsets, label_classes)
    label_scores = label_offsets + tf.reduce_sum(hidden * tf.gather(embeddings, label_classes), -1)
    sample_scores = tf.einsum("btd,nd->btn", hidden, tf.gather(embeddings, sample)) + tf.gather(offsets, sample)
    # If the label is in the sample too, it must not count twice.
    sample_scores = tf.where(sample == label_classes[..., None], sample_scores.dtype.min, sample_scores)
    all_scores = tf.concat([label_scores[..., None], sample_scores], -1)
    losses = zero_padding(tf.reduce_logsumexp(all_scores, -1) - label_scores, mask)
    return reduce_steps(losses, lengths, reduction, sequence_weights)


@functools.lru_cache(maxsize=8)
def compute_sampling_chances(num_classes: int, num_sampled: int) -> Floats:
    """Computes the probability that each class is sampled, float32 `[C]`. Their sum is `num_sampled`.

    ::

        share[c]  = log((c + 2) / (c + 1))
        chance[c] = 1 - exp(-pace * share[c])

    The pace is searched by bisection, so that the sum is right. A chance is the probability that class c is drawn at
    least once in many draws, each of which draws c in proportion to its share. Vocabularies are sorted from frequent to
    rare terms, and by Zipf's law the shares fall about as fast as the frequencies.

    Raises:
      ValueError: if `num_sampled` is not in 1..C.
    """
    if not 1 <= num_sampled <= num_classes:
        raise ValueError(
            f"`num_sampled` must be in 1..{num_classes}, the number of classes that are not always sampled, but is "
            f"{num_sampled}."
        )
    if num_sampled == num_classes:
        return np.ones(num_classes, np.float32)
    shares = np.log1p(1 / np.arange(1, num_classes + 1))
    low, high = _LOG_PACE_BOUNDS
    for _ in range(_NUM_BISECTIONS):
        middle = (low + high) / 2
        if _compute_chances(shares, middle).sum() >= num_sampled:
            high = middle
        else:
            low = middle
    return _compute_chances(shares, high).astype(np.float32)


def _compute_chances(shares: Floats, log_pace: float) -> Floats:
    """Computes `1 - exp(-pace * share)` for each share, without losing precision where the result is small."""
    return -np.expm1(-np.exp(log_pace) * shares)
