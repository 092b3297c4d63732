"""The `tuner_fn` for TFX's stock Tuner: it tries settings of SequenceTrainer.

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
from tfx_sequence.components.sequence_trainer.config.tuning import Range, TuningConfig
from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.schemas.contract import TUNING

_SCORE = "score"


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Makes the tuner that TFX's Tuner runs.

    Args:
      fn_args: The FnArgs of TFX's Tuner. `custom_config` holds the fields of a TuningConfig under `tuning`, besides
        what `Job.read` takes.

    Raises:
      TaskError: if the data or the settings cannot work.
    """
    config = TuningConfig.model_validate(fn_args.custom_config[TUNING])
    job = Job.read(fn_args)
    space = keras_tuner.HyperParameters()
    for name, choices in config.space.items():
        if isinstance(choices, Range):
            space.Float(name, choices.min, choices.max, sampling="log" if choices.log else "linear")
        else:
            space.Choice(name, list(choices))
    oracle = keras_tuner.oracles.RandomSearchOracle(
        objective=keras_tuner.Objective(_SCORE, direction="max"),
        max_trials=config.trials,
        seed=config.seed,
        hyperparameters=space,
    )
    return TunerFnResult(SequenceTuner(job, oracle, fn_args.working_dir), {})


class SequenceTuner(BaseTuner):
    """Trains a job with the settings of each trial, and scores it as early stopping does.

    Args:
      job: The job, with the settings that are not tried.
      oracle: Chooses the settings of each trial.
      directory: The folder for the files of the trials.
    """

    def __init__(self, job: Job, oracle: keras_tuner.Oracle, directory: str) -> None:
        self._job = job
        super().__init__(oracle, directory=directory, project_name="sequence_tuner")

    def run_trial(self, trial: Any) -> dict[str, float]:
        """Trains with the settings of a trial, and returns the score of the best epoch."""
        job = self._job.tuned(trial.hyperparameters.values)
        with job.strategy().scope():
            model = job.make_model()
            log_folder = os.path.join(self.get_trial_dir(trial.trial_id), "logs")
            trainer = Trainer(model, job.task, job.training, log_folder)
            outcome = trainer.fit(job.train_batches(), job.eval_batches())
        return {_SCORE: outcome.score}
