"""The state of a training on disk, from which the same training goes on after it was killed.

::

    <folder>/<key>/state.npz         written to a temporary file that then takes the name: there is always a whole one
    <folder>/<key>/bad_batch.json    the records whose loss was not finite, if training stopped for that

The key is the fingerprint of all that the training depends on, so that a state is never taken for another's.
"""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Arrays = Mapping[str, Sequence[npt.NDArray[Any]]]

KEPT_STATES = 4
"""So many trainings that were not finished are kept in one folder; of more, the oldest go."""

_logger = logging.getLogger(__name__)


class Checkpoint:
    """The state of one training.

    Attributes:
      directory: Where it is: `<folder>/<key>`.
    """

    def __init__(self, folder: str, key: str) -> None:
        """Removes the oldest states of the folder if there are too many."""
        self.directory = os.path.join(folder, key)
        self._file = os.path.join(self.directory, "state.npz")
        _drop_oldest(folder, key)

    def save(self, numbers: Mapping[str, Any], arrays: Arrays) -> None:
        """Replaces what was saved before, all of it or nothing.

        Args:
          numbers: Values that JSON can hold.
          arrays: Name to arrays.
        """
        flat: dict[str, Any] = {"numbers": np.array(json.dumps(numbers))}
        flat |= {f"{name}/{index}": array for name, group in arrays.items() for index, array in enumerate(group)}
        buffer = io.BytesIO()
        np.savez(buffer, **flat)
        tf.io.gfile.makedirs(self.directory)
        unfinished = f"{self._file}.unfinished"
        with tf.io.gfile.GFile(unfinished, "wb") as file:
            file.write(buffer.getvalue())
        tf.io.gfile.rename(unfinished, self._file, overwrite=True)

    def load(self) -> tuple[dict[str, Any], dict[str, list[npt.NDArray[Any]]]] | None:
        """What was saved last; None if there is nothing, or a file that cannot be read (which is logged)."""
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
        """Keeps what is known of a batch whose loss was not finite. Returns the file's path."""
        path = os.path.join(self.directory, "bad_batch.json")
        tf.io.gfile.makedirs(self.directory)
        with tf.io.gfile.GFile(path, "w") as file:
            file.write(json.dumps(batch, indent=2))
        return path

    def remove(self) -> None:
        """Removes all of it, after the training is over."""
        if tf.io.gfile.exists(self.directory):
            tf.io.gfile.rmtree(self.directory)


def _drop_oldest(folder: str, key: str) -> None:
    if not tf.io.gfile.isdir(folder):
        return
    others = [os.path.join(folder, name.rstrip("/")) for name in tf.io.gfile.listdir(folder)]
    others = [path for path in others if os.path.basename(path) != key]
    others.sort(key=lambda path: tf.io.gfile.stat(path).mtime_nsec)
    for path in others[: max(0, len(others) - KEPT_STATES + 1)]:
        tf.io.gfile.rmtree(path)
