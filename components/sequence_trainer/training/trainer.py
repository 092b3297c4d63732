"""Defines Trainer, which trains a model with a masked loss, and stops early by a masked metric.

Everything that the next update depends on is saved from time to time: the weights, the optimizer's variables, the
states of the random generators, and the number of batches that are done. If a training is killed and started again, it
continues from the saved state, and results in the same weights as a training that was not killed.
"""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import find_window_problems
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.loss_divisors import LossDivisors
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, SequenceModel, build_model
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.model_metrics import ModelMetrics
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.optimizer import count_updates, make_optimizer
from tfx_sequence.components.sequence_trainer.training.state import Outcome, TrainingState
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.training_loop import TrainingLoop
from tfx_sequence.components.sequence_trainer.training.training_report import TrainingReport
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages


class Trainer:
    """Trains one model on one task.

    If it is used in the scope of a `tf.distribute` strategy, it trains on all devices of the strategy.

    Args:
      model: The model to train. It maps a batch to outputs and has `heads`, like SequenceModel.
      task: The inputs and labels of the batches.
      config: The settings of the training.
      log_dir: The folder for the event files of TensorBoard.
      checkpoint: Saves the state of the training and restores it. If None, the state is not saved.

    Raises:
      TaskError: if `config.monitor` is not a metric of the model, or if `config.window` is set and the model cannot be
        trained in windows.
    """

    def __init__(
        self,
        model: LabelModel,
        task: SequenceTask,
        config: TrainingConfig,
        log_dir: str,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        if config.window is not None:
            _check_windows(model, task)
        self._model = model
        self._task = task
        self._config = config
        self._log_dir = log_dir
        self._checkpoint = checkpoint
        self._head_metrics = {name: head.make_metrics() for name, head in model.heads.items()}
        self._monitor = Monitor(self._head_metrics.values(), config.monitor)
        self._state = TrainingState()

    @property
    def history(self) -> list[dict[str, float]]:
        """The figures of each epoch that has ended."""
        return self._state.history

    def fit(self, train: SequenceBatches, evaluation: SequenceBatches) -> Outcome:
        """Trains until a limit of the settings is reached, then sets the weights of the best epoch in the model.

        The limits are `epochs`, `max_steps`, `max_minutes` and `patience`.

        Args:
          train: The batches to train on.
          evaluation: The batches whose metrics decide which epoch is best.

        Returns:
          The best epoch.

        Raises:
          TaskError: if the loss or its gradient is not finite more than `skip_bad_batches` times, or if the learning
            rate's schedule needs the number of updates and this number is not known.
        """
        build_model(self._model, train)
        # A restored state replaces what this sets, so a run that was killed goes on with the statistics that it had.
        _measure_labels(self._model, train)
        loop = self._make_loop(train, evaluation)
        with loop.report:
            # The epochs of a run that was killed are written again, so that TensorBoard shows all epochs.
            for figures in self._state.history:
                loop.report.write_scalars(figures)
            best = loop.run()
        self._model.set_weights(self._state.best_weights)
        return best

    def _make_loop(self, train: SequenceBatches, evaluation: SequenceBatches) -> TrainingLoop:
        """Makes the objects that the loop needs, and restores the saved state of the training."""
        model, config = self._model, self._config
        spec = train.make_epoch(0).element_spec
        optimizer = make_optimizer(config, model)
        averages = WeightAverages(model.trainable_variables, config.average)
        step = make_training_step(model, optimizer, averages, config, spec)
        divisors = LossDivisors(model, config.loss, train, step.batches_per_update)
        total_updates = count_updates(config, train.count_batches(), step.batches_per_update)
        # The model's variables include the states of its random generators.
        variables = [*model.variables, *optimizer.variables, *averages.variables, *divisors.variables]
        periodic_checkpoint = PeriodicCheckpoint(self._checkpoint, variables, model.weights, config.checkpoint_seconds)
        self._state = periodic_checkpoint.restore() or self._state
        return TrainingLoop(
            model=model,
            config=config,
            train=train,
            evaluation=evaluation,
            sequence_feature=next(name for name, column in self._task.columns.items() if not column.context),
            optimizer=optimizer,
            averages=averages,
            step=step,
            divisors=divisors,
            metrics=ModelMetrics(model, self._head_metrics, config.loss, spec, config.window),
            monitor=self._monitor,
            total_updates=total_updates,
            bad_batch_checkpoint=self._checkpoint,
            periodic_checkpoint=periodic_checkpoint,
            report=TrainingReport(config, self._log_dir),
            state=self._state,
        )

    def evaluate(self, batches: tf.data.Dataset) -> dict[str, float]:
        """Computes the masked loss and metrics over all real steps of the batches, without dropout.

        Metrics of labels of whole records are computed over all records.

        Args:
          batches: Batches as `SequenceBatches.make_epoch` returns them.

        Returns:
          The values by name: `loss`, and the metrics of each label.
        """
        config = self._config
        metrics = ModelMetrics(self._model, self._head_metrics, config.loss, batches.element_spec, config.window)
        return metrics.compute(batches)


def _measure_labels(model: LabelModel, train: SequenceBatches) -> None:
    """Gives each head the statistics of its labels that it needs, in one pass over the train split."""
    all_statistics = [head.make_statistics() for head in model.heads.values()]
    needed = [statistics for statistics in all_statistics if statistics is not None]
    if not needed:
        return
    for batch in train.make_epoch():
        for statistics in needed:
            statistics.update(batch)
    for statistics in needed:
        statistics.finish()


def _check_windows(model: LabelModel, task: SequenceTask) -> None:
    """Raises a TaskError if the model cannot be trained in windows."""
    if not isinstance(model, SequenceModel):
        raise TaskError(
            f"training.window: needs a SequenceModel, which carries its states on, not {type(model).__name__}"
        )
    for problem in find_window_problems(model.settings, task.label_features):
        raise TaskError(f"training.window: {problem}")
