"""Saves the state of a training to a file and restores it, so that a training that was killed can continue.

::

    <folder>/<key>/state.npz                         the saved state
    <folder>/<key>/state.npz.<random>.unfinished     a state that is being written
    <folder>/<key>/completed                         exists if the training has ended and its model was exported
    <folder>/<key>/bad_batch.json                    the records of a batch whose loss was not finite, if there was one

A state is first written to a file with a name of its own, which is flushed to the disk and then renamed, so `state.npz`
is always complete.

The key is the fingerprint of everything that the training depends on. So a training never restores the state of another
training.

A trainer cannot know whether its exported model was recorded, because TFX records an execution after the trainer has
returned. If the process is killed before that, TFX runs the same training again. So the state of a completed training
stays. If the same training runs again, it restores this state and only exports the model. Any other training in the
folder removes it.
"""

from __future__ import annotations

import io
import json
import logging
import os
import time
import uuid
from collections import Counter
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

WAIT_FACTOR = 20
"""The minimum time between two saves, as a multiple of the time that the last save took.

No weights are updated while a state is saved. With a wait of 20 times as long, saving takes at most 1 / 21 of the time,
which is less than 5 %. The states of small models are saved in milliseconds, and this does not delay them.
"""

_UNFINISHED = ".unfinished"
_COMPLETED = "completed"

_logger = logging.getLogger(__name__)


class Checkpoint:
    """Saves and loads the state of one training.

    The constructor makes room for the state. It removes the files that a killed run of this training has left
    unfinished, the states of other trainings that are completed, and the oldest of the others if there are more than
    `MAX_STATES`.

    Args:
      folder: The folder for the states of all trainings.
      key: The name of this training.

    Attributes:
      directory: The folder of the state of this training, `<folder>/<key>`.
      was_completed: Whether an earlier run has completed this training.
    """

    def __init__(self, folder: str, key: str) -> None:
        self.directory = os.path.join(folder, key)
        self._file = os.path.join(self.directory, "state.npz")
        self.was_completed = _is_completed(self.directory)
        _remove_others(folder, key)
        _remove_unfinished(self.directory)

    def save(self, numbers: Mapping[str, Any], arrays: Arrays) -> None:
        """Replaces the saved state. If saving fails, the earlier state stays.

        Args:
          numbers: A dict of values that JSON can hold.
          arrays: The groups of arrays, by name.
        """
        flat: dict[str, Any] = {"numbers": np.array(json.dumps(numbers))}
        for name, group in arrays.items():
            flat |= {f"{name}/{index}": array for index, array in enumerate(group)}
        tf.io.gfile.makedirs(self.directory)
        # The name is random, so two runs of this training cannot write to the same file.
        unfinished = f"{self._file}.{uuid.uuid4().hex}{_UNFINISHED}"
        try:
            _write_archive(unfinished, flat)
            _rename_file(unfinished, self._file)
        except BaseException:
            if tf.io.gfile.exists(unfinished):
                tf.io.gfile.remove(unfinished)
            raise

    def load(self) -> tuple[dict[str, Any], dict[str, list[npt.NDArray[Any]]]] | None:
        """Returns the numbers and arrays that were saved last; None if nothing was saved.

        If the file cannot be read, or if it lacks an array of a group, logs a warning and returns None. Training then
        starts from the beginning.
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

    def mark_completed(self) -> None:
        """Marks the state as that of a completed training, which other trainings may remove.

        Call this when the model is exported. If no state was saved, does nothing.
        """
        if tf.io.gfile.exists(self._file):
            with tf.io.gfile.GFile(os.path.join(self.directory, _COMPLETED), "w") as file:
                file.write("")


class PeriodicCheckpoint:
    """Saves the state of a training at regular intervals, and restores it.

    Args:
      checkpoint: Saves and loads the state. If None, nothing is saved.
      variables: All variables that the training depends on, which include the states of random generators. Their order
        must be the same in each run.
      weights: The weights of the model. The best weights in a state have their number and shapes.
      seconds: The minimum time between two saves, in seconds. The time is longer if saving takes long, see
        `WAIT_FACTOR`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint | None,
        variables: Sequence[keras.Variable | tf.Variable],
        weights: Sequence[keras.Variable],
        seconds: float,
    ) -> None:
        self._checkpoint = checkpoint
        self._variables = variables
        self._weights = weights
        self._seconds = seconds
        self._save_at = time.monotonic() + seconds

    def restore(self) -> TrainingState | None:
        """Restores the variables, and returns the other state.

        Returns:
          The other state; None if there is no state. If there is one that lacks parts or does not fit the variables,
          logs a warning, changes no variable and returns None.
        """
        if self._checkpoint is None:
            return None
        loaded = self._checkpoint.load()
        if loaded is None:
            return None
        numbers, arrays = loaded
        values = arrays.get("variables", [])
        best_weights = arrays.get("best", [])
        try:
            state = TrainingState.from_json(numbers, best_weights)
            # The key does not depend on all code of the model, so the shapes may differ.
            _check_values_fit("variables", values, self._variables)
            _check_values_fit("best weights", best_weights, self._weights if state.best is not None else [])
        except ValueError as error:
            _logger.warning(
                "the state in %s is incomplete or belongs to another model: %s; training starts from the beginning",
                self._checkpoint.directory,
                error,
            )
            return None
        for variable, value in zip(self._variables, values, strict=True):
            variable.assign(value)
        return state

    def save_if_due(self, state: TrainingState) -> None:
        """Saves the variables and the state, if enough time has passed since the last save."""
        start = time.monotonic()
        if self._checkpoint is None or start < self._save_at:
            return
        values = [tf.convert_to_tensor(variable).numpy() for variable in self._variables]
        self._checkpoint.save(state.to_json(), {"variables": values, "best": state.best_weights})
        end = time.monotonic()
        self._save_at = end + max(self._seconds, WAIT_FACTOR * (end - start))


