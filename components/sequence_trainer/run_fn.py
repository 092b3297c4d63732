"""The `run_fn` that SequenceTrainer runs by default: read, train, export."""

from __future__ import annotations

import os

from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.model.model import build
from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.training.projector import write_projector
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.components.sequence_trainer.training.training_report import progress
from tfx_sequence.components.sequence_trainer.training.warm_start import take_exported_weights
from tfx_sequence.components.sequence_trainer.training.weight_index import read_axis_values, write_weight_index
from tfx_sequence.schemas.contract import STATE_DIR

STATE_FOLDER = "state"
"""Beside the outputs of the component, `<pipeline root>/<component>/state`: what a killed run goes on from."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains a model on transformed sequences and exports it.

    A run that is killed is gone on with by the next one of the same data and settings. A `base_model` gives its weights
    to start from.

    Args:
      fn_args: What TFX's Trainer hands over; see `Job.read`. `custom_config` may hold under `state_dir` the folder
        that training is saved in.

    Raises:
      TaskError: if the data or the settings cannot work.
    """
    job = Job.read(fn_args)
    saved = job.saved_state(_state_folder(fn_args))
    with job.strategy().scope():
        model = job.make_model()
        train = job.train_batches()
        values = read_axis_values(job.task, job.transform_output)
        if job.base_model is not None:
            build(model, train)
            progress.info("Warm start: %s", take_exported_weights(job.base_model, model, values))
        trainer = Trainer(model, job.task, job.training, fn_args.model_run_dir, saved)
        trainer.fit(train, job.eval_batches())
    write_projector(os.path.join(fn_args.model_run_dir, "tensorboard"), model, job.task, job.transform_output)
    ServingModel(model, job.task, job.transform_output).save(fn_args.serving_model_dir)
    write_weight_index(fn_args.serving_model_dir, model, values)
    saved.remove()


def _state_folder(fn_args: FnArgs) -> str:
    """Where training is saved: outside of what belongs to this execution, which is removed if it fails."""
    given = (fn_args.custom_config or {}).get(STATE_DIR)
    # `<pipeline root>/<component>/model_run/<execution>`
    return given or os.path.join(os.path.dirname(os.path.dirname(fn_args.model_run_dir)), STATE_FOLDER)
