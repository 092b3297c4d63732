"""Two trainings of the network of a new project are one, whichever process they run in, also when one was killed."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import programs

pytestmark = pytest.mark.slow


def _read(folder: Path) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Returns the variables and the history of a training."""
    with np.load(folder / "weights.npz") as weights:
        return [weights[name] for name in weights.files], json.loads((folder / "history.json").read_text())


def _kill_within(folder: Path) -> None:
    """Starts a training, and kills it after its first saves."""
    process = programs.start("own_model_training", folder, stderr=subprocess.DEVNULL)
    while not list(folder.glob("state/*/state.npz")):
        assert process.poll() is None, "it was over before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was over before it could be killed"


def test_processes_come_to_equal_weights_and_metrics(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "killed")]
    for folder in folders:
        folder.mkdir()
    _kill_within(folders[2])
    for number, folder in enumerate(folders):
        programs.run("own_model_training", folder, variables={"PYTHONHASHSEED": str(number)})
    expected, history = _read(folders[0])
    assert len(history) == 4
    for folder in folders[1:]:
        variables, other_history = _read(folder)
        assert other_history == history
        for value, other in zip(variables, expected, strict=True):
            np.testing.assert_array_equal(value, other)
