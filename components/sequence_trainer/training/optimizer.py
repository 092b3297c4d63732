"""Makes the optimizer, and computes its learning rate for each update."""

from __future__ import annotations

import math

import keras

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError

PLATEAU_FACTOR = 0.5
"""The factor by which the schedule `plateau` multiplies the learning rate after each epoch that is not the best one."""


def make_optimizer(config: TrainingConfig, model: keras.Model) -> keras.optimizers.Optimizer:
    """Makes the optimizer for the weights of a built model.

    The training loop sets the learning rate before each update. The optimizer does not clip gradients, because the
    training step clips them. The step needs their norm in any case, to find gradients that are not finite.
    """
    # Keras takes None, but not 0, to mean that there is no decay.
    decay = config.weight_decay or None
    if config.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(config.learning_rate, momentum=config.momentum, weight_decay=decay)
    else:
        optimizer = keras.optimizers.Adam(config.learning_rate, weight_decay=decay)
    if decay:
        # Biases and other vectors are not decayed. They cause little overfitting, and the model needs their size.
        vectors = [variable for variable in model.trainable_variables if len(variable.shape) < 2]
        optimizer.exclude_from_weight_decay(var_list=vectors)
    if config.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def compute_learning_rate(
    config: TrainingConfig, updates_done: int, total_updates: int | None, worse_epochs: int
) -> float:
    """Computes the learning rate of one update.

    ::

        warm-up        learning_rate * (updates_done + 1) / (warmup_steps + 1)
        constant       learning_rate
        linear         learning_rate * (1 - share)
        cosine         learning_rate * (1 + cos(pi * share)) / 2
        plateau        learning_rate * PLATEAU_FACTOR ** worse_epochs

    `share` is the share of the updates after the warm-up that are done.

    Source of the cosine: Loshchilov and Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts".

    Args:
      config: The settings of the training.
      updates_done: The number of updates before this update.
      total_updates: The number of updates of the whole training, as `count_updates` returns it. If it is None, `linear`
        and `cosine` are constant.
      worse_epochs: The number of epochs so far that were not the best epoch when they ended.
    """
    if updates_done < config.warmup_steps:
        return config.learning_rate * (updates_done + 1) / (config.warmup_steps + 1)
    if config.schedule == "plateau":
        return config.learning_rate * PLATEAU_FACTOR**worse_epochs
    if config.schedule == "constant" or total_updates is None:
        return config.learning_rate
    share = min(1.0, (updates_done - config.warmup_steps) / max(1, total_updates - config.warmup_steps))
    if config.schedule == "linear":
        return config.learning_rate * (1 - share)
    return config.learning_rate * ((1 + math.cos(math.pi * share)) / 2)


def count_updates(config: TrainingConfig, num_batches: int | None, batches_per_update: int) -> int | None:
    """Returns the number of updates of a training that does not stop early; None if the number is not known.

    Args:
      config: The settings of the training.
      num_batches: The number of batches of an epoch; None if it is not known.
      batches_per_update: The number of batches that one update uses.

    Raises:
      TaskError: if the schedule needs the number of updates, and the number is not known.
    """
    max_updates = config.max_steps
    if num_batches is None:
        if max_updates is None and config.schedule in ("linear", "cosine"):
            raise TaskError(
                f"training.schedule = {config.schedule!r} needs training.max_steps: the data is too large to be kept "
                "in memory, so the number of its batches is not known"
            )
        return max_updates
    # Rounded up, because the last update of an epoch may use fewer batches. The result is not exact: the number of
    # batches differs by one or two between epochs.
    updates_per_epoch = -(-num_batches // batches_per_update)
    total = config.epochs * updates_per_epoch
    return total if max_updates is None else min(total, max_updates)
