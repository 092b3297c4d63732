"""The optimizer that the settings name."""

from __future__ import annotations

import keras

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig


def make_optimizer(config: TrainingConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """Makes the optimizer for the weights of a built model.

    Its learning rate is a variable, for the schedule to set. It does not clip: the training step does, for it needs
    the gradient's norm anyway.
    """
    decay = config.weight_decay or None
    optimizer = (
        keras.optimizers.SGD(config.learning_rate, momentum=config.momentum, weight_decay=decay)
        if config.optimizer == "sgd"
        else keras.optimizers.Adam(config.learning_rate, weight_decay=decay)
    )
    if decay:
        vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=vectors)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer
