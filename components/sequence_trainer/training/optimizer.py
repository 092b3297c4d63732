"""Makes the optimizer, and computes the learning rate that it has at each step."""

from __future__ import annotations

import math

import keras

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError

PLATEAU_FACTOR = 0.5
"""The schedule `plateau` multiplies the learning rate by this after an epoch that is not the best."""


def make_optimizer(config: TrainingConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """Makes the optimizer for the weights of a built model.

    Its learning rate is a variable, which the training loop sets before each step. It does not clip gradients: the
    training step does, which needs their norm anyway.
    """
    # Keras treats 0 as a decay to apply.
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(config.learning_rate, momentum=config.momentum, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(config.learning_rate, weight_decay=decay)
    if decay:
        # Biases and the like do not overfit, and need their size.
        vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=vectors)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def compute_learning_rate(config: TrainingConfig, step: int, total_steps: int | None, worse_epochs: int) -> float:
    """Computes the learning rate of one update.

    ::

        warm-up        learning_rate * (step + 1) / (warmup_steps + 1)
        constant       learning_rate
        linear         learning_rate * (1 - done)                  done: the share of the steps after the warm-up
        cosine         learning_rate * (1 + cos(pi * done)) / 2
        plateau        learning_rate * PLATEAU_FACTOR ** worse_epochs

    Source of the cosine: Loshchilov and Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts".

    Args:
      config: The settings.
      step: The number of updates before this one.
      total_steps: The number of updates in all, as `count_steps` returns it; without it the rate is constant.
      worse_epochs: How many epochs so far were not the best when they ended.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "plateau":
        return config.learning_rate * PLATEAU_FACTOR**worse_epochs
    if config.schedule == "constant" or total_steps is None:
        return config.learning_rate
    done = min(1.0, (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps))
    factor = 1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * factor


def count_steps(config: TrainingConfig, batches: int | None, batches_per_step: int) -> int | None:
    """Returns the number of updates that a training makes if patience does not end it; None if it is not known.

    Args:
      config: The settings.
      batches: The number of batches of an epoch, if it is known.
      batches_per_step: How many batches an update takes.

    Raises:
      TaskError: if the schedule needs the number, and it is not known.
    """
    limit = config.max_steps
    if batches is None:
        if limit is None and config.schedule in ("linear", "cosine"):
            raise TaskError(
                f"training.schedule = {config.schedule!r} needs training.max_steps: the data is too large to be kept "
                "in memory, so the number of its batches is not known"
            )
        return limit
    # Rounded up, for the last update of an epoch takes what is left. Epochs differ by a batch or two.
    total = config.epochs * -(-batches // batches_per_step)
    return total if limit is None else min(total, limit)
