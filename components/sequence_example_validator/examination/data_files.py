"""Finds the files of a data set, and tells from their names which split each is of."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable

from tfx_sequence.schemas.contract import SPLIT_PREFIX

_SHARD = re.compile(r"-\d+-of-\d+$")
_LAST_WORD = re.compile(r"[A-Za-z]+$")

SPLIT_WORDS = frozenset({"train", "dev", "valid", "validation", "eval", "test"})
"""The usual names of splits: a file or folder whose name ends in one of these words is of that split."""


class NoDataError(FileNotFoundError):
    """There is no file where data should be."""


def find_splits(*data: str, by_folder: bool = False) -> dict[str, list[str]]:
    """Finds files, and groups them by split.

    Args:
      *data: The folder of an `Examples` artifact, with a folder `Split-<name>` for each split; or files, folders of
        files, folders of such folders, and patterns. The split of a file is then what its name says, without
        `-00000-of-00001` and what comes after the first dot: its last word if that is one of `SPLIT_WORDS`
        (`tr_imst-ud-train.conllu` is of `train`), or its folder's name if that is one of them, or else its own name.
      by_folder: The split of a file is what its folder's name says, never its own.

    Returns:
      Split name to files, both sorted.

    Raises:
      NoDataError: if there is no file.
    """
    splits: dict[str, list[str]] = {}
    for pattern in data:
        paths_by_split = _find_paths(pattern, by_folder)
        if not any(paths_by_split.values()):
            raise NoDataError(
                f"no file at {pattern!r}; expected a file, a pattern, or a folder, such as that of an Examples "
                f"artifact with its folders {SPLIT_PREFIX}<name>"
            )
        for split, paths in paths_by_split.items():
            if split:
                # Also if it has no files: an artifact can have an empty split.
                splits.setdefault(split, [])
            for path in paths:
                splits.setdefault(split or _tell_split(path, by_folder), []).append(path)
    return {split: sorted(set(paths)) for split, paths in sorted(splits.items())}


def _find_paths(pattern: str, by_folder: bool) -> dict[str | None, list[str]]:
    """Finds files by split; the split is None for files whose own names have to tell it."""
    if not _is_folder(pattern):
        return {None: _keep_data_files(_list_paths(pattern))}
    split_folders = [path for path in _list_paths(f"{_escape(pattern)}/{SPLIT_PREFIX}*") if _is_folder(path)]
    if split_folders:
        return {
            os.path.basename(folder).removeprefix(SPLIT_PREFIX): _keep_data_files(_list_paths(f"{_escape(folder)}/*"))
            for folder in split_folders
        }
    here = _keep_data_files(_list_paths(f"{_escape(pattern)}/*"))
    below = _keep_data_files(_list_paths(f"{_escape(pattern)}/*/*"))
    return {None: (below or here) if by_folder else (here or below)}


def _tell_split(path: str, by_folder: bool) -> str:
    """Tells the split of a file by its name and that of its folder."""
    stem = _SHARD.sub("", os.path.basename(path).partition(".")[0])
    folder = os.path.basename(os.path.dirname(path)).removeprefix(SPLIT_PREFIX)
    for name in (folder,) if by_folder else (stem, folder):
        word = _LAST_WORD.search(name)
        if word and word[0].lower() in SPLIT_WORDS:
            return word[0].lower()
    return (folder if by_folder else stem) or path


def _keep_data_files(paths: Iterable[str]) -> list[str]:
    """Keeps files whose names do not mark them as hidden or as bookkeeping, such as `_SUCCESS`."""
    return [path for path in paths if os.path.basename(path)[:1] not in (".", "_") and not _is_folder(path)]


# TFX takes seconds to import, and only files elsewhere need its file systems.
def _list_paths(pattern: str) -> list[str]:
    if "://" not in pattern:
        # A file may have a name that is a pattern.
        return [pattern] if os.path.exists(pattern) else glob.glob(pattern)
    from tfx.dsl.io import fileio

    return [str(path) for path in fileio.glob(pattern)]


def _is_folder(path: str) -> bool:
    if "://" not in path:
        return os.path.isdir(path)
    from tfx.dsl.io import fileio

    return bool(fileio.isdir(path))


def _escape(folder: str) -> str:
    return folder if "://" in folder else glob.escape(folder)
