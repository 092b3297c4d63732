"""Runs the epochs of a training whose parts are all made: updates, evaluations, and the choice of the best epoch."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.describe import describe_batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.model_metrics import ModelMetrics
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.optimizer import compute_learning_rate
from tfx_sequence.components.sequence_trainer.training.state import EpochSums, Outcome, TrainingState
from tfx_sequence.components.sequence_trainer.training.step import TrainingStep
from tfx_sequence.components.sequence_trainer.training.training_report import TrainingReport
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.contract import LENGTHS


@dataclass(frozen=True, kw_only=True)
class TrainingLoop:
    """The parts of a training, and the loop over its epochs.

    Attributes:
      model: The model, built.
      config: The settings.
      train: The batches to train on.
      evaluation: The batches that decide which epoch is best.
      sequence: The name of a feature of steps, whose padded shape tells how many steps a batch has.
      optimizer: The optimizer, whose learning rate is set before each update.
      averages: Averages of the weights, which are evaluated in their place.
      step: Makes the updates.
      metrics: Evaluates the model.
      monitor: Scores an epoch.
      total_steps: The number of updates in all, if it is known.
      checkpoint: Where a bad batch is written to, if training is saved.
      saver: Saves training now and then.
      report: Reports how training goes.
      state: How far training is; it changes as training goes on.
    """

    model: Any
    config: TrainingConfig
    train: SequenceBatches
    evaluation: SequenceBatches
    sequence: str
    optimizer: Any
    averages: WeightAverages
    step: TrainingStep
    metrics: ModelMetrics
    monitor: Monitor
    total_steps: int | None
    checkpoint: Checkpoint | None
    saver: PeriodicCheckpoint
    report: TrainingReport
    state: TrainingState

    def run(self) -> Outcome:
        """Trains until the epochs, steps or minutes are over, or patience is.

        Returns:
          The best epoch, whose weights are `state.best_weights`.

        Raises:
          TaskError: if the loss or its gradient is not finite.
        """
        while (best := self.state.best) is None or not self._is_over(best):
            self._train_epoch()
            self._end_epoch()
        return best

    def _is_over(self, best: Outcome) -> bool:
        if self.state.sums.batches:
            return False  # Training was killed within an epoch, which must be evaluated.
        epochs_since_best = self.state.epoch - 1 - best.epoch
        is_patience_over = epochs_since_best >= self.config.patience
        return is_patience_over or self.state.epoch > self.config.epochs or self._is_limit_reached()

    def _is_limit_reached(self) -> bool:
        steps, minutes = self.config.max_steps, self.config.max_minutes
        if steps is not None and self.state.step >= steps:
            return True
        return minutes is not None and self.state.seconds >= 60 * minutes

    def _train_epoch(self) -> None:
        """Trains on the batches of the epoch that are left, until a limit is reached."""
        state = self.state
        size = self.train.size(state.epoch)
        batches = self.train.epoch(state.epoch, start=state.sums.batches)
        start = time.monotonic()
        for group in _group(batches, self.step.batches_per_update):
            if self._is_limit_reached():
                break
            self._update(group)
            now = time.monotonic()
            state.sums.seconds += now - start
            state.seconds += now - start
            start = now
            self.report.report_batch(state, size)
            self.saver.save_if_due(state)

    def _update(self, group: list[Batch]) -> None:
        """Makes one update, and adds its batches to the sums of the epoch."""
        self.optimizer.learning_rate = self._compute_learning_rate()
        loss, is_finite = self.step(group)
        if not is_finite:
            raise TaskError(self._explain_not_finite(loss, len(group)))
        sums = self.state.sums
        self.state.step += 1
        sums.batches += len(group)
        sums.updates += 1
        sums.loss += loss
        for batch in group:
            sums.tokens += int(batch[LENGTHS].numpy().sum())
            sums.computed += int(np.prod(batch[self.sequence].shape[:2]))

    def _compute_learning_rate(self) -> float:
        return compute_learning_rate(self.config, self.state.step, self.total_steps, self.state.worse_epochs)

    def _explain_not_finite(self, loss: float, batches: int) -> str:
        """Writes the records of the last batches to a file, if training is saved. Returns the error's message."""
        epoch, first = self.state.epoch, self.state.sums.batches
        message = (
            f"the loss or its gradient is not finite (the loss is {loss}) in epoch {epoch}, batch {first}: either the "
            "inputs hold values that are not finite, or the steps are too large; try a smaller learning_rate (it is "
            f"{self.config.learning_rate}) or clip_norm (it is {self.config.clip_norm})"
        )
        if self.checkpoint is None:
            return message
        records = []
        for index in range(first, first + batches):
            records += describe_batch(self.train, epoch, index)
        path = self.checkpoint.write_bad_batch({"epoch": epoch, "batch": first, "loss": str(loss), "records": records})
        return f"{message}. The batch's records are listed in {path}"

    def _end_epoch(self) -> None:
        """Evaluates the model, remembers it if it is the best one, and goes on to the next epoch."""
        state, start = self.state, time.monotonic()
        with self.averages.swap_in():
            metrics = self.metrics.compute(self.evaluation.epoch())
            weights = self.model.get_weights()
        outcome = Outcome(state.epoch, metrics, self.monitor.score(metrics))
        if state.best is None or outcome.is_better_than(state.best):
            state.best, state.best_weights = outcome, weights
        else:
            state.worse_epochs += 1
        rate = self._compute_learning_rate()
        figures = self.report.report_epoch(state, state.best, metrics, rate, self.model.trainable_variables)
        state.history.append(figures)
        state.epoch += 1
        state.sums = EpochSums()
        state.seconds += time.monotonic() - start
        self.saver.save_if_due(state)


def _group(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yields lists of `size` batches; the last one may be shorter."""
    iterator = iter(batches)
    while group := list(itertools.islice(iterator, size)):
        yield group
