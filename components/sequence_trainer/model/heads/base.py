"""Defines the base classes of heads and of their metrics.

A head is the layer that predicts one label. It also computes the loss, the answers and the metrics of the label, so a
training loop needs nothing else::

    outputs = model(batch, training=True)       # maps each label to its outputs
    for name, head in model.heads.items():
        loss_parts = head.compute_loss(outputs[name], batch, reduction, training=True)

    head = model.heads["tags"]
    metrics = head.make_metrics()
    for batch in evaluation:
        metrics.update(model(batch, training=False)["tags"], batch)
    values = metrics.result()                   # {"tags_accuracy": 0.97, "tags_span_f1": 0.93, ...}
    metrics.watched                             # "tags_span_f1": the default metric for early stopping
    metrics.more_is_better                      # True
    metrics.compute_score(values)               # 0.93: higher is better, and there is no unit

Some heads need statistics of the labels before training. `Head.make_statistics` says how they get them.
"""

from __future__ import annotations

import abc
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.losses.sequence import LossParts, Reduction
from tfx_sequence.components.sequence_trainer.model.value_axes import HEAD_LAYER, WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import LENGTHS, WINDOW_SHARE

Outputs: TypeAlias = Any
"""The outputs of a head: a tensor such as logits, or a nest of tensors such as a NamedTuple.

The first axes of each tensor are `[B, T]`, or `[B]` if there is one label per record.
"""


class Encoded(NamedTuple):
    """The outputs of the recurrent layers for a batch, which every head reads.

    Attributes:
      steps: The outputs of the last layer, `[B, T, U]`, 0 at padded steps.
      final: The final outputs of the last layer, of both directions if there are two, `[B, S]`.
      lengths: The number of real steps of each sequence, int64 `[B]`.
    """

    steps: tf.Tensor
    final: tf.Tensor
    lengths: tf.Tensor


@dataclass(frozen=True)
class HeadContext:
    """The parts of a model that its heads may use.

    Attributes:
      weight: The key of a batch that holds the weight of each record, `[B]`, or of each step, `[B, T]`; None if there
        are no weights.
      embeddings: Maps the name of each input of ids to its embedding layer.
      seeds: The source of seeds for random numbers in training. If None, Keras' global seed is used.
    """

    weight: str | None = None
    embeddings: Mapping[str, keras.layers.Embedding] = field(default_factory=dict)
    seeds: random.Random | None = None

    def draw_seed(self) -> int | None:
        """Returns the next seed, or None if Keras' global seed is used."""
        return None if self.seeds is None else self.seeds.getrandbits(31)  # Keras accepts at most 31 bits.


NO_CONTEXT = HeadContext()
"""The context of a head that is used without a model: no weights, no embeddings and Keras' global seed."""


