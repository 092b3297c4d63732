"""Classification and regression losses over padded batches, where padded steps do not count.

A loss is returned in two parts, a sum (`total`) and its divisor (`normaliser`). Gradient accumulation and replicas add
up the parts of all batches, and divide once at the end. A mean of batch means would give the steps of short batches too
much weight. An example with `-` for padding::

    lengths [3, 1]      step losses [[6, 3, 0, -], [4, -, -, -]]
    sequence_mean       total (6 + 3 + 0) / 3 + 4 / 1 = 7, normaliser 2 sequences, value 3.5
    token_mean          total 6 + 3 + 0 + 4 = 13, normaliser 4 steps, value 3.25
    sum                 total 13, normaliser 0 (no division), value 13

Labels are ids from 1. Class c of the logits is the label with id c + 1, and padding has no class. Only `lengths`
determines which steps are real. Labels and logits at padded steps may have any value, including NaN, and get no
gradient. A sequence of length 0 has loss 0, and counts neither as a sequence nor as a step.

A sequence with weight w counts as if it occurred w times in the batch, so its weight scales both total and normaliser.
The weight of a step scales what the step adds to the total and to the normaliser. If all steps of a sequence have the
weight w, the result is the same as that of a sequence with weight w.
A class weight scales the loss of each step with that label, but not the normaliser. So class weights also have an
effect on sequences in which all steps have the same label.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask, zero_padding

Reduction = Literal["sequence_mean", "token_mean", "sum"]
"""How the losses of the steps are combined into one number. `sequence_mean` is the mean over each sequence's steps,
then over the sequences. `token_mean` is the mean over all steps. `sum` is the sum over all steps."""


class LossParts(NamedTuple):
    """A loss before its division, so that the parts of several batches or replicas can be added up.

    Attributes:
      total: The sum of the losses, a scalar.
      normaliser: The divisor of the sum, a scalar; 0 if the loss is the sum itself.
    """

    total: tf.Tensor
    normaliser: tf.Tensor

    @property
    def value(self) -> tf.Tensor:
        """The loss, a scalar; 0 for a batch without real steps. To compute gradients, read it inside the tape."""
        return self.total / tf.where(self.normaliser > 0, self.normaliser, tf.ones_like(self.normaliser))

    def divide_by(self, divisor: tf.Tensor) -> tf.Tensor:
        """Divides the total by another number than the normaliser.

        The updates of an epoch must all divide by the same number. Otherwise the records of a batch with few records
        count more than those of a batch with many.

        Args:
          divisor: The divisor, a scalar; the normaliser is used if it is 0.
        """
        return LossParts(self.total, tf.where(divisor > 0, divisor, self.normaliser)).value


def reduce_sequences(
    totals: tf.Tensor, counts: tf.Tensor, reduction: Reduction, sequence_weights: tf.Tensor | None = None
) -> LossParts:
    """Combines the losses of the sequences into the loss of the batch.

    Args:
      totals: The sum of the losses of each sequence's steps, floats `[B]`; 0 where the count is 0.
      counts: The number of real steps of each sequence, integers `[B]`.
      reduction: How the losses are combined into one number.
      sequence_weights: The weight of each sequence, floats `[B]`; 1 if None.

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


