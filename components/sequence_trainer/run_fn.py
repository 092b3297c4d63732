"""Defines the default `run_fn` of SequenceTrainer, which trains a model and exports it."""

from __future__ import annotations

import os

from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.model.model import build_model
from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.training.projector import write_projector
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.components.sequence_trainer.training.training_report import progress
from tfx_sequence.components.sequence_trainer.training.warm_start import take_exported_weights
from tfx_sequence.components.sequence_trainer.training.weight_index import read_axis_values, write_weight_index
from tfx_sequence.schemas.contract import STATE_DIR

STATE_FOLDER = "state"
"""The name of the default folder of checkpoints, `<pipeline root>/<component>/state`."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains a model on transformed sequences and exports it.

    If a run was killed, the next run with the same data and settings continues where it stopped. This is also so if the
    run was killed after the export, before TFX recorded the model. If there is a `base_model`, training starts from its
    weights.

    Args:
      fn_args: The FnArgs of TFX's Trainer; see `Job.read`. The key `state_dir` of `custom_config`, if present, is the
        folder of checkpoints.

    Raises:
      TaskError: if no model can be trained with the data or the settings.
    """
    job = Job.read(fn_args)
    checkpoint = job.make_checkpoint(_find_state_folder(fn_args))
    if checkpoint.was_completed:
        progress.info("An earlier run has completed this training; its best weights are exported again")
    with job.get_strategy().scope():
        model = job.make_model()
        train = job.make_train_batches()
        values = read_axis_values(job.task, job.transform_output)
        if job.base_model is not None:
            # Only a built model has weights that can be replaced.
            build_model(model, train)
            line = take_exported_weights(job.base_model, model, values, job.task.embeddings)
            progress.info("Warm start: %s", line)
        trainer = Trainer(model, job.task, job.training, fn_args.model_run_dir, checkpoint)
        trainer.fit(train, job.make_eval_batches())
        exported = job.make_serving_model(model, train)
    write_projector(os.path.join(fn_args.model_run_dir, "tensorboard"), exported, job.task, job.transform_output)
    job.check_vocabularies()
    ServingModel(exported, job.task, job.transform_output, job.training.window).save(fn_args.serving_model_dir)
    write_weight_index(fn_args.serving_model_dir, exported, values)
    checkpoint.mark_completed()


def _find_state_folder(fn_args: FnArgs) -> str:
    """Returns the folder of checkpoints.

    The folder is outside of the folders of this execution, because TFX removes those if the execution fails.
    """
    custom_folder = (fn_args.custom_config or {}).get(STATE_DIR)
    if custom_folder:
        return custom_folder
    # The folder of a model run is `<pipeline root>/<component>/model_run/<execution>`.
    component_folder = os.path.dirname(os.path.dirname(fn_args.model_run_dir))
    return os.path.join(component_folder, STATE_FOLDER)
