"""Finds an exported model in a folder, and groups sequences of similar length into batches for the model."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

BATCH_TOKENS = 16384
"""The maximum number of steps in a batch, padding included. It is enough to keep a processor busy, and few enough for
the memory of any machine."""


class ModelError(ValueError):
    """There is no model at a path, or the model does not have the signature, inputs or outputs that are needed."""


def find_model(path: str) -> str:
    """Finds a SavedModel.

    Args:
      path: The folder of a SavedModel, or a serving folder, which has a numbered folder for each version of a model.

    Returns:
      The folder of the SavedModel. In a serving folder, the newest version is chosen.

    Raises:
      ModelError: if the folder does not exist, or there is no SavedModel in it.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ModelError(f"{path}: there is no such folder; a model is a SavedModel, or a serving folder with versions")
    if _is_saved_model(folder):
        return path
    versions = [child for child in folder.iterdir() if child.name.isdecimal() and _is_saved_model(child)]
    if not versions:
        raise ModelError(f"{path}: there is no model here: neither a saved_model.pb nor a numbered version with one")
    # Versions are compared as numbers, because version 10 is newer than version 9.
    return str(max(versions, key=lambda child: int(child.name)))


def _is_saved_model(folder: pathlib.Path) -> bool:
    return (folder / "saved_model.pb").is_file()


def group_by_length(lengths: Sequence[int], max_steps: int) -> Iterator[list[int]]:
    """Groups sequences of similar length into batches, so that batches have little padding.

    A sequence of length 0 counts as one step, because a batch is padded to at least one step. An example with
    `max_steps = 18`::

        index    0 1 2 3 4          batches  [2, 0, 3]  3 sequences of up to 3 steps
        length   3 9 0 3 8                   [4, 1]     2 sequences of up to 9 steps

    The two batches are not joined, because 5 sequences that are padded to 9 steps would be 45 steps.

    Args:
      lengths: The length of each sequence.
      max_steps: The maximum number of steps in a batch, padding included. A longer sequence forms a batch alone.

    Yields:
      The indices of the sequences of each batch, the shortest sequence first.
    """
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        # The sequences are sorted, so the new one is the longest so far. All others would be padded to its length.
        padded_steps = (len(batch) + 1) * max(lengths[index], 1)
        if batch and padded_steps > max_steps:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
