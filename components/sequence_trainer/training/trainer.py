"""Trains a model on batches of like length, with a masked loss and early stopping on a masked metric.

Everything that the next update depends on is saved now and then: weights, the optimizer's variables, the states of the
random generators, the batches that are done. A training that is killed and started again goes on from there, and comes
to the same weights as one that was not.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import window_problems
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel, build
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.model_metrics import ModelMetrics
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.optimizer import count_steps, make_optimizer
from tfx_sequence.components.sequence_trainer.training.state import Outcome, TrainingState
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.training_loop import TrainingLoop
from tfx_sequence.components.sequence_trainer.training.training_report import TrainingReport
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages


class Trainer:
    """Trains one model on one task, on the devices of the `tf.distribute` strategy in whose scope it is used.

    Args:
      model: Maps a batch to outputs, and has `heads`, as SequenceModel does.
      task: What the batches hold.
      config: How to train.
      log_dir: The folder of TensorBoard's event files.
      checkpoint: Where training is saved, and goes on from; it is not saved if None.

    Raises:
      TaskError: if `config.monitor` is no metric of the model, or the model cannot be trained in windows, as
        `config.window` wants.
    """

    def __init__(
        self, model: Any, task: SequenceTask, config: TrainingConfig, log_dir: str, checkpoint: Checkpoint | None = None
    ) -> None:
        if config.window is not None:
            _check_windows(model, task)
        self._model = model
        self._task = task
        self._config = config
        self._log_dir = log_dir
        self._checkpoint = checkpoint
        self._head_metrics = {name: head.new_metrics() for name, head in model.heads.items()}
        self._monitor = Monitor(self._head_metrics.values(), config.monitor)
        self._state = TrainingState()

    @property
    def history(self) -> list[dict[str, float]]:
        """The figures of each epoch so far."""
        return self._state.history

    def fit(self, train: SequenceBatches, evaluation: SequenceBatches) -> Outcome:
        """Trains until the epochs, steps or minutes are over, or patience is, and leaves the best weights in the model.

        Args:
          train: The batches to train on.
          evaluation: The batches that decide which epoch is best.

        Raises:
          TaskError: if the loss is not finite, or the schedule needs a number of steps that is not known.
        """
        model, config = self._model, self._config
        spec = train.epoch(0).element_spec
        build(model, train)
        optimizer = make_optimizer(config, model)
        averages = WeightAverages(model.trainable_variables, config.average)
        step = make_training_step(model, optimizer, averages, config, spec)
        metrics = ModelMetrics(model, self._head_metrics, config.loss, spec)
        total_steps = count_steps(config, train.size(), step.batches_per_update)
        # The states of random generators are among the model's variables.
        variables = [*model.variables, *optimizer.variables, *averages.variables]
        saver = PeriodicCheckpoint(self._checkpoint, variables, config.checkpoint_seconds)
        self._state = saver.restore() or self._state
        with TrainingReport(config, self._log_dir) as report:
            # TensorBoard shows the epochs of the run that was killed too.
            for figures in self._state.history:
                report.write_scalars(figures)
            loop = TrainingLoop(
                model=model,
                config=config,
                train=train,
                evaluation=evaluation,
                sequence=next(name for name, column in self._task.columns.items() if not column.context),
                optimizer=optimizer,
                averages=averages,
                step=step,
                metrics=metrics,
                monitor=self._monitor,
                total_steps=total_steps,
                checkpoint=self._checkpoint,
                saver=saver,
                report=report,
                state=self._state,
            )
            best = loop.run()
        model.set_weights(self._state.best_weights)
        return best

    def evaluate(self, batches: tf.data.Dataset) -> dict[str, float]:
        """Returns the masked loss and metrics over all real steps (and records) of the batches, dropout off.

        Args:
          batches: As `SequenceBatches.epoch` returns them.
        """
        metrics = ModelMetrics(self._model, self._head_metrics, self._config.loss, batches.element_spec)
        return metrics.compute(batches)


def _check_windows(model: Any, task: SequenceTask) -> None:
    """Checks that a model can be trained in windows.

    Raises:
      TaskError: if it cannot.
    """
    if not isinstance(model, SequenceModel):
        raise TaskError(
            f"training.window: needs a SequenceModel, which carries its states on, not {type(model).__name__}"
        )
    record_labels = [label.name for label in task.labels if not label.per_step]
    for problem in window_problems(model.settings, record_labels):
        raise TaskError(f"training.window: {problem}")
