"""A training that was stopped at any moment and started again comes to what an undisturbed one comes to."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import programs
from support.training_corpus import EVERYTHING, TASK, batches, new_trainer, records, train

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.training import checkpoint
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.state import Outcome


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Dying(Checkpoint):
    """Dies after so many saves, or in the middle of one."""

    def __init__(self, folder: str, key: str, saves: int, torn: bool) -> None:
        super().__init__(folder, key)
        self._left, self._torn = saves, torn

    def save(self, *args: Any) -> None:
        self._left -= 1
        if self._left < 0 and self._torn:
            Path(self.directory, "state.npz.0123.unfinished").write_bytes(b"PK half of it")
        if self._left < 0:
            raise Killed
        super().save(*args)


class NeverRead(SequenceBatches):
    """Data of which training may read nothing but what the batches look like."""

    def make_epoch(self, number: int = 0, start: int = 0) -> tf.data.Dataset:
        assert number == 0, "an epoch is trained"
        return super().make_epoch(number, start)


@pytest.fixture(autouse=True)
def _save_after_each_update(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "WAIT_FACTOR", 0)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Outcome]:
    return train(str(tmp_path_factory.mktemp("undisturbed")), **EVERYTHING)


def test_training_comes_to_the_same_weights_when_it_was_stopped(
    undisturbed: tuple[keras.Model, Outcome], tmp_path: Path
) -> None:
    # An epoch is 10 updates and an evaluation: it is stopped before the first evaluation is saved, then in the middle
    # of saving the fourth update after it.
    for saves, torn in ((10, False), (4, True)):
        with pytest.raises(Killed):
            train(str(tmp_path), Dying(str(tmp_path / "state"), "key", saves, torn), **EVERYTHING)
    model, outcome = train(str(tmp_path), Checkpoint(str(tmp_path / "state"), "key"), **EVERYTHING)
    assert outcome == undisturbed[1]
    for expected, got in zip(undisturbed[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_training_that_reached_its_limit_ends_the_epoch_when_it_was_stopped_before_the_evaluation(
    tmp_path: Path,
) -> None:
    settings = {**EVERYTHING, "max_steps": 4}
    _, undisturbed = train(str(tmp_path), **settings)
    with pytest.raises(Killed):
        train(str(tmp_path), Dying(str(tmp_path / "state"), "key", saves=4, torn=False), **settings)
    _, outcome = train(str(tmp_path), Checkpoint(str(tmp_path / "state"), "key"), **settings)
    assert outcome == undisturbed


def test_training_starts_anew_when_the_state_is_of_another_model(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    saved.save({}, {"variables": [np.zeros(3)]})
    _, trainer = new_trainer(str(tmp_path), saved, epochs=1)
    trainer.fit(batches(), batches(seed=None))
    assert "belongs to another model: " in caplog.text
    assert "; training starts from the beginning" in caplog.text


def test_training_that_is_over_is_not_trained_again_when_it_is_started_again(
    undisturbed: tuple[keras.Model, Outcome], tmp_path: Path
) -> None:
    saved = Checkpoint(str(tmp_path / "state"), "key")
    settings = {**EVERYTHING, "epochs": 1}
    first, outcome = train(str(tmp_path), saved, **settings)
    model, trainer = new_trainer(str(tmp_path), saved, **settings)
    untouched = NeverRead(records(), TASK.columns, batch_tokens=32, seed=1)
    assert trainer.fit(untouched, batches(seed=None)) == outcome
    np.testing.assert_array_equal(model.get_weights()[0], first.get_weights()[0])


@pytest.mark.slow
def test_training_comes_to_the_same_weights_when_its_process_is_killed(
    undisturbed: tuple[keras.Model, Outcome], tmp_path: Path
) -> None:
    moments = random.Random(3)
    state = tmp_path / "state" / "training" / "state.npz"
    for _ in range(2):
        before, seen = state.stat().st_mtime_ns if state.exists() else 0, time.monotonic()
        process = programs.start("training_corpus", tmp_path, stderr=subprocess.DEVNULL)
        while process.poll() is None and time.monotonic() - seen < 300:
            if state.exists() and state.stat().st_mtime_ns > before:
                break
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"
    model, outcome = train(str(tmp_path), Checkpoint(str(tmp_path / "state"), "training"), **EVERYTHING)
    assert outcome == undisturbed[1]
    for expected, got in zip(undisturbed[0].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(got, expected)
