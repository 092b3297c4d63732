"""The learning rate of each step."""

from __future__ import annotations

import math

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig

PLATEAU_FACTOR = 0.5
"""What the schedule `plateau` multiplies the learning rate with after an epoch that is not the best."""


def learning_rate(config: TrainingConfig, step: int, total: int | None, worse_epochs: int) -> float:
    """The learning rate of one update.

    ::

        warm-up        learning_rate * (step + 1) / (warmup_steps + 1)
        constant       learning_rate
        linear         learning_rate * (1 - done)                  done: the share of the steps after the warm-up
        cosine         learning_rate * (1 + cos(pi * done)) / 2
        plateau        learning_rate * PLATEAU_FACTOR ** worse_epochs

    Source of the cosine: Loshchilov and Hutter 2016, "SGDR: Stochastic Gradient Descent with Warm Restarts".

    Args:
      config: The settings.
      step: Updates done before.
      total: Updates in all, which `linear` and `cosine` need; None if it is not known.
      worse_epochs: How many epochs so far were not the best when they ended.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / (config.warmup_steps + 1)
    if config.schedule == "plateau":
        return config.learning_rate * PLATEAU_FACTOR**worse_epochs
    if config.schedule == "constant" or total is None:
        return config.learning_rate
    done = min(1.0, (step - config.warmup_steps) / max(1, total - config.warmup_steps))
    factor = 1 - done if config.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return config.learning_rate * factor
