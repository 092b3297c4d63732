"""The `run_fn` that SequenceTrainer runs by default: read, train, export."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_sequence.components.sequence_trainer.batching import SequenceBatches
from tfx_sequence.components.sequence_trainer.export import ServingModel
from tfx_sequence.components.sequence_trainer.model import SequenceModel
from tfx_sequence.components.sequence_trainer.model_config import ModelConfig
from tfx_sequence.components.sequence_trainer.task import SequenceTask, TaskError
from tfx_sequence.components.sequence_trainer.training import Trainer
from tfx_sequence.components.sequence_trainer.training_config import TrainingConfig

MODEL_KEY, TRAINING_KEY = "model", "training"
"""Where SequenceTrainer puts its settings in the `custom_config` of a run_fn."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains a SequenceModel on transformed SequenceExamples and exports it.

    Args:
      fn_args: What TFX's Trainer hands over. `custom_config` holds the fields of a ModelConfig under `model` and of a
        TrainingConfig under `training`.

    Raises:
      TaskError: if the data or the settings cannot work.
    """
    custom: dict[str, Any] = fn_args.custom_config or {}
    model_config = ModelConfig.model_validate(custom.get(MODEL_KEY, {}))
    config = TrainingConfig.model_validate(custom.get(TRAINING_KEY, {}))
    if not fn_args.transform_output:
        raise TaskError("SequenceTrainer needs the `transform_graph` that SequenceTransform makes; none was given")
    transform_output = tft.TFTransformOutput(fn_args.transform_output)
    task = SequenceTask.load(transform_output)
    keras.utils.set_random_seed(config.seed)
    train = _batches(fn_args.train_files, task, config, seed=config.seed)
    evaluation = _batches(fn_args.eval_files, task, config, seed=None)
    model = SequenceModel(task, model_config, seed=config.seed)
    Trainer(model, task, config, fn_args.model_run_dir).fit(train, evaluation)
    ServingModel(model, task, transform_output).save(fn_args.serving_model_dir)


def _batches(patterns: list[str], task: SequenceTask, config: TrainingConfig, seed: int | None) -> SequenceBatches:
    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    if not files:
        raise TaskError(f"no file matches {patterns}: is the split there, and is it materialised?")
    records = tf.data.TFRecordDataset(files, compression_type="GZIP")
    return SequenceBatches(records, task.columns, batch_tokens=config.batch_tokens, seed=seed)
