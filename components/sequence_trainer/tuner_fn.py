"""Defines a `tuner_fn`, with which the stock Tuner of TFX searches for good settings of SequenceTrainer.

::

    tuner = tfx.components.Tuner(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        tuner_fn="tfx_sequence.components.sequence_trainer.tuner_fn.tuner_fn",
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
        custom_config={
            "training": {"epochs": 5},
            "tuning": {"trials": 8, "space": {"model.units": [64, 128], "model.dropout": {"min": 0.1, "max": 0.6}}},
        },
    )
    trainer = SequenceTrainer(..., hyperparameters=tuner.outputs["best_hyperparameters"])
"""

from __future__ import annotations

import os
from typing import Any

import keras_tuner
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from tfx_sequence.components.compat.tuning import BaseTuner
from tfx_sequence.components.sequence_trainer.config.tuning import Range, TuningConfig, is_integer
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.components.sequence_trainer.training.training_report import progress
from tfx_sequence.schemas.contract import TRAINING, TRIAL_ATTRIBUTE, TUNING

_SCORE = "score"  # The name under which the tuner receives the score of a trial.


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Makes the tuner that the stock Tuner runs.

    Args:
      fn_args: The FnArgs of TFX's Tuner. The key `tuning` of `custom_config` is a dict of the fields of a TuningConfig.
        `Job.read` describes the other keys.

    Raises:
      TaskError: if no model can be trained with the data or the settings, or if the scores of the trials could not be
        compared.
    """
    config = TuningConfig.model_validate(fn_args.custom_config[TUNING])
    job = Job.read(fn_args)
    _check_scores_are_comparable(config, job)
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective(_SCORE, direction="max"),
        max_trials=config.trials,
        seed=config.seed,
        hyperparameters=_make_search_space(config),
    )
    return TunerFnResult(SequenceTuner(job, oracle, fn_args.working_dir), {})


class SequenceTuner(BaseTuner):
    """Trains a model with the settings of each trial. The score of a trial is the score of its best epoch.

    The beginning and the end of each trial are logged, as `contract.TRIAL_ATTRIBUTE` describes.

    Args:
      job: The data, and the settings that are the same in all trials.
      oracle: Chooses the settings of each trial.
      directory: The folder to which the files of the trials are written.
    """

    def __init__(self, job: Job, oracle: keras_tuner.Oracle, directory: str) -> None:
        self._job = job
        self._error: Exception | None = None  # The error of the last trial that failed.
        super().__init__(oracle, directory=directory, project_name="sequence_tuner")

    def run_trial(self, trial: keras_tuner.engine.trial.Trial) -> dict[str, float]:
        """Trains a model with the settings of a trial, and returns the score of its best epoch."""
        self._log_trial(trial)
        try:
            score = self._train(trial)
        except Exception as error:
            self._error = error
            # Keras Tuner goes on with the next trial, unless several trials have failed one after the other.
            self._log_trial(trial, score=None, error=" ".join(str(error).split()))
            raise
        self._log_trial(trial, score=score)
        return {_SCORE: score}

    def on_search_end(self) -> None:
        """Checks that there are best settings.

        Raises:
          TaskError: if all trials failed.
        """
        # Keras Tuner would pass on the settings of a trial that failed.
        if all(trial.score is None for trial in self.oracle.trials.values()):
            raise TaskError(f"no trial of the tuner succeeded; the last one failed: {self._error}") from self._error

    def _train(self, trial: keras_tuner.engine.trial.Trial) -> float:
        """Trains a model, and returns the score of its best epoch."""
        job = self._job.replace_settings(trial.hyperparameters.values)
        with job.get_strategy().scope():
            model = job.make_model()
            log_folder = os.path.join(self.get_trial_dir(trial.trial_id), "logs")
            trainer = Trainer(model, job.task, job.training, log_folder)
            return trainer.fit(job.make_train_batches(), job.make_eval_batches()).score

    def _log_trial(self, trial: keras_tuner.engine.trial.Trial, **end: Any) -> None:
        """Logs the beginning of a trial, or its end with a score and perhaps an error."""
        # Keras Tuner counts trials from 0.
        number, trials = int(trial.trial_id) + 1, self.oracle.max_trials
        settings = dict(trial.hyperparameters.values)
        described = {"number": number, "trials": trials, "settings": settings, **end}
        shown = ", ".join(f"{name} {value}" for name, value in (settings | end).items())
        progress.info("trial %d of %d: %s", number, trials, shown, extra={TRIAL_ATTRIBUTE: described})


def _check_scores_are_comparable(config: TuningConfig, job: Job) -> None:
    """Checks that no setting to try changes what the score is.

    Raises:
      TaskError: if the score is the loss, and the reduction of the loss is tried.
    """
    if job.training.monitor == "loss" and f"{TRAINING}.loss" in config.space:
        raise TaskError(
            'tuning.space: training.loss cannot be tried with training.monitor = "loss": a sum is larger than a mean, '
            "whichever model is better; set training.monitor to a metric such as an accuracy, or leave it out"
        )


def _make_search_space(config: TuningConfig) -> keras_tuner.HyperParameters:
    """Converts the ranges and lists of a TuningConfig to the search space of Keras Tuner."""
    space = keras_tuner.HyperParameters()
    for name, choices in config.space.items():
        if not isinstance(choices, Range):
            space.Choice(name, list(choices))
            continue
        sampling = "log" if choices.log else "linear"
        if is_integer(name):
            space.Int(name, int(choices.min), int(choices.max), sampling=sampling)
        else:
            space.Float(name, choices.min, choices.max, sampling=sampling)
    return space
