"""Finds an exported model in a folder, and groups sequences into batches for it."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Sequence

BATCH_TOKENS = 16384
"""Steps in a batch, padding included: enough to keep a processor busy, and little enough for any memory."""


class ModelError(ValueError):
    """A model cannot be found, or cannot answer what it is asked."""


def find_model(path: str) -> str:
    """Returns the SavedModel at `path`: the folder itself, or its newest version if it is a `serving` folder.

    Raises:
      ModelError: if there is neither.
    """
    folder = pathlib.Path(path)
    if not folder.is_dir():
        raise ModelError(f"{path}: there is no such folder; a model is a SavedModel, or a serving folder with versions")
    if _is_saved_model(folder):
        return path
    versions = [child for child in folder.iterdir() if child.name.isdecimal() and _is_saved_model(child)]
    if not versions:
        raise ModelError(f"{path}: there is no model here: neither a saved_model.pb nor a numbered version with one")
    # By number, not by name: version 10 is newer than version 9.
    return str(max(versions, key=lambda child: int(child.name)))


def _is_saved_model(folder: pathlib.Path) -> bool:
    return (folder / "saved_model.pb").is_file()


def group_by_length(lengths: Sequence[int], max_steps: int) -> Iterator[list[int]]:
    """Groups sequences of like length into batches, so that little is padded.

    Sequences of length 0 are left out: they have no steps to answer for. Lengths 3, 9, 0, 2, 8 in batches of 18 steps::

        index    0 1 2 3 4          batches  [3, 0]  2 sequences of up to 3 steps
        length   3 9 0 2 8                   [4, 1]  2 sequences of up to 9 steps; with 3 and 0 they would be 36 steps

    Args:
      lengths: The length of each sequence.
      max_steps: The most steps in a batch, padding included. A longer sequence is a batch of its own.

    Yields:
      The indices of the sequences of a batch, shortest first.
    """
    batch: list[int] = []
    indices = [index for index, length in enumerate(lengths) if length]
    for index in sorted(indices, key=lambda index: lengths[index]):
        # The new sequence is the longest so far: the whole batch would be padded to it.
        if batch and (len(batch) + 1) * lengths[index] > max_steps:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
