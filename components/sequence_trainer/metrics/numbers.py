"""Metrics of predicted numbers that leave padding out and add up exactly over batches, as those of labels do."""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import full_precision
from tfx_sequence.components.sequence_trainer.metrics.labels import StepMean


class MeanAbsoluteError(StepMean):
    """The mean of the absolute error; where a step has several numbers, over all of them."""

    more_is_better = False
    default_name = "mean_absolute_error"

    def update_state(self, targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds a batch: numbers `[B, T, W]` twice, and lengths `[B]`."""
        self.add_steps(tf.reduce_mean(tf.abs(_errors(targets, predictions, lengths)), -1), lengths)


class RootMeanSquaredError(StepMean):
    """The root of the mean squared error; where a step has several numbers, over all of them."""

    more_is_better = False
    default_name = "root_mean_squared_error"

    def update_state(self, targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds a batch: numbers `[B, T, W]` twice, and lengths `[B]`."""
        self.add_steps(tf.reduce_mean(_errors(targets, predictions, lengths) ** 2, -1), lengths)

    def result(self) -> tf.Tensor:
        """Returns the root so far, a float64 scalar."""
        return tf.sqrt(super().result())


def _errors(targets: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Computes the error of each number, `[B, T, W]`; 0 at padded steps."""
    predictions = full_precision(predictions)
    mask = step_mask(lengths, tf.shape(predictions)[1])
    return zero_padding(predictions - tf.cast(targets, predictions.dtype), mask)