class HeadMetrics(abc.ABC):
    """Accumulates the metrics of one head over batches.

    Metrics count real steps if the label has one value per step, and records otherwise. If there are weights, means are
    weighted.

    Args:
      head: The head.
      metrics: Maps names, without the label's name, to metrics.
      watched: The name of the value that decides which model is best, without the label's name.

    Raises:
      ValueError: if there are no metrics.

    Attributes:
      head: The head.
      label: The label that the head predicts.
      metrics: Maps names, without the label's name, to metrics.
      watched: The name in `result` of the value that decides which model is best.
      more_is_better: Whether a higher value of `watched` is better.
    """

    more_is_better = True

    def __init__(self, head: Head, metrics: dict[str, keras.metrics.Metric], watched: str) -> None:
        if not metrics:
            raise ValueError(f"the metrics of the label {head.label.name!r} must contain at least one, but are empty")
        self.head = head
        self.label = head.label
        self.metrics = metrics
        self.watched = f"{head.label.name}_{watched}"

    @abc.abstractmethod
    def update(self, outputs: Outputs, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it. This works inside a `tf.function`."""

    def result(self) -> dict[str, float]:
        """Returns the values of the metrics for all batches so far.

        The keys are `<label>_<metric>`, or `<label>_<metric>_<key>` if a metric has several values.
        """
        all_values: dict[str, float] = {}
        for values in self._compute_values_by_metric().values():
            all_values |= values
        return all_values

    def list_directions(self) -> dict[str, bool]:
        """Maps each name in `result` to whether a higher value is better.

        Values of a metric without an attribute `more_is_better` are left out, except for the watched value.
        """
        directions: dict[str, bool] = {}
        for name, values in self._compute_values_by_metric().items():
            more_is_better = getattr(self.metrics[name], "more_is_better", None)
            if more_is_better is not None:
                directions |= dict.fromkeys(values, more_is_better)
        return directions | {self.watched: self.more_is_better}

    def _compute_values_by_metric(self) -> dict[str, dict[str, float]]:
        """Computes the values of each metric in `metrics`, under their names in `result`."""
        values_by_metric: dict[str, dict[str, float]] = {}
        for name, metric in self.metrics.items():
            result = metric.result()
            full_name = f"{self.label.name}_{name}"
            if isinstance(result, dict):
                values_by_metric[name] = {f"{full_name}_{key}": float(value) for key, value in result.items()}
            else:
                values_by_metric[name] = {full_name: float(result)}
        return values_by_metric

    def compute_score(self, values: Mapping[str, float]) -> float:
        """Computes the watched value as a number without a unit, which is higher for a better model.

        If a task has several labels, the sum of their scores decides which epoch is best. A value with a unit, such as
        an error in metres, would outweigh the other labels, or count for nothing. Then a head overrides this method.

        Args:
          values: The values by name, as `result` returns them. There may be others.
        """
        watched = values[self.watched]
        return watched if self.more_is_better else -watched

    def reset(self) -> None:
        """Resets all metrics to their state before the first batch."""
        for metric in self.metrics.values():
            metric.reset_state()

    def get_lengths(self, batch: Batch) -> tf.Tensor | None:
        """Returns the argument `lengths` of the metrics, int64 `[B]`; None if there is one label per record."""
        return batch[LENGTHS] if self.label.per_step else None

    def get_weights(self, batch: Batch) -> tf.Tensor | None:
        """Returns the argument `weights` of the metrics, `[B]` or `[B, T]`; None if there are no weights."""
        return self.head.get_label_weights(batch)


class LabelStatistics(Protocol):
    """Accumulates what a head must know about the labels of the train split before training."""

    def update(self, batch: Batch) -> None:
        """Adds a batch of the train split. It runs eagerly."""

    def finish(self) -> None:
        """Sets what follows from all batches in the head."""


class Head(keras.layers.Layer, abc.ABC):
    """Predicts one label. The weights are created by the first call.

    All heads have the same constructor arguments. The constructor of a user-defined head must accept them too. It can
    read settings of its own from `config.options`.

    Args:
      label: The label.
      config: The settings of the head.
      context: The parts of the model that the head may use.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(name=f"{HEAD_LAYER}{label.name}")
        self.label = label
        self.config = config
        self._weight = context.weight

    @abc.abstractmethod
    def call(self, encoded: Encoded, training: bool = False) -> Outputs:
        """Computes the outputs for the label, such as logits.

        They can be any nest of tensors, as `compute_loss`, `predict` and the metrics of the head need them.

        Args:
          encoded: The outputs of the recurrent layers.
          training: Whether the outputs are for `compute_training_loss`. They may then differ from the outputs for
            `predict`.

        Returns:
          `[B, T, ...]`, or `[B, ...]` if there is one label per record.
        """

    @abc.abstractmethod
    def compute_raw_loss(self, outputs: Outputs, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the loss without the weight of the label."""

    def compute_training_loss(self, outputs: Outputs, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the loss that training minimises, without the weight of the label.

        This is `compute_raw_loss`, unless a head replaces it by a loss that is faster to compute.
        """
        return self.compute_raw_loss(outputs, batch, reduction)

    @abc.abstractmethod
    def predict(self, outputs: Outputs, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Turns outputs into answers, which are the values that a served model returns.

        Args:
          outputs: The outputs of this layer when it is called with `training=False`.
          lengths: The number of real steps of each sequence, integers `[B]`.

        Returns:
          A mapping of served names to tensors `[B, T]`, with "" or 0 at padded steps. The tensors are `[B]` if there is
          one label per record.
        """

    @abc.abstractmethod
    def make_metrics(self) -> HeadMetrics:
        """Makes metrics that contain no batch yet. Their variables are not weights of this layer."""

    def make_statistics(self) -> LabelStatistics | None:
        """Makes statistics that contain no batch yet, if this head needs statistics of its labels before training.

        The trainer adds each batch of the train split once, and then calls `finish`. Whatever that changes in the head
        must be in its weights, so that checkpoints and exported models have it. By default, a head needs no statistics.
        """
        return None

    def list_value_axes(self) -> list[WeightAxes]:
        """Returns the weights with an axis that is indexed by the values of the label.

        For each axis the result contains the name of the label, or None if the values do not index the axis. By
        default, every axis whose size is the number of values counts as indexed by the values. A head overrides this
        method if that is wrong.
        """
        num_values = len(self.label.classes)
        value_axes = []
        for weight in self.weights:
            axes = tuple(self.label.name if size == num_values else None for size in weight.shape)
            value_axes.append((weight, axes))
        return value_axes

    def compute_cross_entropy(self, outputs: Outputs, batch: Batch) -> tf.Tensor | None:
        """Computes the negative log probability of all labels of each record, without weights or smoothing.

        Returns:
          Floats `[B]`, in nats. None if the head does not compute probabilities, such as a head of numbers.
        """
        return None

    def compute_loss(self, outputs: Outputs, batch: Batch, reduction: Reduction, training: bool = False) -> LossParts:
        """Computes the loss of the label, multiplied by the weight of the label.

        Args:
          outputs: The outputs of this layer for the batch, when it is called with the same value of `training`.
          batch: A batch that contains the label, `[B, T]` or `[B]`, as ids from 1 or as numbers.
          reduction: How step losses are reduced to one number.
          training: Whether to compute `compute_training_loss` rather than `compute_raw_loss`.
        """
        compute = self.compute_training_loss if training else self.compute_raw_loss
        parts = compute(outputs, batch, reduction)
        return LossParts(self.config.weight * parts.total, parts.normaliser)

    def compute_weighted_cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor | None:
        """Computes `cross_entropy`, multiplied by the weights of the labels, `[B]`.

        If steps have weights, the cross entropy of a record is multiplied by their mean, unless a head can multiply the
        cross entropy of each step.
        """
        nats = self.compute_cross_entropy(outputs, batch)
        weights = self.get_label_weights(batch)
        if nats is None or weights is None:
            return nats
        return nats * tf.cast(_average_weights(weights, batch), nats.dtype)

    def get_label_weights(self, batch: Batch) -> tf.Tensor | None:
        """Returns the weights of the labels in means, such as an accuracy.

        A weight per step does not concern a label of the whole record.

        Returns:
          The weight of each record, `[B]`, or of each step, `[B, T]`. None if all labels have the same weight.

        Raises:
          tf.errors.InvalidArgumentError: when the op runs, if a weight is negative.
        """
        if self._weight is None:
            return None
        weights = _refuse_negative(self._weight, batch[self._weight])
        return weights if weights.shape.rank == 1 or self.label.per_step else None

    def compute_loss_weights(self, batch: Batch) -> tf.Tensor | None:
        """Computes the weights of the labels in the loss, in the form of `get_label_weights`."""
        weights = self.get_label_weights(batch)
        # In a window of a longer batch, each record counts by the share of its steps that are in the window.
        share = batch.get(WINDOW_SHARE)
        if share is None:
            return weights
        if weights is None:
            return share
        share_of_weight = share if weights.shape.rank == 1 else share[:, None]
        return tf.cast(weights, share.dtype) * share_of_weight

    def compute_record_weights(self, batch: Batch) -> tf.Tensor | None:
        """Computes the weight of each record in the loss, for heads whose loss is not a sum over steps.

        Returns:
          `[B]`. If steps have weights, the mean weight of the steps of each record. None if all records have the same
          weight.
        """
        weights = self.compute_loss_weights(batch)
        return None if weights is None else _average_weights(weights, batch)


def _refuse_negative(name: str, weights: tf.Tensor) -> tf.Tensor:
    """Returns the weights, and adds an operation that fails if one of them is negative.

    With a negative weight, training would make the loss of a record as large as possible. NaN is not refused here,
    because a loss that is NaN stops the training, or its batch is passed over.
    """
    is_negative = weights < 0
    # The message has backticks, because graph mode escapes quotes. In eager mode, Assert returns None.
    check = tf.debugging.Assert(
        tf.logical_not(tf.reduce_any(is_negative)),
        [f"The weight `{name}` must be at least 0, but has ", tf.boolean_mask(weights, is_negative)[:1]],
    )
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(weights)


def _average_weights(weights: tf.Tensor, batch: Batch) -> tf.Tensor:
    """Returns the mean weight of the steps of each record, `[B]`. Weights of records, `[B]`, are returned unchanged."""
    if weights.shape.rank == 1:
        return weights
    lengths = batch[LENGTHS]
    mask = make_step_mask(lengths, tf.shape(weights)[1])
    sums = tf.reduce_sum(zero_padding(tf.cast(weights, tf.float32), mask), 1)
    return tf.math.divide_no_nan(sums, tf.cast(lengths, tf.float32))
