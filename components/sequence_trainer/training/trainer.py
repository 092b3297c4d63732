"""The training loop: epochs over bucketed batches, a masked loss, early stopping on a masked metric.

Everything that the next update depends on is saved now and then: weights, the optimizer's variables, the states of the
random generators, the batches that are done. A training that is killed and started again goes on from there, and comes
to the same weights as one that was not.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.describe import describe_batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import window_problems
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel, build
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.schedule import learning_rate
from tfx_sequence.components.sequence_trainer.training.state import EpochSums, Outcome, TrainingState
from tfx_sequence.components.sequence_trainer.training.step import TrainingStep
from tfx_sequence.components.sequence_trainer.training.training_report import TrainingReport
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.contract import LENGTHS

_logger = logging.getLogger(__name__)


class Trainer:
    """Trains one model on one task, on the devices of the `tf.distribute` strategy in whose scope it is used.

    Args:
      model: Maps a batch to outputs, and has `heads`, as SequenceModel does.
      task: What the batches hold.
      config: How to train.
      log_dir: Where TensorBoard's event files go.
      saved: Where training is saved, and goes on from; it is not saved if None.

    Raises:
      TaskError: if `config.monitor` is no metric of the model, or the model cannot be trained in windows, as
        `config.window` wants.
    """

    def __init__(
        self, model: Any, task: SequenceTask, config: TrainingConfig, log_dir: str, saved: Checkpoint | None = None
    ) -> None:
        """Nothing is read yet."""
        if config.window is not None:
            _check_windows(model, task)
        self._model = model
        self._task = task
        self._config = config
        self._saved = saved
        self._log_dir = log_dir
        self._metrics = {name: head.new_metrics() for name, head in model.heads.items()}
        self._watch = Monitor(self._metrics.values(), config.monitor)
        self._steps = next(name for name, column in task.columns.items() if not column.context)
        self._standing = TrainingState()
        self._best: list[Any] = []

    def fit(self, train: SequenceBatches, evaluation: SequenceBatches) -> Outcome:
        """Trains until the epochs, steps or minutes are over, or patience is, and leaves the best weights in the model.

        Raises:
          TaskError: if the loss is not finite, or the schedule needs a number of steps that is not known.
        """
        self._build(train)
        self._resume()
        report = TrainingReport(self._config, self._log_dir)
        for figures in self._standing.history:
            report.scalars(figures)
        while not self._over():
            self._train_epoch(train, report)
            self._end_epoch(evaluation, report)
        report.close()
        assert self._standing.best is not None  # There is at least one epoch.
        self._model.set_weights(self._best)
        return self._standing.best

    @property
    def history(self) -> list[dict[str, float]]:
        """The figures of each epoch so far."""
        return self._standing.history

    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The masked loss and metrics over all real steps (and records) of the batches, dropout off."""
        for metrics in self._metrics.values():
            metrics.reset()
        parts = np.zeros([len(self._metrics), 2])
        for batch in batches:
            parts += self._measure(batch).numpy()
        totals, normalisers = parts.T
        figures = {"loss": float(np.sum(totals / np.where(normalisers > 0, normalisers, 1)))}
        for metrics in self._metrics.values():
            figures |= metrics.result()
        return figures

    def _build(self, train: SequenceBatches) -> None:
        """Makes the weights, and everything that follows from them."""
        spec = train.epoch(0).element_spec
        build(self._model, train)
        self._optimizer = make_optimizer(self._config, self._model)
        self._averages = WeightAverages(self._model.trainable_variables, self._config.average)
        self._step = TrainingStep(self._model, self._optimizer, self._averages, self._config, spec)
        self._measure = tf.function(self._evaluate_batch, input_signature=[spec])
        self._total = self._total_steps(train)
        self._last_save = time.monotonic()

    def _total_steps(self, train: SequenceBatches) -> int | None:
        """Updates in all, if they are known before the data is read."""
        limit, batches = self._config.max_steps, train.size()
        if batches is None:
            if limit is None and self._config.schedule in ("linear", "cosine"):
                raise TaskError(
                    f"training.schedule = {self._config.schedule!r} needs training.max_steps: the data is too large to "
                    "be kept in memory, so the number of its batches is not known"
                )
            return limit
        # Epochs differ by a batch or two.
        total = self._config.epochs * -(-batches // self._step.group)
        return total if limit is None else min(total, limit)

    def _over(self) -> bool:
        standing, config = self._standing, self._config
        if standing.sums.batches:
            return False  # It was stopped within an epoch, which must be evaluated.
        waited = standing.best is not None and standing.epoch - 1 - standing.best.epoch >= config.patience
        return waited or standing.epoch > config.epochs or self._limit_reached()

    def _limit_reached(self) -> bool:
        steps, minutes = self._config.max_steps, self._config.max_minutes
        return (steps is not None and self._standing.step >= steps) or (
            minutes is not None and self._standing.seconds >= 60 * minutes
        )

    def _train_epoch(self, train: SequenceBatches, report: TrainingReport) -> None:
        """Trains what is left of the epoch, or until a limit is reached."""
        standing = self._standing
        count = train.size(standing.epoch)
        start = time.monotonic()
        for group in _groups(train.epoch(standing.epoch, start=standing.sums.batches), self._step.group):
            if self._limit_reached():
                break
            self._update(group, train)
            now = time.monotonic()
            standing.sums.seconds += now - start
            standing.seconds += now - start
            start = now
            report.batch(standing, count)
            self._save_in_time()

    def _update(self, group: list[Batch], train: SequenceBatches) -> None:
        standing, sums = self._standing, self._standing.sums
        self._optimizer.learning_rate = self._rate()
        loss, finite = self._step(group)
        if not finite:
            raise TaskError(self._not_finite(loss, len(group), train))
        standing.step += 1
        sums.batches += len(group)
        sums.updates += 1
        sums.loss += loss
        for batch in group:
            sums.tokens += int(batch[LENGTHS].numpy().sum())
            sums.computed += int(np.prod(batch[self._steps].shape[:2]))

    def _rate(self) -> float:
        return learning_rate(self._config, self._standing.step, self._total, self._standing.worse_epochs)

    def _not_finite(self, loss: float, count: int, train: SequenceBatches) -> str:
        """The message for a loss or gradient that is not finite; the records are written to a file."""
        standing = self._standing
        message = (
            f"the loss or its gradient is not finite (the loss is {loss}) in epoch {standing.epoch}, batch "
            f"{standing.sums.batches}: either the inputs hold values that are not finite, or the steps are too large; "
            f"try a smaller learning_rate (it is {self._config.learning_rate}) or clip_norm (it is "
            f"{self._config.clip_norm})"
        )
        if self._saved is None:
            return message
        first = standing.sums.batches
        batches = range(first, first + count)
        records = [record for index in batches for record in describe_batch(train, standing.epoch, index)]
        path = self._saved.write_bad_batch(
            {"epoch": standing.epoch, "batch": first, "loss": str(loss), "records": records}
        )
        return f"{message}. The batch's records are listed in {path}"

    def _end_epoch(self, evaluation: SequenceBatches, report: TrainingReport) -> None:
        """Evaluates, remembers the best, and moves on to the next epoch."""
        standing, start = self._standing, time.monotonic()
        with self._averages.in_place():
            metrics = self.evaluate(evaluation.epoch())
            weights = self._model.get_weights()
        outcome = Outcome(standing.epoch, metrics, self._watch.score(metrics))
        if standing.best is None or outcome.better_than(standing.best):
            standing.best, self._best = outcome, weights
        else:
            standing.worse_epochs += 1
        standing.history.append(dict(report.epoch(standing, metrics, self._model, self._rate(), standing.sums.batches)))
        standing.epoch += 1
        standing.sums = EpochSums()
        standing.seconds += time.monotonic() - start
        self._save_in_time()

    def _evaluate_batch(self, batch: Batch) -> tf.Tensor:
        """Adds the batch to the metrics. Returns the parts of each head's loss, float64 `[heads, 2]`."""
        outputs = self._model(batch, training=False)
        for name, metrics in self._metrics.items():
            metrics.update(outputs[name], batch)
        losses = [head.loss(outputs[name], batch, self._config.loss) for name, head in self._model.heads.items()]
        return tf.cast(losses, tf.float64)

    def _state(self) -> list[Any]:
        """All variables, the states of random generators included."""
        return [*self._model.variables, *self._optimizer.variables, *self._averages.variables]

    def _save_in_time(self) -> None:
        if self._saved is None or time.monotonic() - self._last_save < self._config.checkpoint_seconds:
            return
        variables = [tf.convert_to_tensor(variable).numpy() for variable in self._state()]
        self._saved.save(self._standing.to_json(), {"variables": variables, "best": self._best})
        self._last_save = time.monotonic()

    def _resume(self) -> None:
        loaded = None if self._saved is None else self._saved.load()
        if self._saved is None or loaded is None:
            return
        numbers, arrays = loaded
        state, values = self._state(), arrays["variables"]
        if [tuple(variable.shape) for variable in state] != [value.shape for value in values]:
            _logger.warning("what is saved in %s is of another model; training starts anew", self._saved.directory)
            return
        for variable, value in zip(state, values, strict=True):
            variable.assign(value)
        self._standing, self._best = TrainingState.from_json(numbers), arrays.get("best", [])


def _check_windows(model: Any, task: SequenceTask) -> None:
    if not isinstance(model, SequenceModel):
        raise TaskError(
            f"training.window: needs a SequenceModel, which carries its states on, not {type(model).__name__}"
        )
    for problem in window_problems(model.settings, [label.name for label in task.labels if not label.per_step]):
        raise TaskError(f"training.window: {problem}")


def _groups(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Lists of `size` batches; the last one may be shorter."""
    iterator = iter(batches)
    while group := list(itertools.islice(iterator, size)):
        yield group
