"""Training steps: however an update's batches are cut, it is the update of one large batch."""

from __future__ import annotations

import json
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import programs
from support.training_corpus import SILENT, TASK, batches

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages

SETTINGS: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 0.5, "clip_norm": 1e3}
"""The update is minus half of the gradient."""


@pytest.fixture(scope="module")
def whole() -> dict[str, tf.Tensor]:
    """One batch of 20 records."""
    (batch,) = batches(seed=None, batch_tokens=1000, count=20).make_epoch()
    return batch


def cut(batch: dict[str, tf.Tensor], *ends: int) -> list[dict[str, tf.Tensor]]:
    """The batch in pieces, each padded to its own longest row."""
    pieces = []
    for start, end in zip((0, *ends), (*ends, None), strict=True):
        piece = {name: value[start:end] for name, value in batch.items()}
        steps = int(tf.reduce_max(piece["lengths"]))
        pieces.append({name: value[:, :steps] if value.shape.rank > 1 else value for name, value in piece.items()})
    return pieces


def _model(batch: dict[str, tf.Tensor]) -> SequenceModel:
    keras.utils.set_random_seed(1)
    model = SequenceModel(TASK, SILENT, seed=1)
    model(batch)
    return model


def _start(batch: dict[str, tf.Tensor]) -> list[np.ndarray]:
    return [weight.numpy() for weight in _model(batch).trainable_variables]


def update(groups: list[list[dict[str, tf.Tensor]]], **settings: Any) -> tuple[list[float], list[np.ndarray]]:
    """The losses, and the weights after the updates."""
    config = TrainingConfig(**{**SETTINGS, **settings})
    model = _model(groups[0][0])
    averages = WeightAverages(model.trainable_variables, config.average)
    spec = batches(count=3).make_epoch().element_spec
    step = make_training_step(model, make_optimizer(config, model), averages, config, spec)
    losses = [step(group)[0] for group in groups]
    return losses, [tf.convert_to_tensor(weight).numpy() for weight in model.trainable_variables]


@pytest.mark.parametrize("loss", ["sequence_mean", "sum"])
def test_step_of_several_batches_is_that_of_one_large_batch(whole: dict[str, tf.Tensor], loss: str) -> None:
    # Twice, so that what was added up for the first update must be gone at the second; pieces of unequal size.
    learning_rate = 1e-3 if loss == "sum" else 0.5
    expected = update([[whole], [whole]], loss=loss, learning_rate=learning_rate)
    got = update([cut(whole, 2, 13), cut(whole, 9)], loss=loss, learning_rate=learning_rate, accumulate=3)
    np.testing.assert_allclose(got[0], expected[0], rtol=1e-5)
    for before, after in zip(expected[1], got[1], strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-5)


def test_step_clips_the_global_norm_of_the_gradient(whole: dict[str, tf.Tensor]) -> None:
    start, free = _start(whole), update([[whole]])[1]
    clipped = update([[whole]], clip_norm=0.1)[1]
    # The learning rate is 0.5.
    free, clipped = (
        np.concatenate([(before - weight).ravel() / 0.5 for before, weight in zip(start, after, strict=True)])
        for after in (free, clipped)
    )
    assert np.linalg.norm(free) > 0.2
    assert np.linalg.norm(clipped) == pytest.approx(0.1, rel=1e-3)
    np.testing.assert_allclose(clipped / np.linalg.norm(clipped), free / np.linalg.norm(free), atol=1e-3)


def test_step_tells_that_the_loss_is_not_finite(whole: dict[str, tf.Tensor]) -> None:
    config, model = TrainingConfig(**SETTINGS), _model(whole)
    spec = batches(count=3).make_epoch().element_spec
    step = make_training_step(model, make_optimizer(config, model), WeightAverages([], 0.0), config, spec)
    assert step([whole])[1]
    bad = {**whole, "pitch": whole["pitch"] * np.nan}
    assert not step([bad])[1]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_step_in_half_precision_is_close_to_that_in_full(whole: dict[str, tf.Tensor], precision: str) -> None:
    expected = update([[whole]], learning_rate=0.1)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        got = update([[whole]], learning_rate=0.1, precision=precision)
    finally:
        keras.config.set_dtype_policy(before)
    assert got[0] == pytest.approx(expected[0], rel=2e-2)
    for full, half in zip(expected[1], got[1], strict=True):
        assert half.dtype == np.float32
        np.testing.assert_allclose(half, full, atol=2e-2)


@pytest.fixture(scope="module")
def two_devices() -> dict[str, Any]:
    # Devices are made before anything else, so it takes a process of its own.
    output, _ = programs.run("two_devices")
    return json.loads(output.splitlines()[-1])


@pytest.mark.slow
def test_step_on_two_devices_adds_up_each_gradient_once(two_devices: dict[str, Any]) -> None:
    result = two_devices["updates"][0]
    # Each label has a total and a normaliser.
    assert result["numbers"] == result["weights"] + 2 * len(TASK.labels)


@pytest.mark.slow
def test_each_of_two_devices_draws_masks_of_its_own(two_devices: dict[str, Any]) -> None:
    one, two = two_devices["updates"]
    # Both devices have the same batch. With the same masks, the total would be twice that of the first device.
    for first, both in zip(one["totals"], two["totals"], strict=True):
        assert abs(both - 2 * first) > 1e-3 * first
    # A checkpoint contains the states of one device only, so they must be equal.
    assert two["states"]
    for first, second in two["states"]:
        assert first == second


@pytest.mark.slow
def test_step_on_two_devices_is_that_of_two_batches_on_one(two_devices: dict[str, Any]) -> None:
    two, one = two_devices["trainings"]
    assert two["replicas"] == 2
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for expected, got in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
