"""Defines the head of labels that are numbers, and its metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    cast_to_full_precision,
    regression_loss,
)
from tfx_sequence.components.sequence_trainer.metrics.numbers import MeanAbsoluteError, RootMeanSquaredError
from tfx_sequence.components.sequence_trainer.model.heads.base import (
    NO_CONTEXT,
    Encoded,
    Head,
    HeadContext,
    HeadMetrics,
    LabelStatistics,
)
from tfx_sequence.components.sequence_trainer.model.heads.number_statistics import NumberStatistics
from tfx_sequence.components.sequence_trainer.model.pooling import HeadPooling
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import LENGTHS

MAX_ROUNDING = 0.01
"""The maximum rounding of an answer, as a share of the standard deviation of the label.

1 % of the deviation adds 0.01 % to the variance of the errors of the best model that answers with the mean.
"""


class RegressionHead(Head):
    """Predicts one or several numbers per step or per record, and minimises the squared error.

    The network predicts standardised numbers, so that training works equally well for any unit of the label::

        label    = mean + scale * standardised number

    The mean and the scale, which is the standard deviation, are those of the train split. Each of several numbers has
    its own. They are weights that are not trained, 0 and 1 at first. Answers and metrics have the unit of the label.
    The loss has no unit. Answers are float32, so integers that float32 cannot tell apart are refused.

    Args:
      label: The label.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records.

    Raises:
      TaskError: if the label is one of several values.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        if label.classes:
            raise TaskError(
                f"the label {label.name!r} has {len(label.classes)} values, but this head predicts numbers: use a head "
                "that chooses a value, such as `softmax`"
            )
        width = label.width or 1
        self._pooling = HeadPooling(label.per_step, config.pooling)
        self._dense = keras.layers.Dense(width, name="numbers")
        self._mean = self._add_statistic("mean", "zeros", width)
        self._scale = self._add_statistic("scale", "ones", width)

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes the standardised numbers, `[B, T, W]` or `[B, W]`. W is 1 for a single number."""
        return self._dense(self._pooling(encoded))

    def compute_raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the squared error of the standardised numbers, summed over the W numbers of each step or record."""
        predictions, targets, lengths = self.convert_to_steps(outputs, batch)
        weights = self.compute_loss_weights(batch)
        return regression_loss(predictions, targets, lengths, reduction=reduction, sequence_weights=weights)

    def convert_to_steps(self, outputs: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Converts outputs and labels to standardised predictions and targets, `[B, T, W]`, and lengths `[B]`.

        If there is one label per record, T is 1.
        """
        predictions = cast_to_full_precision(outputs)
        # In float64, because a large label may differ from the mean by less than float32 can tell.
        labels = tf.reshape(tf.cast(batch[self.label.name], tf.float64), tf.shape(outputs))
        targets = tf.cast((labels - self.mean) / self.scale, predictions.dtype)
        if self.label.per_step:
            return predictions, targets, batch[LENGTHS]
        return predictions[:, None], targets[:, None], tf.ones_like(batch[LENGTHS])

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the predicted numbers of a label L.

        Returns:
          `L`, float32, `[B, T]` or `[B]`. A label of several numbers has one more axis, `[B, T, W]` or `[B, W]`.
        """
        numbers = tf.cast(self.mean + self.scale * tf.cast(outputs, tf.float64), tf.float32)
        if self.label.per_step:
            numbers = zero_padding(numbers, make_step_mask(lengths, tf.shape(numbers)[1]))
        return {self.label.name: numbers[..., 0] if self.label.width is None else numbers}

    @property
    def mean(self) -> tf.Tensor:
        """The mean of each number of the label in the train split, float64 `[W]`; 0 before training."""
        return tf.convert_to_tensor(self._mean)

    @property
    def scale(self) -> tf.Tensor:
        """The standard deviation of each number of the label in the train split, float64 `[W]`; 1 before training."""
        return tf.convert_to_tensor(self._scale)

    def make_statistics(self) -> LabelStatistics:
        """Returns statistics that set the mean and the scale of the label."""
        return StandardizationStatistics(self)

    def standardize(self, mean: npt.NDArray[np.float64], scale: npt.NDArray[np.float64]) -> None:
        """Sets the mean and the scale of the label, each `[W]`.

        If the head has others, as after a warm start, its weights change so that its answers stay the same (van Hasselt
        et al. 2016, "Learning values across many orders of magnitude"). New weights do not change: they are as random
        for one unit as for another.
        """
        old_mean, old_scale = self.mean.numpy(), self.scale.numpy()
        was_set = bool(old_mean.any() or (old_scale != 1).any())
        if was_set:
            kernel = tf.convert_to_tensor(self._dense.kernel).numpy()
            bias = tf.convert_to_tensor(self._dense.bias).numpy()
            self._dense.kernel.assign(kernel * (old_scale / scale))
            self._dense.bias.assign((old_mean + old_scale * bias - mean) / scale)
        self._mean.assign(mean)
        self._scale.assign(scale)

    def list_value_axes(self) -> list[WeightAxes]:
        """Returns an empty list, because no weight is indexed by the values of a vocabulary."""
        return []

    def make_metrics(self) -> HeadMetrics:
        """Returns the mean absolute error and the root mean squared error, in the unit of the label.

        The model with the lowest root mean squared error is best.
        """
        return NumberMetrics(self)

    def _add_statistic(self, name: str, initializer: str, width: int) -> keras.Variable:
        """Adds a weight, float64 `[W]`, that is not trained. Half precision in the network does not change its type."""
        return self.add_weight(
            shape=(width,), initializer=initializer, dtype="float64", trainable=False, autocast=False, name=name
        )


class StandardizationStatistics:
    """Computes the mean and the scale of a label over all real steps, or over all records.

    Records or steps count by their weight in the loss. Numbers that are missing (NaN) do not count.

    Args:
      head: The head of the label.
    """

    def __init__(self, head: RegressionHead) -> None:
        self._head = head
        self._statistics = NumberStatistics(head.label.width or 1)
        self._is_integer = False  # A label of floats is float32 itself, so its answers are not coarser.

    def update(self, batch: Batch) -> None:
        """Adds a batch of the train split."""
        label = self._head.label
        numbers = batch[label.name].numpy()
        self._is_integer = np.issubdtype(numbers.dtype, np.integer)
        num_axes = 2 if label.per_step else 1
        weights = np.ones(numbers.shape[:num_axes])
        label_weights = self._head.get_label_weights(batch)
        if label_weights is not None:
            label_weights = label_weights.numpy()
            # `[B]` becomes `[B, 1]` if there is a number per step.
            weights *= label_weights.reshape(label_weights.shape + (1,) * (weights.ndim - label_weights.ndim))
        if label.per_step:
            weights = np.where(make_step_mask(batch[LENGTHS], numbers.shape[1]).numpy(), weights, 0.0)
        self._statistics.add(numbers.reshape(weights.size, -1), weights.ravel())

    def finish(self) -> None:
        """Sets the mean and the scale in the head.

        Raises:
          TaskError: if the labels are integers that are so large that their answers, float32, would be other numbers.
        """
        if self._is_integer:
            _check_rounding(self._head.label.name, self._statistics.mean, self._statistics.scale)
        self._head.standardize(self._statistics.mean, self._statistics.scale)


class NumberMetrics(HeadMetrics):
    """Measures the errors of the predicted numbers, in the unit of the label.

    Args:
      head: The head that predicts the numbers.
    """

    more_is_better = False

    def __init__(self, head: RegressionHead) -> None:
        super().__init__(head, {"mae": MeanAbsoluteError(), "rmse": RootMeanSquaredError()}, watched="rmse")
        self._head = head

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it."""
        predictions, targets, lengths = self._head.convert_to_steps(outputs, batch)
        weights = self.get_weights(batch)
        # The mean is not added, because an error does not depend on it, and a large mean would cost precision.
        scale = tf.cast(self._head.scale, predictions.dtype)
        for metric in self.metrics.values():
            metric.update_state(scale * targets, scale * predictions, lengths, weights)

    def compute_score(self, values: Mapping[str, float]) -> float:
        """Returns minus the root mean squared error, divided by the standard deviation of the label in the train split.

        A model that always answers with the mean has a score near -1, and a perfect one has 0. The square is the share
        of the variance that is not explained, 1 - R^2.
        """
        deviation = math.sqrt(np.mean(self._head.scale.numpy() ** 2))
        return -values[self.watched] / deviation


def _check_rounding(label: str, means: npt.NDArray[np.float64], scales: npt.NDArray[np.float64]) -> None:
    """Checks that float32 tells the numbers of a label apart near their mean.

    Raises:
      TaskError: if rounding changes a number by more than `MAX_ROUNDING` of the standard deviation.
    """
    for mean, scale in zip(means, scales, strict=True):
        # A number is rounded to the nearest float32, so by at most half of their distance.
        rounding = float(np.spacing(np.float32(abs(mean)))) / 2
        if rounding > MAX_ROUNDING * scale:
            raise TaskError(
                f"the label {label!r} has the mean {mean:.6g} and the standard deviation {scale:.6g}, but answers are "
                f"float32 and would be rounded by up to {rounding:g}; subtract a fixed number from the label, such as "
                "the earliest time, or use a larger unit"
            )
