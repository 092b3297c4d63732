"""The files that a training is saved in."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.training import checkpoint
from tfx_sequence.components.sequence_trainer.training.checkpoint import MAX_STATES, Checkpoint, PeriodicCheckpoint
from tfx_sequence.components.sequence_trainer.training.state import Outcome, TrainingState

BEST = Outcome(epoch=1, metrics={"loss": 0.5}, score=-0.5)


class Clock:
    """A clock that only the test moves, in place of the module `time`."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class SlowCheckpoint(Checkpoint):
    """Takes so many seconds for each save, and remembers when each began."""

    def __init__(self, folder: str, key: str, clock: Clock, seconds: float) -> None:
        super().__init__(folder, key)
        self.seconds = seconds
        self.started: list[float] = []
        self._clock = clock

    def save(self, *_: Any) -> None:
        self.started.append(self._clock.now)
        self._clock.now += self.seconds


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


def test_completed_state_stays_for_the_same_training_and_is_removed_by_another(tmp_path: Path) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    assert not saved.was_completed
    saved.save({"epoch": 3}, {})
    saved.mark_completed()
    again = Checkpoint(str(tmp_path), "key")  # The first run was killed before its model was recorded.
    assert again.was_completed
    assert again.load() == ({"epoch": 3}, {})
    Checkpoint(str(tmp_path), "other").save({}, {})
    assert (tmp_path / "key").exists(), "the state of a training that runs again was removed"
    again.mark_completed()
    assert not Checkpoint(str(tmp_path), "other").was_completed
    assert {path.name for path in tmp_path.iterdir()} == {"other"}


def test_training_without_a_saved_state_leaves_nothing_when_it_is_completed(tmp_path: Path) -> None:
    Checkpoint(str(tmp_path), "key").mark_completed()
    assert list(tmp_path.iterdir()) == []


def test_save_is_on_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    synced = []

    def sync(descriptor: int) -> None:
        state = tmp_path / "key" / "state.npz"
        synced.append((Path(os.readlink(f"/proc/self/fd/{descriptor}")), state.exists()))

    monkeypatch.setattr(os, "fsync", sync)
    saved.save({}, {"variables": [np.zeros(1)]})
    (file, was_renamed), (folder, is_renamed) = synced
    assert file.parent == folder == tmp_path / "key"
    assert file.name.startswith("state.npz.")
    assert (was_renamed, is_renamed) == (False, True)


def test_failed_save_leaves_the_earlier_state_alone(tmp_path: Path) -> None:
    saved = Checkpoint(str(tmp_path), "key")
    saved.save({"epoch": 1}, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))  # As a disk that is full.
    try:
        with pytest.raises(OSError, match="too large"):
            saved.save({"epoch": 2}, {"variables": [np.zeros(1 << 15)]})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert saved.load() == ({"epoch": 1}, {})
    assert [path.name for path in (tmp_path / "key").iterdir()] == ["state.npz"]


def test_unfinished_files_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    Checkpoint(str(tmp_path), "key").save({}, {})
    (tmp_path / "key" / "state.npz.0123.unfinished").write_bytes(b"PK half of it")
    (tmp_path / "key" / "bad_batch.json").write_text("{}")
    Checkpoint(str(tmp_path), "key")
    assert {path.name for path in (tmp_path / "key").iterdir()} == {"state.npz", "bad_batch.json"}


def test_remote_states_are_saved_completed_and_removed(tmp_path: Path) -> None:
    folder = f"ram://{tmp_path}"  # A file system of TensorFlow that Python's own functions do not know.
    saved = Checkpoint(folder, "key")
    saved.save({"epoch": 1}, {"variables": [np.arange(3)]})
    numbers, arrays = saved.load()
    assert numbers == {"epoch": 1}
    np.testing.assert_array_equal(arrays["variables"][0], np.arange(3))
    saved.mark_completed()
    assert Checkpoint(folder, "key").load() is not None
    saved.mark_completed()
    Checkpoint(folder, "other")
    assert not tf.io.gfile.exists(f"{folder}/key/state.npz")


