"""Sampled softmax: training over many classes by the few of them that are drawn for a batch."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    full_precision,
    reduce_sequences,
)

Floats = npt.NDArray[Any]

_LOG_PACE_BOUNDS = (-8.0, 64.0)
"""Between these the chances go from next to 0 to 1 for any number of classes."""

_BISECTIONS = 60
"""After so many halves of an interval of 72 what is left, 6e-17, is finer than a float32."""


def sampled_sequence_loss(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    embeddings: tf.Tensor,
    biases: tf.Tensor,
    *,
    num_sampled: int,
    seed: Any,
    reduction: Reduction = "sequence_mean",
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes a stand-in for `sequence_loss`, for training with many classes: of the wrong ones a few are drawn.

    ::

        drawn      = classes, each by itself with its chance q, the same for all steps of the batch
        score[c]   = hidden . embeddings[c] + biases[c] - log q[c]
        loss       = log sum over the label and what is drawn (exp score) - score[label]

    Taking off log q, the label's too, makes up for how often each class is drawn: on average over the draws this loss
    is least for the same probabilities as `sequence_loss`. Its value is another, so evaluate with `sequence_loss`.
    With `num_sampled` = C the two are equal.

    Source: Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural Machine Translation".

    Args:
      hidden: The outputs that the logits would be made of, `[B, T, D]`; half precision is computed in float32.
      labels: Ids 1 to C, integers `[B, T]`.
      lengths: Real steps of each sequence, integers `[B]`, at most T.
      embeddings: A row for each class, `[C, D]`. Of the table of an input's embedding: all but row 0, which is padding.
      biases: `[C]`.
      num_sampled: How many classes are drawn on average, 1 to C.
      seed: Seed of the draw, two integers `[2]`: equal seeds draw equal classes.
      reduction: How step losses become one number.
      sequence_weights: The weight of each sequence, `[B]`.

    Raises:
      ValueError: if `num_sampled` is not in 1..C.
      tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
    """
    mask = step_mask(lengths, tf.shape(hidden)[1])
    hidden = zero_padding(full_precision(hidden), mask)
    embeddings, biases = full_precision(embeddings), full_precision(biases)
    chances = draw_chances(int(embeddings.shape[0]), num_sampled)
    drawn = tf.where(tf.random.stateless_uniform([len(chances)], seed) < chances)[:, 0]
    offsets = biases - tf.constant(np.log(chances), biases.dtype)

    label_class = classes(labels, mask)
    # The offset goes first: it refuses a label that is no class.
    right = tf.gather(offsets, label_class) + tf.reduce_sum(hidden * tf.gather(embeddings, label_class), -1)
    wrong = tf.einsum("btd,nd->btn", hidden, tf.gather(embeddings, drawn)) + tf.gather(offsets, drawn)
    # A label that was drawn as well must not count twice.
    wrong = tf.where(drawn == label_class[..., None], wrong.dtype.min, wrong)
    losses = tf.reduce_logsumexp(tf.concat([right[..., None], wrong], -1), -1) - right
    return reduce_sequences(tf.reduce_sum(zero_padding(losses, mask), 1), lengths, reduction, sequence_weights)


@functools.lru_cache(maxsize=8)
def draw_chances(num_classes: int, num_sampled: int) -> Floats:
    """Computes the chance of each class to be drawn, float32 `[C]`; together they are `num_sampled`.

    ::

        chance[c] = 1 - exp(-pace * log((c + 2) / (c + 1)))        for the pace that makes the sum right

    This is the chance of at least one hit in many tries, each of which hits class c in proportion to
    log((c + 2) / (c + 1)). Vocabularies are sorted by falling frequency, which falls about so (Zipf's law).

    Raises:
      ValueError: if `num_sampled` is not in 1..C.
    """
    if not 1 <= num_sampled <= num_classes:
        raise ValueError(f"`num_sampled` must be in 1..{num_classes}, the number of classes, but is {num_sampled}.")
    if num_sampled == num_classes:
        return np.ones(num_classes, np.float32)
    shares = np.log1p(1 / np.arange(1, num_classes + 1))
    low, high = _LOG_PACE_BOUNDS
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _compute_chances(shares, middle).sum() >= num_sampled:
            high = middle
        else:
            low = middle
    return _compute_chances(shares, high).astype(np.float32)


def _compute_chances(shares: Floats, log_pace: float) -> Floats:
    """Computes `1 - exp(-pace * share)`, exact also where it is small."""
    return -np.expm1(-np.exp(log_pace) * shares)
