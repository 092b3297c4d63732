"""Which files are the splits of a data set."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable

from tfx_sequence.schemas.contract import SPLIT_PREFIX

_SHARD = re.compile(r"-\d+-of-\d+$")
_WORD = re.compile(r"[A-Za-z]+$")

WORDS = frozenset({"train", "dev", "valid", "validation", "eval", "test"})
"""What splits are called: a file or folder whose name ends in one of these is of that split."""


class NoDataError(FileNotFoundError):
    """There is no file where data should be."""


def find_splits(*data: str, by_folder: bool = False) -> dict[str, list[str]]:
    """Split name to files, both sorted.

    Args:
      *data: The folder of an `Examples` artifact, with a folder `Split-<name>` for each split; or files, folders of
        files, folders of such folders, and patterns. The split of a file is then what its name says, without
        `-00000-of-00001` and what comes after the first dot: its last word if that is one of `WORDS`
        (`tr_imst-ud-train.conllu` is of `train`), or its folder's name if that is one of them, or else its own name.
      by_folder: The split of a file is what its folder's name says, never its own.

    Raises:
      NoDataError: if there is no file.
    """
    splits: dict[str, list[str]] = {}
    for pattern in data:
        found = _find(pattern, by_folder)
        if not any(found.values()):
            raise NoDataError(
                f"no file at {pattern!r}; expected a file, a pattern, or a folder, such as that of an Examples "
                f"artifact with its folders {SPLIT_PREFIX}<name>"
            )
        for path, split in ((path, split) for split, paths in found.items() for path in paths):
            splits.setdefault(split or _named(path, by_folder), []).append(path)
        for split in found:
            if split:
                splits.setdefault(split, [])
    return {split: sorted(set(paths)) for split, paths in sorted(splits.items())}


def _find(pattern: str, by_folder: bool) -> dict[str | None, list[str]]:
    """Split name to files; the name is None where it is the files' names that say it."""
    if not _is_folder(pattern):
        return {None: _files(_match(pattern))}
    folders = [path for path in _match(f"{_escape(pattern)}/{SPLIT_PREFIX}*") if _is_folder(path)]
    if folders:
        names = (os.path.basename(folder).removeprefix(SPLIT_PREFIX) for folder in folders)
        return dict(zip(names, (_files(_match(f"{_escape(folder)}/*")) for folder in folders), strict=True))
    here, below = _files(_match(f"{_escape(pattern)}/*")), _files(_match(f"{_escape(pattern)}/*/*"))
    return {None: below or here if by_folder else here or below}


def _named(path: str, by_folder: bool) -> str:
    """The split that a file is of, by its name and that of its folder."""
    stem = _SHARD.sub("", os.path.basename(path).partition(".")[0])
    folder = os.path.basename(os.path.dirname(path)).removeprefix(SPLIT_PREFIX)
    for name in (folder,) if by_folder else (stem, folder):
        if (word := _WORD.search(name)) and word[0].lower() in WORDS:
            return word[0].lower()
    return (folder if by_folder else stem) or path


def _files(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if os.path.basename(path)[:1] not in (".", "_") and not _is_folder(path)]


# TFX takes seconds to import, and only files elsewhere need its file systems.
def _match(pattern: str) -> list[str]:
    if "://" not in pattern:
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