def test_saving_takes_less_than_a_twentieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(checkpoint, "time", clock)
    saved = SlowCheckpoint(str(tmp_path), "key", clock, seconds=12.0)
    periodic = PeriodicCheckpoint(saved, [], [], seconds=30.0)
    for _ in range(10_000):
        clock.now += 1.0  # An update.
        periodic.save_if_due(TrainingState())
    # The first save is due after 30 s, and the others 20 * 12 s after the one before.
    assert saved.started[:3] == [30.0, 282.0, 534.0]
    assert saved.seconds * len(saved.started) < clock.now / 20


def test_states_that_are_saved_fast_are_saved_as_often_as_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(checkpoint, "time", clock)
    saved = SlowCheckpoint(str(tmp_path), "key", clock, seconds=1.0)
    periodic = PeriodicCheckpoint(saved, [], [], seconds=30.0)
    for _ in range(100):
        clock.now += 1.0
        periodic.save_if_due(TrainingState())
    assert saved.started == [30.0, 61.0, 92.0]


def save_state(folder: Path, best: Outcome | None = BEST) -> Path:
    """Saves a state of 12 variables, of which the first two are weights. Returns its file."""
    values = [np.full(2, number, np.float32) for number in range(12)]
    state = TrainingState(epoch=2, step=7, best=best)
    Checkpoint(str(folder), "key").save(state.to_json(), {"variables": values, "best": values[:2] if best else []})
    return folder / "key" / "state.npz"


def restore_state(folder: Path) -> tuple[TrainingState | None, list[float]]:
    """Returns the restored state, and the first number of each variable, which is -1 if it was not restored."""
    variables = [keras.Variable(np.full(2, -1, np.float32)) for _ in range(12)]
    periodic = PeriodicCheckpoint(Checkpoint(str(folder), "key"), variables, variables[:2], seconds=30.0)
    return periodic.restore(), [float(variable.numpy()[0]) for variable in variables]


@pytest.mark.parametrize("best", [BEST, None], ids=["best", "no best"])
def test_whole_state_is_restored(tmp_path: Path, best: Outcome | None) -> None:
    save_state(tmp_path, best)
    state, values = restore_state(tmp_path)
    assert state is not None
    assert (state.epoch, state.step, state.best, len(state.best_weights)) == (2, 7, best, 2 if best else 0)
    assert values == list(range(12))


def without_numbers(*path: str) -> Any:
    """Returns a change of a state's arrays that removes the field at the path from its numbers."""

    def change(arrays: dict[str, Any]) -> None:
        numbers = json.loads(str(arrays["numbers"]))
        table = numbers
        for name in path[:-1]:
            table = table[name]
        del table[path[-1]]
        arrays["numbers"] = np.array(json.dumps(numbers))

    return change


def without_arrays(*names: str) -> Any:
    """Returns a change of a state's arrays that removes some."""

    def change(arrays: dict[str, Any]) -> None:
        for name in names:
            del arrays[name]

    return change


def with_array(name: str, array: Any) -> Any:
    """Returns a change of a state's arrays that replaces one."""

    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = array

    return change


CHANGES = {
    "no numbers": without_arrays("numbers"),
    "no variables": without_arrays(*(f"variables/{number}" for number in range(12))),
    "no first variable": without_arrays("variables/0"),
    "no variable in the middle": without_arrays("variables/5"),
    "no last variable": without_arrays("variables/11"),
    "no best weights": without_arrays("best/0", "best/1"),
    "no last best weight": without_arrays("best/1"),
    "no epoch": without_numbers("epoch"),
    "no best": without_numbers("best"),
    "no sums": without_numbers("sums"),
    "no tokens": without_numbers("sums", "tokens"),
    "no score": without_numbers("best", "score"),
    "another shape": with_array("variables/3", np.zeros([2, 2], np.float32)),
    "another dtype": with_array("variables/3", np.zeros(2, np.int32)),
    "another shape of a best weight": with_array("best/1", np.zeros(3, np.float32)),
    "numbers that are no JSON": with_array("numbers", np.array("{")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_training_starts_anew_when_parts_of_the_state_are_missing(
    tmp_path: Path, change: Any, caplog: pytest.LogCaptureFixture
) -> None:
    file = save_state(tmp_path)
    with np.load(file) as loaded:
        arrays = dict(loaded)
    change(arrays)
    np.savez(file, **arrays)
    state, values = restore_state(tmp_path)
    assert state is None
    assert values == [-1] * 12, "a variable was changed"
    assert "training starts from the beginning" in caplog.text