def reduce_steps(
    losses: tf.Tensor, lengths: tf.Tensor, reduction: Reduction, weights: tf.Tensor | None = None
) -> LossParts:
    """Combines the losses of the steps into the loss of the batch.

    Args:
      losses: The loss of each step, floats `[B, T]`; 0 at padded steps.
      lengths: The number of real steps of each sequence, integers `[B]`.
      reduction: How the losses are combined into one number.
      weights: The weight of each sequence, `[B]`, or of each step, `[B, T]`; 1 if None.

    Raises:
      ValueError: if the reduction is unknown.
    """
    if weights is None or len(weights.shape) == 1:
        return reduce_sequences(tf.reduce_sum(losses, 1), lengths, reduction, weights)
    weights = zero_padding(tf.cast(weights, losses.dtype), make_step_mask(lengths, tf.shape(losses)[1]))
    parts = reduce_sequences(tf.reduce_sum(weights * losses, 1), lengths, reduction)
    if reduction == "sum":
        return parts
    # The normaliser is the total that the batch would have if the loss of each step were 1.
    return LossParts(parts.total, reduce_sequences(tf.reduce_sum(weights, 1), lengths, reduction).total)


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
    """Computes the softmax cross entropy of sequences with one label per step.

    Args:
      logits: `[B, T, C]`. Half precision is computed in float32.
      labels: Ids 1 to C, integers `[B, T]`.
      lengths: The number of real steps of each sequence, integers `[B]`. A length cannot be more than T.
      reduction: How the losses of the steps are combined into one number.
      class_weights: The factor for the loss of the steps with each label, `[C]`.
      label_smoothing: The share of the target probability that is spread evenly over all C classes (Szegedy et al.
        2016, "Rethinking the Inception Architecture for Computer Vision").
      sequence_weights: The weight of each sequence, `[B]`, or of each step, `[B, T]`.

    Raises:
      ValueError: if `label_smoothing` is not in [0, 1), or the labels are not one per step of the logits.
      TypeError: if the labels are not integers.
      tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU; on GPU its loss is NaN).
    """
    losses = compute_step_losses(logits, labels, lengths, class_weights=class_weights, label_smoothing=label_smoothing)
    return reduce_steps(losses, lengths, reduction, sequence_weights)


def sequence_loss_by_example(
    logits: tf.Tensor,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the mean cross entropy over the steps of each sequence, `[B]`; 0 for a sequence of length 0.

    Arguments and errors are those of `sequence_loss`.
    """
    losses = compute_step_losses(logits, labels, lengths, class_weights=class_weights, label_smoothing=label_smoothing)
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
    """Computes the softmax cross entropy of sequences with one label per sequence: logits `[B, C]`, label ids `[B]`.

    Every sequence counts, including sequences of length 0, because each has a label. The other arguments and the errors
    are those of `sequence_loss`.
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


def compute_step_losses(
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
    logits = cast_to_full_precision(logits)
    labels = tf.convert_to_tensor(labels)
    if logits.shape.rank != 3 or not labels.shape.is_compatible_with(logits.shape[:2]):
        raise ValueError(f"logits must be [B, T, C] and labels [B, T], but are {logits.shape} and {labels.shape}")
    mask = make_step_mask(lengths, tf.shape(logits)[1])
    logits = zero_padding(logits, mask)
    label_class = convert_to_classes(labels, mask)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label_class, logits=logits)
    if label_smoothing:
        # The mean of the cross entropies that each of the C classes would have as the label.
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
    """Computes the squared error of numbers per step, `[B, T, D]`. The loss of a step is the sum over its D numbers.

    The other arguments are those of `sequence_loss`.

    Raises:
      ValueError: if the targets have another shape than the predictions.
    """
    predictions = cast_to_full_precision(predictions)
    targets = tf.cast(targets, predictions.dtype)
    check_equal_shapes(predictions, targets)
    mask = make_step_mask(lengths, tf.shape(predictions)[1])
    errors = zero_padding(predictions, mask) - zero_padding(targets, mask)
    return reduce_steps(tf.reduce_sum(errors**2, 2), lengths, reduction, sequence_weights)


def check_equal_shapes(predictions: tf.Tensor, targets: tf.Tensor) -> None:
    """Raises a ValueError if targets differ in shape from predictions. TensorFlow would repeat them, without an error.

    Sizes that are not known before the graph runs count as equal.
    """
    if not predictions.shape.is_compatible_with(targets.shape):
        raise ValueError(
            f"predictions and targets must have the same shape, [B, T, D], but are {predictions.shape} and "
            f"{targets.shape}"
        )


def cast_to_full_precision(values: tf.Tensor) -> tf.Tensor:
    """Casts values of half precision to float32, because sums of exponentials need the precision."""
    values = tf.convert_to_tensor(values)
    return tf.cast(values, tf.float32) if values.dtype.size < tf.float32.size else values
