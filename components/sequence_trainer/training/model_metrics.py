"""Defines ModelMetrics, which computes the loss and the metrics of a model over a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.losses.sequence import Reduction
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, make_inference_function
from tfx_sequence.components.sequence_trainer.training.batch_parts import BatchSpec


class ModelMetrics:
    """Computes the masked loss and metrics of a model over all real steps of its batches, without dropout.

    Metrics of labels of whole records are computed over all records.

    Args:
      model: A built model with `heads`, like SequenceModel.
      head_metrics: The metrics of each head, by label.
      loss: The reduction of the losses of steps to one number.
      spec: The shapes and dtypes of the batches.
      window: The number of steps of the windows in which the model, a SequenceModel, reads a batch. If None, it reads
        the batch as a whole.
    """

    def __init__(
        self,
        model: LabelModel,
        head_metrics: Mapping[str, HeadMetrics],
        loss: Reduction,
        spec: BatchSpec,
        window: int | None = None,
    ) -> None:
        self._model = model
        self._run_model = make_inference_function(model, window)
        self._head_metrics = head_metrics
        self._loss = loss
        self._add_batch = tf.function(self._add_to_metrics, input_signature=[spec])

    def compute(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Returns the values by name: `loss`, and the metrics of each head."""
        for metrics in self._head_metrics.values():
            metrics.reset()
        sums = np.zeros([len(self._head_metrics), 2])
        for batch in batches:
            sums += self._add_batch(batch).numpy()
        totals, normalisers = sums.T
        # If a normaliser is 0, the total is not divided.
        loss = np.sum(totals / np.where(normalisers > 0, normalisers, 1))
        values = {"loss": float(loss)}
        for metrics in self._head_metrics.values():
            values |= metrics.result()
        return values

    def _add_to_metrics(self, batch: Batch) -> tf.Tensor:
        """Adds a batch to the metrics. Returns float64 `[heads, 2]`, a total and a normaliser of the loss per head."""
        outputs = self._run_model(batch)
        for name, metrics in self._head_metrics.items():
            metrics.update(outputs[name], batch)
        losses = [head.compute_loss(outputs[name], batch, self._loss) for name, head in self._model.heads.items()]
        return tf.cast(losses, tf.float64)
