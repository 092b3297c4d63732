"""Losses over padded batches, to which only real steps add.

A loss is returned in two parts, a sum and its divisor, so that gradient accumulation and several replicas add the parts
up and divide once. The mean of means would weigh a short batch's steps more than a long one's::

    lengths [3, 1]      step losses [[6, 3, 0, -], [4, -, -, -]]     '-': padding, ignored
    sequence_mean       total (6 + 3 + 0) / 3 + 4 / 1 = 7, normaliser 2 sequences, value 3.5
    token_mean          total 6 + 3 + 0 + 4 = 13, normaliser 4 steps, value 3.25
    sum                 total 13, normaliser 0 (divide by nothing), value 13

Labels are ids from 1, class c of the logits is the label with id c + 1, and padding has no class. `lengths` alone says
which steps are real: labels and logits at padded steps may hold anything, NaN included, and get no gradient. A sequence
of length 0 has loss 0 and counts neither as a sequence nor as a step.

A sequence's weight w counts it as though it stood in the batch w times: it scales total and normaliser. A class
weight scales the loss of the steps with that label and not the normaliser, so that it also acts on sequences whose
steps all have one label.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask, zero_padding

Reduction = Literal["sequence_mean", "token_mean", "sum"]
"""How step losses become one number. `sequence_mean`: mean over each sequence's steps, then over sequences;
`token_mean`: mean over all steps; `sum`."""


class LossParts(NamedTuple):
    """A loss before its division. Totals of several batches or replicas are added up, and so are normalisers.

    Attributes:
      total: The sum, a scalar.
      normaliser: Its divisor, a scalar; 0 if the loss is the sum itself.
    """

    total: tf.Tensor
    normaliser: tf.Tensor

    @property
    def value(self) -> tf.Tensor:
        """The loss, a scalar; 0 for a batch without real steps. Read it inside the gradient tape."""
        return self.total / tf.where(self.normaliser > 0, self.normaliser, tf.ones_like(self.normaliser))


def reduce_sequences(
    totals: tf.Tensor, counts: tf.Tensor, reduction: Reduction, sequence_weights: tf.Tensor | None = None
) -> LossParts:
    """Reduces the summed losses of each sequence to the loss of the batch.

    Args:
      totals: The summed losses of each sequence's steps, floats `[B]`; 0 where the count is 0.
      counts: The number of steps of each sequence, integers `[B]`.
      reduction: How they become one number.
      sequence_weights: Floats `[B]`; 1 if None.

    Raises:
      ValueError: if the reduction is unknown.
    """
    counts = tf.cast(counts, totals.dtype)
    present = tf.cast(counts > 0, totals.dtype)
    weights = present if sequence_weights is None else present * tf.cast(sequence_weights, totals.dtype)
    if reduction == "sequence_mean":
        return LossParts(tf.reduce_sum(weights * tf.math.divide_no_nan(totals, counts)), tf.reduce_sum(weights))
    if reduction == "token_mean":
        return LossParts(tf.reduce_sum(weights * totals), tf.reduce_sum(weights * counts))
    if reduction == "sum":
        return LossParts(tf.reduce_sum(weights * totals), tf.zeros([], totals.dtype))
    raise ValueError(f"reduction must be 'sequence_mean', 'token_mean' or 'sum', but is {reduction!r}")


def sequence_loss(
    logits: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    reduction: Reduction = "sequence_mean",
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes the softmax cross entropy of a label for each step.

    Args:
      logits: `[B, T, C]`; half precision is computed in float32.
      labels: Ids 1 to C, integers `[B, T]`.
      lengths: Real steps of each sequence, integers `[B]`, at most T.
      reduction: How step losses become one number.
      class_weights: What the loss of the steps with each label is multiplied with, `[C]`.
      label_smoothing: The share of the target that is spread evenly over all C classes (Szegedy et al. 2016,
        "Rethinking the Inception Architecture for Computer Vision").
      sequence_weights: The weight of each sequence, `[B]`.

    Raises:
      ValueError: if `label_smoothing` is not in [0, 1).
      tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU; on GPU its loss is NaN).
    """
    losses = step_losses(logits, labels, lengths, class_weights=class_weights, label_smoothing=label_smoothing)
    return reduce_sequences(tf.reduce_sum(losses, 1), lengths, reduction, sequence_weights)


def sequence_loss_by_example(
    logits: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the mean cross entropy of each sequence's steps, `[B]`; 0 for a sequence of length 0.

    Arguments and errors are those of `sequence_loss`.
    """
    losses = step_losses(logits, labels, lengths, class_weights=class_weights, label_smoothing=label_smoothing)
    return tf.math.divide_no_nan(tf.reduce_sum(losses, 1), tf.cast(lengths, losses.dtype))


def classification_loss(
    logits: tf.Tensor,
    labels: tf.Tensor,
    *,
    reduction: Reduction = "sequence_mean",
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes the softmax cross entropy of one label a sequence: logits `[B, C]`, ids `[B]`.

    Every sequence counts, one of length 0 too: it has a label. Arguments and errors are those of `sequence_loss`.
    """
    return sequence_loss(
        logits[:, None],
        labels[:, None],
        tf.ones_like(labels),
        reduction=reduction,
        class_weights=class_weights,
        label_smoothing=label_smoothing,
        sequence_weights=sequence_weights,
    )


def step_losses(
    logits: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the cross entropy of each step, `[B, T]`; 0 at padded steps.

    Arguments and errors are those of `sequence_loss`.
    """
    if not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing must be in [0, 1), but is {label_smoothing}")
    mask = step_mask(lengths, tf.shape(logits)[1])
    logits = zero_padding(full_precision(logits), mask)
    label_class = classes(labels, mask)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_class, logits=logits)
    if label_smoothing:
        # The mean of the cross entropies of all C classes.
        even_losses = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
        losses = (1 - label_smoothing) * losses + label_smoothing * even_losses
    if class_weights is not None:
        losses *= tf.gather(tf.cast(class_weights, losses.dtype), label_class)
    return zero_padding(losses, mask)


def regression_loss(
    predictions: tf.Tensor,
    targets: tf.Tensor,
    lengths: tf.Tensor,
    *,
    reduction: Reduction = "sequence_mean",
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes the squared error of each step, summed over D: predictions and targets `[B, T, D]`.

    Other arguments are those of `sequence_loss`.
    """
    mask = step_mask(lengths, tf.shape(predictions)[1])
    predictions = zero_padding(full_precision(predictions), mask)
    errors = predictions - zero_padding(tf.cast(targets, predictions.dtype), mask)
    return reduce_sequences(tf.reduce_sum(errors**2, [1, 2]), lengths, reduction, sequence_weights)


def full_precision(values: tf.Tensor) -> tf.Tensor:
    """Casts values of half precision to float32: a sum of exponentials needs the digits."""
    values = tf.convert_to_tensor(values)
    return tf.cast(values, tf.float32) if values.dtype.size < tf.float32.size else values
