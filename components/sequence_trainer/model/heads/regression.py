"""Defines the head of labels that are numbers, and its metrics."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.masking import step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    full_precision,
    regression_loss,
)
from tfx_sequence.components.sequence_trainer.metrics.numbers import MeanAbsoluteError, RootMeanSquaredError
from tfx_sequence.components.sequence_trainer.model.heads.base import (
    NO_CONTEXT,
    Encoded,
    Head,
    HeadContext,
    HeadMetrics,
)
from tfx_sequence.components.sequence_trainer.model.pooling import Pooled
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import LENGTHS


class RegressionHead(Head):
    """Predicts one or several numbers per step or per record, and minimises the squared error.

    Args:
      label: The label.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        self._pooled = Pooled(label.per_step, config.pooling)
        self._dense = keras.layers.Dense(label.width or 1, name="numbers")

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes the numbers, `[B, T, W]` or `[B, W]`. W is 1 for a single number."""
        return self._dense(self._pooled(encoded))

    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the squared error, summed over the W numbers of each step or record."""
        predictions, targets, lengths = self.as_steps(outputs, batch)
        weights = self.loss_weights(batch)
        return regression_loss(predictions, targets, lengths, reduction=reduction, sequence_weights=weights)

    def as_steps(self, outputs: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns predictions and targets, `[B, T, W]`, and lengths `[B]`; T is 1 if there is one label per record."""
        targets = tf.reshape(tf.cast(batch[self.label.name], tf.float32), tf.shape(outputs))
        if self.label.per_step:
            return outputs, targets, batch[LENGTHS]
        return outputs[:, None], targets[:, None], tf.ones_like(batch[LENGTHS])

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the predicted numbers of a label L.

        Returns:
          `L`, float32, `[B, T]` or `[B]`. A label of several numbers has one more axis, `[B, T, W]` or `[B, W]`.
        """
        numbers = full_precision(outputs)
        if self.label.per_step:
            numbers = zero_padding(numbers, step_mask(lengths, tf.shape(numbers)[1]))
        return {self.label.name: numbers[..., 0] if self.label.width is None else numbers}

    def value_axes(self) -> list[WeightAxes]:
        """Returns an empty list, because no weight is indexed by the values of a vocabulary."""
        return []

    def new_metrics(self) -> HeadMetrics:
        """Returns the mean absolute error and the root mean squared error.

        The model with the lowest root mean squared error is best.
        """
        return NumberMetrics(self)


class NumberMetrics(HeadMetrics):
    """Measures the errors of the predicted numbers.

    Args:
      head: The head that predicts the numbers.
    """

    more_is_better = False

    def __init__(self, head: RegressionHead) -> None:
        super().__init__(head, {"mae": MeanAbsoluteError(), "rmse": RootMeanSquaredError()}, watched="rmse")
        self._as_steps = head.as_steps

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it."""
        predictions, targets, lengths = self._as_steps(outputs, batch)
        weights = self.weights(batch)
        for metric in self.metrics.values():
            metric.update_state(targets, predictions, lengths, weights)
