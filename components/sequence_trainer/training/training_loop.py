"""Defines TrainingLoop, which trains and evaluates a model epoch by epoch, and keeps the weights of the best epoch."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import keras

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.describe import describe_batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.loss_divisors import LossDivisors
from tfx_sequence.components.sequence_trainer.model.model import LabelModel
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.model_metrics import ModelMetrics
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.optimizer import compute_learning_rate
from tfx_sequence.components.sequence_trainer.training.state import EpochSums, Outcome, TrainingState
from tfx_sequence.components.sequence_trainer.training.step import TrainingStep
from tfx_sequence.components.sequence_trainer.training.training_report import TrainingReport, progress
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.contract import LENGTHS

_MAX_LOGGED_RECORDS = 8
"""The maximum number of records that a log line describes, so that it stays readable."""


@dataclass(frozen=True, kw_only=True)
class TrainingLoop:
    """The loop over the epochs of one training, with all objects that it uses.

    Attributes:
      model: The built model.
      config: The settings of the training.
      train: The batches to train on.
      evaluation: The batches whose metrics decide which epoch is best.
      sequence_feature: The name of a feature with one value per step. Its padded shape determines the number of steps
        of a batch.
      optimizer: The optimizer. Its learning rate is set before each update.
      averages: The moving averages of the weights, which are evaluated in place of the weights.
      step: Updates the weights.
      divisors: Computes the divisors of the loss of an update.
      metrics: Evaluates the model.
      monitor: Computes the score of an epoch.
      total_updates: The number of updates of the whole training; None if it is not known.
      bad_batch_checkpoint: Writes the records of a batch whose loss is not finite. If None, they are not written.
      periodic_checkpoint: Saves the state of the training from time to time.
      report: Logs the progress of the training.
      state: The state of the training, which is updated after each update of the weights and after each epoch.
    """

    model: LabelModel
    config: TrainingConfig
    train: SequenceBatches
    evaluation: SequenceBatches
    sequence_feature: str
    optimizer: keras.optimizers.Optimizer
    averages: WeightAverages
    step: TrainingStep
    divisors: LossDivisors
    metrics: ModelMetrics
    monitor: Monitor
    total_updates: int | None
    bad_batch_checkpoint: Checkpoint | None
    periodic_checkpoint: PeriodicCheckpoint
    report: TrainingReport
    state: TrainingState

    def run(self) -> Outcome:
        """Trains until one of the limits `epochs`, `max_steps`, `max_minutes` and `patience` is reached.

        Returns:
          The best epoch, whose weights are `state.best_weights`.

        Raises:
          TaskError: if the loss or its gradient is not finite more than `skip_bad_batches` times.
        """
        best = self.state.best
        while best is None or not self._is_over(best):
            self._train_epoch()
            best = self._end_epoch()
        return best

    def _is_over(self, best: Outcome) -> bool:
        """Returns whether the training is finished."""
        if self.state.sums.batches:
            return False  # The run was killed within this epoch, which must be finished and evaluated.
        epochs_since_best = self.state.epoch - 1 - best.epoch
        is_patience_over = epochs_since_best >= self.config.patience
        return is_patience_over or self.state.epoch > self.config.epochs or self._is_limit_reached()

    def _is_limit_reached(self) -> bool:
        """Returns whether `max_steps` or `max_minutes` is reached."""
        max_steps, max_minutes = self.config.max_steps, self.config.max_minutes
        if max_steps is not None and self.state.step >= max_steps:
            return True
        return max_minutes is not None and self.state.seconds >= 60 * max_minutes

    def _train_epoch(self) -> None:
        """Trains on the remaining batches of the epoch, until a limit is reached."""
        state = self.state
        num_batches = self.train.count_batches(state.epoch)
        # If a run was killed within this epoch, its first batches are done.
        batches = self.train.make_epoch(state.epoch, start=state.sums.batches)
        start = time.monotonic()
        for group in _group_batches(batches, self.step.batches_per_update):
            if self._is_limit_reached():
                break
            self._update(group, num_batches)
            now = time.monotonic()
            state.sums.seconds += now - start
            state.seconds += now - start
            start = now
            self.report.report_batch(state, num_batches)
            self.periodic_checkpoint.save_if_due(state)

    def _update(self, group: list[Batch], num_batches: int | None) -> None:
        """Updates the weights once, and adds the batches of the update to the sums of the epoch.

        If the loss is not finite, nothing is updated, and the batches only count as done.

        Args:
          group: The batches of the update.
          num_batches: The number of batches of the epoch; None if it is not known.
        """
        self.optimizer.learning_rate = self._compute_learning_rate()
        result = self.step(group, self.divisors.compute(group, num_batches))
        sums = self.state.sums
        if not result.is_finite:
            self._skip_update(result.loss, len(group))
            self.divisors.take_back()
            sums.batches += len(group)
            return
        self.state.step += 1
        sums.batches += len(group)
        sums.updates += 1
        sums.add_losses(result.totals, result.normalisers)
        for batch in group:
            batch_size, padded_length = batch[self.sequence_feature].shape[:2]
            sums.tokens += int(batch[LENGTHS].numpy().sum())
            sums.computed += batch_size * padded_length

    def _compute_learning_rate(self) -> float:
        """Computes the learning rate of the next update."""
        return compute_learning_rate(self.config, self.state.step, self.total_updates, self.state.worse_epochs)

    def _skip_update(self, loss: float, num_batches: int) -> None:
        """Counts the batches of an update whose loss is not finite, and logs which records they have.

        Raises:
          TaskError: if `skip_bad_batches` such updates were passed over before.
        """
        if self.state.skipped_batches >= self.config.skip_bad_batches:
            raise TaskError(self._report_bad_loss(loss, num_batches))
        self.state.skipped_batches += 1
        progress.warning(
            "epoch %d, batch %d is passed over (%d of at most %d): the loss or its gradient is not finite (the loss is "
            "%s); its records are %s",
            self.state.epoch,
            self.state.sums.batches,
            self.state.skipped_batches,
            self.config.skip_bad_batches,
            loss,
            _shorten_records(self._describe_batches(num_batches)),
        )

    def _describe_batches(self, num_batches: int) -> list[dict[str, Any]]:
        """Describes the records of the batches of the current update."""
        first_batch = self.state.sums.batches
        records: list[dict[str, Any]] = []
        for index in range(first_batch, first_batch + num_batches):
            records += describe_batch(self.train, self.state.epoch, index)
        return records

    def _report_bad_loss(self, loss: float, num_batches: int) -> str:
        """Writes a file with the records of the last batches, if there is a checkpoint. Returns the error message."""
        epoch = self.state.epoch
        first_batch = self.state.sums.batches
        message = (
            f"the loss or its gradient is not finite (the loss is {loss}) in epoch {epoch}, batch {first_batch}: "
            "either the inputs hold values that are not finite, or the updates are too large; try a smaller "
            f"learning_rate (it is {self.config.learning_rate}) or clip_norm (it is {self.config.clip_norm})"
        )
        if self.config.skip_bad_batches:
            message += f". {self.state.skipped_batches} such batches were passed over before"
        if self.bad_batch_checkpoint is None:
            return message
        records = self._describe_batches(num_batches)
        contents = {"epoch": epoch, "batch": first_batch, "loss": str(loss), "records": records}
        path = self.bad_batch_checkpoint.write_bad_batch(contents)
        return f"{message}. The batch's records are listed in {path}"

    def _end_epoch(self) -> Outcome:
        """Evaluates the model, keeps its weights if they are the best, and moves the state to the next epoch.

        Returns:
          The best epoch so far.
        """
        state = self.state
        start = time.monotonic()
        with self.averages.swap_in():
            metrics = self.metrics.compute(self.evaluation.make_epoch())
            weights = self.model.get_weights()
        outcome = Outcome(state.epoch, metrics, self.monitor.compute_score(metrics))
        best = state.best
        if best is None or outcome.is_better_than(best):
            best = state.best = outcome
            state.best_weights = weights
        else:
            state.worse_epochs += 1
        learning_rate = self._compute_learning_rate()
        figures = self.report.report_epoch(state, best, metrics, learning_rate, self.model.trainable_variables)
        state.history.append(figures)
        state.epoch += 1
        state.sums = EpochSums()
        state.seconds += time.monotonic() - start
        self.periodic_checkpoint.save_if_due(state)
        return best


def _shorten_records(records: list[dict[str, Any]]) -> str:
    """Returns a few descriptions of records as JSON: of those with numbers that are not finite, or else of all."""
    bad_records = [record for record in records if record["not_finite"]] or records
    text = json.dumps(bad_records[:_MAX_LOGGED_RECORDS])
    num_omitted = len(bad_records) - _MAX_LOGGED_RECORDS
    return f"{text} and {num_omitted} more" if num_omitted > 0 else text


def _group_batches(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yields lists of `size` batches. The last list of an epoch may be shorter."""
    iterator = iter(batches)
    while group := list(itertools.islice(iterator, size)):
        yield group
