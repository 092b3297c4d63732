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
"""The folder of checkpoints beside the outputs of the component: `<pipeline root>/<component>/state`."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains a model on transformed sequences and exports it.

    The next run of the same data and settings goes on from where a killed one was. A `base_model` gives its weights to
    start from.

    Args:
      fn_args: The FnArgs of TFX's Trainer; see `Job.read`. `custom_config` may hold under `state_dir` the folder of
        checkpoints.

    Raises:
      TaskError: if the data or the settings cannot work.
    """
    job = Job.read(fn_args)
    checkpoint = job.checkpoint(_state_folder(fn_args))
    with job.strategy().scope():
        model = job.make_model()
        train = job.train_batches()
        values = read_axis_values(job.task, job.transform_output)
        if job.base_model is not None:
            build(model, train)
            progress.info("Warm start: %s", take_exported_weights(job.base_model, model, values))
        trainer = Trainer(model, job.task, job.training, fn_args.model_run_dir, checkpoint)
        trainer.fit(train, job.eval_batches())
    write_projector(os.path.join(fn_args.model_run_dir, "tensorboard"), model, job.task, job.transform_output)
    ServingModel(model, job.task, job.transform_output).save(fn_args.serving_model_dir)
    write_weight_index(fn_args.serving_model_dir, model, values)
    checkpoint.remove()


def _state_folder(fn_args: FnArgs) -> str:
    """Returns the folder of checkpoints, outside of what belongs to this execution: that is removed if it fails."""
    given = (fn_args.custom_config or {}).get(STATE_DIR)
    if given:
        return given
    # The folder of a model run is `<pipeline root>/<component>/model_run/<execution>`.
    component_folder = os.path.dirname(os.path.dirname(fn_args.model_run_dir))
    return os.path.join(component_folder, STATE_FOLDER)
