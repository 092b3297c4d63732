"""Saves the state of a training, so that the same training goes on from there after it was killed.

::

    <folder>/<key>/state.npz         written to a temporary file that then takes the name: there is always a whole one
    <folder>/<key>/bad_batch.json    the records whose loss was not finite, if training stopped for that

The key is the fingerprint of all that the training depends on, so a state is never taken for that of another training.
"""

from __future__ import annotations

import io
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.training.state import TrainingState

Arrays = Mapping[str, Sequence[npt.NDArray[Any]]]

KEPT_STATES = 4
"""The number of states in one folder. Those of trainings that were given up are each several times as large as a model;
a few are kept for whoever goes back to earlier settings."""

_logger = logging.getLogger(__name__)


class Checkpoint:
    """The saved state of one training.

    Making it removes the oldest states of the folder if there are too many.

    Args:
      folder: Holds the states of several trainings.
      key: Names the training.

    Attributes:
      directory: The folder of this state, `<folder>/<key>`.
    """

    def __init__(self, folder: str, key: str) -> None:
        self.directory = os.path.join(folder, key)
        self._file = os.path.join(self.directory, "state.npz")
        _remove_oldest(folder, key)

    def save(self, numbers: Mapping[str, Any], arrays: Arrays) -> None:
        """Replaces what was saved before, all of it or nothing.

        Args:
          numbers: Values that JSON can hold.
          arrays: Name to arrays.
        """
        flat: dict[str, Any] = {"numbers": np.array(json.dumps(numbers))}
        for name, group in arrays.items():
            flat |= {f"{name}/{index}": array for index, array in enumerate(group)}
        buffer = io.BytesIO()
        np.savez(buffer, **flat)
        tf.io.gfile.makedirs(self.directory)
        unfinished = f"{self._file}.unfinished"
        with tf.io.gfile.GFile(unfinished, "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(unfinished, self._file, overwrite=True)

    def load(self) -> tuple[dict[str, Any], dict[str, list[npt.NDArray[Any]]]] | None:
        """Returns the numbers and arrays that were saved last.

        None if there are none, or the file cannot be read, which is logged: training then starts from the beginning.
        """
        if not tf.io.gfile.exists(self._file):
            return None
        try:
            with tf.io.gfile.GFile(self._file, "rb") as file, np.load(io.BytesIO(file.read())) as loaded:
                arrays: dict[str, list[npt.NDArray[Any]]] = {}
                for name in loaded.files:
                    if name != "numbers":
                        arrays.setdefault(name.split("/")[0], []).append(loaded[name])
                return json.loads(str(loaded["numbers"])), arrays
        except Exception:  # A damaged zip raises almost anything.
            _logger.warning("%s cannot be read; training starts from the beginning", self._file, exc_info=True)
            return None

    def write_bad_batch(self, batch: Mapping[str, Any]) -> str:
        """Writes what is known of a batch whose loss was not finite. Returns the file's path."""
        path = os.path.join(self.directory, "bad_batch.json")
        tf.io.gfile.makedirs(self.directory)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(json.dumps(batch, indent=2))
        return path

    def remove(self) -> None:
        """Removes the state, after the training is over."""
        if tf.io.gfile.exists(self.directory):
            tf.io.gfile.rmtree(self.directory)


class PeriodicCheckpoint:
    """Saves a training each time that some seconds have passed, and restores it.

    Args:
      checkpoint: Holds the saved state; if None, nothing is saved.
      variables: All variables that the training depends on, with those of random generators, always in the same order.
      seconds: The least time between two saves.
    """

    def __init__(self, checkpoint: Checkpoint | None, variables: Sequence[Any], seconds: float) -> None:
        self._checkpoint = checkpoint
        self._variables = variables
        self._seconds = seconds
        self._saved_at = time.monotonic()

    def restore(self) -> TrainingState | None:
        """Restores the variables, and returns the rest of the state; None if there is nothing to restore."""
        if self._checkpoint is None:
            return None
        loaded = self._checkpoint.load()
        if loaded is None:
            return None
        numbers, arrays = loaded
        values = arrays["variables"]
        if [tuple(variable.shape) for variable in self._variables] != [value.shape for value in values]:
            directory = self._checkpoint.directory
            _logger.warning("what is saved in %s is of another model; training starts anew", directory)
            return None
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
        return TrainingState.from_json(numbers, arrays.get("best", []))

    def save_if_due(self, state: TrainingState) -> None:
        """Saves the variables and the state, unless they were saved lately."""
        if self._checkpoint is None or time.monotonic() - self._saved_at < self._seconds:
            return
        values = [tf.convert_to_tensor(variable).numpy() for variable in self._variables]
        self._checkpoint.save(state.to_json(), {"variables": values, "best": state.best_weights})
        self._saved_at = time.monotonic()


def _remove_oldest(folder: str, key: str) -> None:
    """Removes states, the oldest first, until there is room for the one of this key."""
    if not tf.io.gfile.isdir(folder):
        return
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    others = [os.path.join(folder, name) for name in names if name != key]
    others.sort(key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    for path in others[: max(0, len(others) - KEPT_STATES + 1)]:
        tf.io.gfile.rmtree(path)
