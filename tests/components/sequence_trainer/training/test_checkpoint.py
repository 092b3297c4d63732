"""The files that a training is saved in."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tfx_sequence.components.sequence_trainer.training.checkpoint import MAX_STATES, Checkpoint


def test_saved_state_gives_back_what_was_saved(tmp_path: Path) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    assert saved.load() is None
    arrays = {"variables": [np.arange(3, dtype="uint32"), np.float32(2)], "best": [np.ones([2, 2])]}
    saved.save({"epoch": 3, "loss": 0.1}, arrays)
    saved.save({"epoch": 4, "loss": 0.1}, arrays)
    numbers, loaded = saved.load()
    assert numbers == {"epoch": 4, "loss": 0.1}
    assert loaded["variables"][0].dtype == np.uint32
    for name, group in arrays.items():
        for before, after in zip(group, loaded[name], strict=True):
            np.testing.assert_array_equal(after, before)


def test_saved_state_is_none_when_it_cannot_be_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    saved.save({}, {})
    (tmp_path / "key" / "state.npz").write_bytes(b"PK no zip at all")
    assert saved.load() is None
    assert "cannot be read; training starts from the beginning" in caplog.text


def test_saved_states_of_other_trainings_are_bounded(tmp_path: Path) -> None:
    for number in range(MAX_STATES + 3):
        Checkpoint(str(tmp_path), f"key{number}").save({}, {"variables": [np.zeros(1)]})
        os.utime(tmp_path / f"key{number}", (number, number))
    kept = {f"key{number}" for number in range(3, MAX_STATES + 3)}
    assert {path.name for path in tmp_path.iterdir()} == kept
