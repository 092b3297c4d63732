"""Saves the state of a training to a file and restores it, so that a training that was killed can continue.

::

    <folder>/<key>/state.npz         the saved state
    <folder>/<key>/bad_batch.json    the records of a batch whose loss was not finite, if there was such a batch

A state is first written to a temporary file, which is then renamed, so `state.npz` is always complete.

The key is the fingerprint of everything that the training depends on. So a training never restores the state of another
training.
"""

from __future__ import annotations

import io
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.training.state import TrainingState

Arrays = Mapping[str, Sequence[npt.NDArray[Any]]]
"""Several named groups of arrays, such as the values of all variables."""

MAX_STATES = 4
"""The maximum number of states in one folder.

The states of trainings that were never finished stay there. Each state is several times as large as the model. A few
are kept, so that a user who returns to earlier settings can continue an earlier training.
"""

_logger = logging.getLogger(__name__)


class Checkpoint:
    """Saves and loads the state of one training.

    The constructor removes the oldest states of the folder if there are more than `MAX_STATES`.

    Args:
      folder: The folder for the states of all trainings.
      key: The name of this training.

    Attributes:
      directory: The folder of the state of this training, `<folder>/<key>`.
    """

    def __init__(self, folder: str, key: str) -> None:
        self.directory = os.path.join(folder, key)
        self._file = os.path.join(self.directory, "state.npz")
        _remove_oldest(folder, key)

    def save(self, numbers: Mapping[str, Any], arrays: Arrays) -> None:
        """Replaces the saved state. If saving fails, the earlier state stays.

        Args:
          numbers: A dict of values that JSON can hold.
          arrays: The groups of arrays, by name.
        """
        flat: dict[str, Any] = {"numbers": np.array(json.dumps(numbers))}
        for name, group in arrays.items():
            flat |= {f"{name}/{index}": array for index, array in enumerate(group)}
        # `np.savez` cannot write to remote files, so the archive is made in memory.
        buffer = io.BytesIO()
        np.savez(buffer, **flat)
        tf.io.gfile.makedirs(self.directory)
        unfinished = f"{self._file}.unfinished"
        with tf.io.gfile.GFile(unfinished, "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(unfinished, self._file, overwrite=True)

    def load(self) -> tuple[dict[str, Any], dict[str, list[npt.NDArray[Any]]]] | None:
        """Returns the numbers and arrays that were saved last; None if nothing was saved.

        If the file cannot be read, logs a warning and returns None. Training then starts from the beginning.
        """
        if not tf.io.gfile.exists(self._file):
            return None
        try:
            with tf.io.gfile.GFile(self._file, "rb") as file, np.load(io.BytesIO(file.read())) as loaded:
                return json.loads(str(loaded["numbers"])), _group_arrays(loaded)
        except Exception:  # A damaged zip file can raise almost any exception.
            _logger.warning("%s cannot be read; training starts from the beginning", self._file, exc_info=True)
            return None

    def write_bad_batch(self, batch: Mapping[str, Any]) -> str:
        """Writes a description of a batch whose loss was not finite. Returns the path of the file."""
        path = os.path.join(self.directory, "bad_batch.json")
        tf.io.gfile.makedirs(self.directory)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(json.dumps(batch, indent=2))
        return path

    def remove(self) -> None:
        """Removes the saved state. Call this when the training is finished."""
        if tf.io.gfile.exists(self.directory):
            tf.io.gfile.rmtree(self.directory)


class PeriodicCheckpoint:
    """Saves the state of a training at regular intervals, and restores it.

    Args:
      checkpoint: Saves and loads the state. If None, nothing is saved.
      variables: All variables that the training depends on, which include the states of random generators. Their order
        must be the same in each run.
      seconds: The minimum time between two saves, in seconds.
    """

    def __init__(
        self, checkpoint: Checkpoint | None, variables: Sequence[keras.Variable | tf.Variable], seconds: float
    ) -> None:
        self._checkpoint = checkpoint
        self._variables = variables
        self._seconds = seconds
        self._saved_at = time.monotonic()

    def restore(self) -> TrainingState | None:
        """Restores the variables, and returns the other state; None if there is no state that fits the variables."""
        if self._checkpoint is None:
            return None
        loaded = self._checkpoint.load()
        if loaded is None:
            return None
        numbers, arrays = loaded
        values = arrays["variables"]
        # The key does not depend on all code of the model, so the shapes may still differ.
        if [tuple(variable.shape) for variable in self._variables] != [value.shape for value in values]:
            directory = self._checkpoint.directory
            _logger.warning("the state in %s belongs to another model; training starts from the beginning", directory)
            return None
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
        return TrainingState.from_json(numbers, arrays.get("best", []))

    def save_if_due(self, state: TrainingState) -> None:
        """Saves the variables and the state, if the interval since the last save has passed."""
        if self._checkpoint is None or time.monotonic() - self._saved_at < self._seconds:
            return
        values = [tf.convert_to_tensor(variable).numpy() for variable in self._variables]
        self._checkpoint.save(state.to_json(), {"variables": values, "best": state.best_weights})
        self._saved_at = time.monotonic()


def _group_arrays(loaded: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[npt.NDArray[Any]]]:
    """Collects the arrays `<name>/0`, `<name>/1`, ... in one list per name. Their order in the file is kept."""
    arrays: dict[str, list[npt.NDArray[Any]]] = {}
    for key, array in loaded.items():
        if key != "numbers":
            arrays.setdefault(key.split("/")[0], []).append(array)
    return arrays


def _remove_oldest(folder: str, key: str) -> None:
    """Removes the oldest states of other keys, so that there is room for the state of this key."""
    if not tf.io.gfile.isdir(folder):
        return
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    others = [os.path.join(folder, name) for name in names if name != key]
    others.sort(key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    for path in others[: max(0, len(others) - MAX_STATES + 1)]:
        tf.io.gfile.rmtree(path)
