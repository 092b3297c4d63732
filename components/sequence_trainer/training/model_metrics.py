"""Computes the loss and the metrics of a model over a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.losses.sequence import Reduction
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics
from tfx_sequence.components.sequence_trainer.training.batch_parts import BatchSpec


class ModelMetrics:
    """The masked loss and metrics of a model, over all real steps (and records) of the batches, without dropout.

    Args:
      model: A built model with `heads`, as SequenceModel has them.
      head_metrics: The metrics of each head, by label.
      loss: How step losses become one number.
      spec: What the batches look like.
    """

    def __init__(self, model: Any, head_metrics: Mapping[str, HeadMetrics], loss: Reduction, spec: BatchSpec) -> None:
        self._model = model
        self._head_metrics = head_metrics
        self._loss = loss
        self._add_batch = tf.function(self._add_to_metrics, input_signature=[spec])

    def compute(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Returns `loss`, and the metrics of each head under their names."""
        for metrics in self._head_metrics.values():
            metrics.reset()
        sums = np.zeros([len(self._head_metrics), 2])
        for batch in batches:
            sums += self._add_batch(batch).numpy()
        totals, normalisers = sums.T
        # A normaliser of 0 means that the total is divided by nothing.
        figures = {"loss": float(np.sum(totals / np.where(normalisers > 0, normalisers, 1)))}
        for metrics in self._head_metrics.values():
            figures |= metrics.result()
        return figures

    def _add_to_metrics(self, batch: Batch) -> tf.Tensor:
        """Adds a batch to the metrics. Returns the total and normaliser of each head's loss, float64 `[heads, 2]`."""
        outputs = self._model(batch, training=False)
        for name, metrics in self._head_metrics.items():
            metrics.update(outputs[name], batch)
        losses = [head.loss(outputs[name], batch, self._loss) for name, head in self._model.heads.items()]
        return tf.cast(losses, tf.float64)
