"""The training loop: epochs over bucketed batches, a masked loss, early stopping on the masked accuracy."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batching import SequenceBatches
from tfx_sequence.components.sequence_trainer.losses import LossParts
from tfx_sequence.components.sequence_trainer.model import SequenceModel
from tfx_sequence.components.sequence_trainer.parsing import LENGTHS
from tfx_sequence.components.sequence_trainer.task import SequenceTask, TaskError
from tfx_sequence.components.sequence_trainer.training_config import TrainingConfig

progress = logging.getLogger("tfx_sequence.progress")
"""One record after each epoch, with the epoch's figures in its attribute `progress`."""


@dataclass(frozen=True)
class Outcome:
    """What training came to.

    Attributes:
      epoch: The epoch, from 1, whose weights the model has.
      metrics: On the eval split with those weights: `loss`, and the metrics of each label's head.
    """

    epoch: int
    metrics: dict[str, float]


class Trainer:
    """Trains one model on one task.

    Args:
      model: The model.
      task: What the batches hold.
      config: How to train.
      log_dir: Where TensorBoard's event files and the checkpoints go.
    """

    def __init__(self, model: SequenceModel, task: SequenceTask, config: TrainingConfig, log_dir: str) -> None:
        """Makes the optimizer; nothing is read yet."""
        self._model = model
        self._task = task
        self._config = config
        self._log_dir = log_dir
        self._metrics = {name: head.new_metrics() for name, head in model.heads.items()}
        self._optimizer = keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.clip_norm)

    def fit(self, train: SequenceBatches, evaluation: SequenceBatches) -> Outcome:
        """Trains until the epochs are over or patience is, and leaves the best weights in the model.

        Raises:
          TaskError: if the loss is not finite.
        """
        spec = train.epoch(0).element_spec
        step = tf.function(self._step, input_signature=[spec])
        self._model({name: tf.ones([dim or 1 for dim in each.shape], each.dtype) for name, each in spec.items()})
        self._optimizer.build(self._model.trainable_variables)
        self._measure = tf.function(self._evaluate_batch, input_signature=[spec])
        checkpoint = tf.train.Checkpoint(model=self._model, optimizer=self._optimizer)
        manager = tf.train.CheckpointManager(checkpoint, os.path.join(self._log_dir, "checkpoints"), max_to_keep=1)
        writers = {
            name: tf.summary.create_file_writer(os.path.join(self._log_dir, "tensorboard", name))
            for name in ("train", "eval")
        }
        best: Outcome | None = None
        weights: list[Any] = []
        for epoch in range(1, self._config.epochs + 1):
            loss, tokens_per_second = self._train_epoch(step, train.epoch(epoch))
            metrics = self.evaluate(evaluation.epoch())
            self._report(writers, epoch, loss, metrics, tokens_per_second)
            if best is None or self._score(metrics) > self._score(best.metrics):
                best, weights = Outcome(epoch, metrics), self._model.get_weights()
                manager.save(epoch)
            elif epoch - best.epoch >= self._config.patience:
                break
        assert best is not None  # `epochs` is at least 1.
        self._model.set_weights(weights)
        for writer in writers.values():
            writer.close()
        return best

    def evaluate(self, batches: Iterable[dict[str, tf.Tensor]]) -> dict[str, float]:
        """The masked loss and metrics over all real steps (and records) of the batches, dropout off."""
        for metrics in self._metrics.values():
            metrics.reset()
        parts = np.zeros([len(self._task.heads), 2])
        for batch in batches:
            parts += self._measure(batch).numpy()
        totals, normalisers = parts.T
        figures = {"loss": float(np.sum(totals / np.where(normalisers > 0, normalisers, 1)))}
        for metrics in self._metrics.values():
            figures |= metrics.result()
        return figures

    def _train_epoch(self, step: Any, batches: tf.data.Dataset) -> tuple[float, float]:
        """The mean loss of the epoch's batches, and real steps a second."""
        start = time.monotonic()
        losses, tokens = [], 0
        for batch in batches:
            losses.append(step(batch))
            tokens += int(tf.reduce_sum(batch[LENGTHS]))
        mean = float(tf.reduce_mean(losses))
        if not np.isfinite(mean):
            raise TaskError(
                f"the training loss is {mean}: either the inputs hold values that are not finite, or the steps are too "
                f"large; try a smaller learning_rate (it is {self._config.learning_rate}) or clip_norm (it is "
                f"{self._config.clip_norm})"
            )
        return mean, tokens / (time.monotonic() - start)

    def _step(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            parts = self._losses(self._model(batch, training=True), batch)
            loss = tf.add_n([part.value for part in parts])
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def _evaluate_batch(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Adds the batch to the metrics. Returns the parts of each head's loss, float64 `[heads, 2]`."""
        outputs = self._model(batch, training=False)
        for name, metrics in self._metrics.items():
            metrics.update(outputs[name], batch)
        return tf.cast(self._losses(outputs, batch), tf.float64)

    def _losses(self, outputs: dict[str, tf.Tensor], batch: dict[str, tf.Tensor]) -> list[LossParts]:
        """The loss of each head."""
        return [head.loss(outputs[name], batch, self._config.loss) for name, head in self._model.heads.items()]

    def _score(self, metrics: dict[str, float]) -> float:
        """The sum of the watched metrics, those that are better when low with a minus."""
        watched = self._metrics.values()
        return sum(metrics[each.watched] * (1 if each.more_is_better else -1) for each in watched)

    def _report(
        self, writers: dict[str, Any], epoch: int, loss: float, metrics: dict[str, float], tokens_per_second: float
    ) -> None:
        with writers["train"].as_default(step=epoch):
            tf.summary.scalar("loss", loss)
            tf.summary.scalar("tokens_per_second", tokens_per_second)
        with writers["eval"].as_default(step=epoch):
            for name, value in metrics.items():
                tf.summary.scalar(name, value)
        figures = {
            "epoch": epoch,
            "epochs": self._config.epochs,
            "loss": loss,
            **{f"eval_{name}": value for name, value in metrics.items()},
            "tokens_per_second": tokens_per_second,
        }
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items() if name not in ("epoch", "epochs"))
        progress.info("epoch %d of %d: %s", epoch, self._config.epochs, shown, extra={"progress": figures})
