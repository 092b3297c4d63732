"""Batches whose loss is not finite, and what they leave as it was: against a training that never sees them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import programs
from support.training_corpus import EVERYTHING, SILENT, TASK, batches, new_trainer

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.training import checkpoint as checkpoint_module
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.contract import PROGRESS_LOGGER


class NormedModel(SequenceModel):
    """A model that computes moving means of its batches, as one of a user may."""

    def __init__(self) -> None:
        super().__init__(TASK, SILENT, seed=1)
        self._norm = keras.layers.BatchNormalization()

    def call_on_window(
        self, features: Batch, states: Nest, training: bool = False
    ) -> tuple[dict[str, tf.Tensor], Nest]:
        pitch = self._norm(features["pitch"][..., None], training=training)[..., 0]
        return super().call_on_window({**features, "pitch": pitch}, states, training)


def _read(variables: list[Any]) -> list[np.ndarray]:
    return [tf.convert_to_tensor(variable).numpy() for variable in variables]


@pytest.mark.parametrize(
    "settings", [{}, {"accumulate": 2}, {"window": 2}, {"precision": "mixed_float16"}, {"own_model": True}]
)
def test_an_update_that_is_not_finite_is_not_made(settings: dict[str, Any]) -> None:
    own_model = settings.pop("own_model", False)
    config = TrainingConfig(average=0.9, skip_bad_batches=1, **settings)
    first, second, third = list(batches(seed=None).make_epoch())[:3]
    # With a loss scale, an infinite number makes the gradient infinite, which the optimizer itself passes over.
    wrong = np.nan if "precision" in settings else np.inf
    bad = {**second, "pitch": second["pitch"] + wrong}
    # With several batches in an update, a good one is passed over together with the bad one.
    bad_group = [second, bad] if "accumulate" in settings else [bad]

    keras.utils.set_random_seed(1)
    model = NormedModel() if own_model else SequenceModel(TASK, SILENT, seed=1)
    model(first)
    averages = WeightAverages(model.trainable_variables, config.average)
    optimizer = make_optimizer(config, model)
    step = make_training_step(model, optimizer, averages, config, batches(count=3).make_epoch().element_spec)
    variables = [*model.variables, *optimizer.variables, *averages.variables]

    assert step([first]).is_finite
    before = _read(variables)
    assert not step(bad_group).is_finite
    for value, other in zip(_read(variables), before, strict=True):
        np.testing.assert_array_equal(value, other)
    # The next update is that of a training that never saw the bad batch.
    assert step([third]).is_finite
    after = _read(variables)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    step([third])
    for value, other in zip(_read(variables), after, strict=True):
        assert np.isfinite(value).all()
        np.testing.assert_array_equal(value, other)


def test_training_passes_over_as_many_bad_batches_as_it_may(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # The bad record is in one batch of each epoch.
    _, trainer = new_trainer(str(tmp_path), epochs=3, skip_bad_batches=3)
    with caplog.at_level(logging.INFO, logger=PROGRESS_LOGGER):
        trainer.fit(batches(bad=17), batches(seed=None))
    assert [figures["skipped_batches"] for figures in trainer.history] == [1, 2, 3]
    assert all(np.isfinite(list(figures.values())).all() for figures in trainer.history)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 3
    assert "is passed over (1 of at most 3): the loss or its gradient is not finite" in warnings[0]
    (named,) = json.loads(warnings[0].partition("its records are ")[2])
    assert (named["record"], named["context"]["id"], named["not_finite"]) == (17, ["record 17"], ["pitch"])


def test_training_stops_at_one_bad_batch_more(tmp_path: Path) -> None:
    _, trainer = new_trainer(str(tmp_path), epochs=3, skip_bad_batches=2)
    with pytest.raises(TaskError, match=r"is not finite .* in epoch 3, batch .* 2 such batches were passed over"):
        trainer.fit(batches(bad=17), batches(seed=None))


def test_epoch_of_bad_batches_alone_has_no_loss(tmp_path: Path) -> None:
    _, trainer = new_trainer(str(tmp_path), epochs=1, skip_bad_batches=1)
    trainer.fit(batches(count=1, bad=0), batches(seed=None))
    assert np.isnan(trainer.history[0]["loss"])


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Dying(Checkpoint):
    """Dies after so many saves."""

    def __init__(self, folder: str, saves: int) -> None:
        super().__init__(folder, "key")
        self._saves_left = saves

    def save(self, *args: Any) -> None:
        super().save(*args)
        self._saves_left -= 1
        if not self._saves_left:
            raise Killed


def test_training_that_was_killed_keeps_its_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_module, "WAIT_FACTOR", 0)  # The state is saved after each update.
    settings = {**EVERYTHING, "epochs": 2, "skip_bad_batches": 2}

    def train(checkpoint: Checkpoint | None) -> tuple[list[np.ndarray], list[dict[str, float]]]:
        model, trainer = new_trainer(str(tmp_path), checkpoint, **settings)
        trainer.fit(batches(bad=17), batches(seed=None))
        timeless = [
            {name: value for name, value in figures.items() if name != "tokens_per_second"}
            for figures in trainer.history
        ]
        return model.get_weights(), timeless

    expected, expected_history = train(None)
    # An epoch is 10 batches and an evaluation, so the first bad batch is behind the save, and the second is ahead.
    with pytest.raises(Killed):
        train(Dying(str(tmp_path / "state"), saves=12))
    found, history = train(Checkpoint(str(tmp_path / "state"), "key"))
    assert history == expected_history
    assert [figures["skipped_batches"] for figures in history] == [1, 2]
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(value, other)


@pytest.mark.slow
def test_two_devices_pass_over_what_one_device_does() -> None:
    # Devices are made before anything else, so it takes a process of its own.
    output, _ = programs.run("two_devices", "bad")
    two, one = json.loads(output.splitlines()[-1])["trainings"]
    assert two["replicas"] == 2
    assert two["skipped"] == one["skipped"] == [1, 2]
    np.testing.assert_allclose(two["losses"], one["losses"], rtol=1e-5)
    for expected, got in zip(one["weights"], two["weights"], strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-6)
