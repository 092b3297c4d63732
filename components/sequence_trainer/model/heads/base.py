"""The head of a label: the layer that predicts it, with its loss, its answers and its metrics.

A training loop knows no more of a label than this::

    outputs = model(batch, training=True)                                       # label to outputs
    parts = {name: head.loss(outputs[name], batch, reduction, training=True) for name, head in model.heads.items()}

    metrics = {name: head.new_metrics() for name, head in model.heads.items()}
    for batch in evaluation:
        outputs = model(batch, training=False)
        for name, metric in metrics.items():
            metric.update(outputs[name], batch)
    metrics["tags"].result()                    # {"tags_accuracy": 0.97, "tags_span_f1": 0.93, ...}
    metrics["tags"].watched                     # "tags_span_f1": what early stopping goes by unless told otherwise
    metrics["tags"].more_is_better              # True
"""

from __future__ import annotations

import abc
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.losses.sequence import LossParts, Reduction
from tfx_sequence.components.sequence_trainer.model.value_axes import HEAD_LAYER, WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import LENGTHS, WINDOW_SHARE


class Encoded(NamedTuple):
    """What the recurrent layers make of a batch, and every head reads.

    Attributes:
      steps: The last layer's outputs, `[B, T, U]`, 0 at padded steps.
      final: Its last outputs in each direction, `[B, S]`.
      lengths: Real steps of each sequence, int64 `[B]`.
    """

    steps: tf.Tensor
    final: tf.Tensor
    lengths: tf.Tensor


@dataclass(frozen=True)
class Surroundings:
    """What a head may use of the model around it.

    Attributes:
      record_weight: The key of a batch under which the weight of each record is, if records have one.
      embeddings: Input to its table of embeddings, for inputs of ids.
      seeds: Source of the seeds for what a head draws in training; Keras' global seed if None.
    """

    record_weight: str | None = None
    embeddings: Mapping[str, keras.layers.Embedding] = field(default_factory=dict)
    seeds: random.Random | None = None

    def draw_seed(self) -> int | None:
        """Returns the next seed; None if Keras' global seed is to decide."""
        return None if self.seeds is None else self.seeds.getrandbits(31)  # Keras takes no more bits.


ALONE = Surroundings()
"""Nothing around: the surroundings of a head that is no part of a model."""


class HeadMetrics(abc.ABC):
    """The metrics of one head, streaming: of real steps, or of records.

    Args:
      label: The label that the head predicts.
      metrics: Name to metric, without the label's name.
      watched: The name, in `result` and without the label's name, of the metric that tells the best model.

    Attributes:
      metrics: Name to metric, without the label's name.
      watched: The name, in `result`, of the one that tells the best model.
      more_is_better: Whether the best model has the highest value of it.
    """

    more_is_better = True

    def __init__(self, label: Label, metrics: dict[str, keras.metrics.Metric], watched: str) -> None:
        self.label = label
        self.metrics = metrics
        self.watched = f"{label.name}_{watched}"

    @abc.abstractmethod
    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the head's outputs for it. Works in `tf.function`."""

    def result(self) -> dict[str, float]:
        """Returns the values so far, by `<label>_<metric>`, or `<label>_<metric>_<key>` for a metric of several."""
        return {name: value for figures in self._figures().values() for name, value in figures.items()}

    def directions(self) -> dict[str, bool]:
        """Returns for each name in `result` whether more is better, if its metric's class or this one says so."""
        directions: dict[str, bool] = {}
        for name, figures in self._figures().items():
            more_is_better = getattr(self.metrics[name], "more_is_better", None)
            if more_is_better is not None:
                directions |= dict.fromkeys(figures, more_is_better)
        return directions | {self.watched: self.more_is_better}

    def _figures(self) -> dict[str, dict[str, float]]:
        """Returns for each metric its values so far, under their names in `result`."""
        figures: dict[str, dict[str, float]] = {}
        for name, metric in self.metrics.items():
            value = metric.result()
            full_name = f"{self.label.name}_{name}"
            if isinstance(value, dict):
                figures[name] = {f"{full_name}_{key}": float(part) for key, part in value.items()}
            else:
                figures[name] = {full_name: float(value)}
        return figures

    def reset(self) -> None:
        """Forgets all batches."""
        for metric in self.metrics.values():
            metric.reset_state()

    def lengths(self, batch: Batch) -> tf.Tensor | None:
        """Returns what the metrics take as `lengths`: None for one label a record."""
        return batch[LENGTHS] if self.label.per_step else None


class Head(keras.layers.Layer, abc.ABC):
    """Predicts one label. Its weights are made when it is first called.

    All heads are constructed alike; one of your own takes the same arguments, and its settings are in
    `config.options`.

    Args:
      label: The label.
      config: How it is predicted.
      surroundings: What it may use of the model around it.
    """

    def __init__(self, label: Label, config: HeadConfig, surroundings: Surroundings = ALONE) -> None:
        super().__init__(name=f"{HEAD_LAYER}{label.name}")
        self.label = label
        self.config = config
        self._record_weight = surroundings.record_weight

    @abc.abstractmethod
    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes the label's outputs, such as logits: `[B, T, C]`, or `[B, C]` for one label a record.

        Those of training are for `training_loss` alone, and may be something else.
        """

    @abc.abstractmethod
    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the loss before it is weighted."""

    def training_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes what training minimises, before it is weighted: the loss, unless that takes too long."""
        return self.raw_loss(outputs, batch, reduction)

    @abc.abstractmethod
    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Turns outputs into answers, under the names that they are served by.

        Args:
          outputs: The layer's outputs, called with `training=False`.
          lengths: Real steps of each sequence, integers `[B]`.

        Returns:
          Name to `[B, T]`, with "" and 0 at padded steps; to `[B]` for one label a record.
        """

    @abc.abstractmethod
    def new_metrics(self) -> HeadMetrics:
        """Returns metrics that have seen no batch yet. Their variables are no weights of the layer."""

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights that are indexed by the label's values, each with the label's name at those axes.

        Unless a head says it, every axis with as many places as there are values is taken for one.
        """
        size, name = len(self.label.classes), self.label.name
        return [(weight, tuple(name if places == size else None for places in weight.shape)) for weight in self.weights]

    def cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor | None:
        """Computes how unlikely each record's labels are together, in nats, without weights or smoothing: floats `[B]`.

        Returns:
          None if the head gives its label no probability, as that of a number.
        """
        return None

    def loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction, training: bool = False) -> LossParts:
        """Computes the label's loss, times its weight.

        Args:
          outputs: The layer's outputs for the batch, called with the same `training`.
          batch: With the label's ids from 1, or numbers, `[B, T]` or `[B]`.
          reduction: How step losses become one number.
          training: Whether it is the `training_loss`.
        """
        compute = self.training_loss if training else self.raw_loss
        parts = compute(outputs, batch, reduction)
        return LossParts(self.config.weight * parts.total, parts.normaliser)

    def record_weights(self, batch: Batch) -> tf.Tensor | None:
        """Returns how much each record of the batch counts, `[B]`; None if all count alike."""
        share = batch.get(WINDOW_SHARE)
        if self._record_weight is None:
            return share
        weights = batch[self._record_weight]
        return weights if share is None else share * tf.cast(weights, share.dtype)
