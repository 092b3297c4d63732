"""Functions as users write them for `training.model_fn`."""

from __future__ import annotations

import keras

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask


def small_model(task: SequenceTask, config: ModelConfig) -> keras.Model:
    """The default network with three units, whatever the config says."""
    return SequenceModel(task, config.model_copy(update={"units": 3}), seed=1)


def headless(task: SequenceTask, config: ModelConfig) -> keras.Model:
    """A model that lacks the heads that training needs."""
    return keras.Sequential([keras.layers.Dense(3)])