def _check_values_fit(
    name: str, values: Sequence[npt.NDArray[Any]], variables: Sequence[keras.Variable | tf.Variable]
) -> None:
    """Raises a ValueError if the values do not have the number, the shapes and the dtypes of the variables."""
    if len(values) != len(variables):
        raise ValueError(f"it has {len(values)} {name}, but {len(variables)} are needed")
    for index, (value, variable) in enumerate(zip(values, variables, strict=True)):
        shape, dtype = tuple(variable.shape), tf.as_dtype(variable.dtype).name
        if (value.shape, value.dtype.name) != (shape, dtype):
            raise ValueError(
                f"number {index} of its {name} is {value.dtype.name} {value.shape}, but {dtype} {shape} is needed"
            )


def _group_arrays(loaded: Mapping[str, npt.NDArray[Any]]) -> dict[str, list[npt.NDArray[Any]]]:
    """Collects the arrays `<name>/0`, `<name>/1`, ... in one list per name.

    Raises:
      KeyError: if an array before the last one of its group is missing.
    """
    sizes = Counter(key.partition("/")[0] for key in loaded if key != "numbers")
    groups: dict[str, list[npt.NDArray[Any]]] = {}
    for name, size in sizes.items():
        groups[name] = [loaded[f"{name}/{index}"] for index in range(size)]
    return groups


def _is_local(path: str) -> bool:
    """Returns whether a path is in the local file system, and not a URL such as `gs://bucket/folder`."""
    return "://" not in path


def _write_archive(path: str, arrays: Mapping[str, Any]) -> None:
    """Writes arrays to a file as `np.savez` does. A local file is then on the disk, not only in the system's cache."""
    if _is_local(path):
        with open(path, "wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        return
    # `np.savez` seeks, which is not possible in remote files, so the archive is made in memory.
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with tf.io.gfile.GFile(path, "wb") as remote_file:
        remote_file.write(buffer.getvalue())


def _rename_file(path: str, new_path: str) -> None:
    """Renames a file, which replaces a file of the new name. The new name of a local file is then on the disk."""
    tf.io.gfile.rename(path, new_path, overwrite=True)
    if _is_local(path):
        folder = os.open(os.path.dirname(new_path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _is_completed(directory: str) -> bool:
    """Returns whether `mark_completed` has marked the state in a folder."""
    return bool(tf.io.gfile.exists(os.path.join(directory, _COMPLETED)))


def _remove_unfinished(directory: str) -> None:
    """Removes the unfinished files of a training, and the mark that it is completed, because it runs again now."""
    if not tf.io.gfile.isdir(directory):
        return
    for name in tf.io.gfile.listdir(directory):
        if name.endswith(_UNFINISHED) or name == _COMPLETED:
            tf.io.gfile.remove(os.path.join(directory, name))


def _remove_others(folder: str, key: str) -> None:
    """Removes the completed states of other keys, and the oldest ones, so that there is room for the state of `key`."""
    if not tf.io.gfile.isdir(folder):
        return
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(folder)]
    others = [os.path.join(folder, name) for name in names if name != key]
    others.sort(key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    completed = [path for path in others if _is_completed(path)]
    not_completed = [path for path in others if path not in completed]
    num_surplus = max(0, len(not_completed) - MAX_STATES + 1)
    for path in completed + not_completed[:num_surplus]:
        tf.io.gfile.rmtree(path)
