"""The optimizer spares vectors, and its learning rate follows the schedule."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.training.optimizer import (
    compute_learning_rate,
    count_updates,
    make_optimizer,
)


@pytest.mark.parametrize(
    ("schedule", "step", "worse", "expected"),
    [
        ("constant", 0, 0, 1 / 5),
        ("cosine", 3, 0, 4 / 5),
        ("constant", 4, 0, 1),
        ("constant", 90, 3, 1),
        ("linear", 4, 0, 1),
        ("linear", 29, 0, 0.75),
        ("linear", 104, 0, 0),
        ("linear", 200, 0, 0),
        ("cosine", 29, 0, (1 + math.cos(math.pi / 4)) / 2),
        ("cosine", 54, 0, 0.5),
        ("plateau", 50, 3, 1 / 8),
    ],
)
def test_learning_rate_follows_the_schedule(schedule: str, step: int, worse: int, expected: float) -> None:
    config = TrainingConfig(schedule=schedule, warmup_steps=4, learning_rate=0.5)
    assert compute_learning_rate(config, step, 104, worse) == pytest.approx(0.5 * expected, abs=1e-12)


def test_weight_decay_spares_vectors() -> None:
    model = keras.Sequential([keras.layers.Dense(3, bias_initializer="ones")])
    model.build((None, 2))
    kernel, bias = (weight.numpy() for weight in model.trainable_variables)
    optimizer = make_optimizer(TrainingConfig(weight_decay=0.1, learning_rate=0.5, optimizer="sgd"), model)
    optimizer.apply([tf.zeros_like(kernel), tf.zeros_like(bias)])
    np.testing.assert_allclose(model.trainable_variables[0].numpy(), kernel * (1 - 0.5 * 0.1), rtol=1e-6)
    np.testing.assert_array_equal(model.trainable_variables[1].numpy(), bias)


@pytest.mark.parametrize(
    ("settings", "batches", "expected"),
    [
        ({"epochs": 3}, 10, 9),
        ({"epochs": 3, "max_steps": 8}, 10, 8),
        ({"epochs": 3, "max_steps": 100}, 10, 9),
        ({"max_steps": 8}, None, 8),
        ({}, None, None),
    ],
)
def test_count_updates_rounds_each_epoch_up_and_keeps_to_the_limit(
    settings: dict[str, Any], batches: int | None, expected: int | None
) -> None:
    assert count_updates(TrainingConfig(**settings), batches, batches_per_update=4) == expected
