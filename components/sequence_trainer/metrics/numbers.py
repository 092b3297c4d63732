"""Keras metrics for predicted numbers, such as the mean absolute error.

As with the metrics for labels, padding is ignored, and results do not depend on how the data is batched.
"""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import cast_to_full_precision, check_equal_shapes
from tfx_sequence.components.sequence_trainer.metrics.labels import StepMean


class MeanAbsoluteError(StepMean):
    """The mean of the absolute error, over all numbers of all steps."""

    more_is_better = False
    default_name = "mean_absolute_error"

    def update_state(
        self, targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor, weights: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: targets and predictions, numbers `[B, T, W]`, lengths `[B]`, and weights `[B]` or `[B, T]`."""
        errors = _compute_errors(targets, predictions, lengths)
        self.add_steps(tf.reduce_mean(tf.abs(errors), -1), lengths, weights)


class RootMeanSquaredError(StepMean):
    """The square root of the mean squared error, over all numbers of all steps."""

    more_is_better = False
    default_name = "root_mean_squared_error"

    def update_state(
        self, targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor, weights: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: targets and predictions, numbers `[B, T, W]`, lengths `[B]`, and weights `[B]` or `[B, T]`."""
        errors = _compute_errors(targets, predictions, lengths)
        self.add_steps(tf.reduce_mean(errors**2, -1), lengths, weights)

    def result(self) -> tf.Tensor:
        """Returns the root mean squared error so far, a float64 scalar."""
        return tf.sqrt(super().result())


def _compute_errors(targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Computes the error of each number, `[B, T, W]`; 0 at padded steps.

    Raises:
      ValueError: if the targets have another shape than the predictions.
    """
    predictions = cast_to_full_precision(predictions)
    targets = tf.cast(targets, predictions.dtype)
    check_equal_shapes(predictions, targets)
    mask = make_step_mask(lengths, tf.shape(predictions)[1])
    return zero_padding(predictions - targets, mask)
