"""Finds the files of a data set, and determines the split of each file from its name."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable

from tfx_sequence.components.file_patterns import match_files
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.records.shards import check_files

_SHARD = re.compile(r"-\d+-of-\d+$")
_SUFFIX = re.compile(r"(\.[^.]*)?(\.(gz|bz2|zst))?$", re.I)
"""The suffix of a format, and the one of a compression after it."""

_LAST_WORD = re.compile(r"[A-Za-z]+$")

SPLIT_WORDS = frozenset({"train", "dev", "valid", "validation", "eval", "test"})
"""The usual names of splits. A file or folder belongs to the split with which its name ends."""


class NoDataError(FileNotFoundError):
    """No file was found where data was expected."""


def find_splits(*data: str, by_folder: bool = False) -> dict[str, list[str]]:
    """Finds files, and groups them by split.

    An argument is the folder of an `Examples` artifact, which contains one folder `Split-<name>` per split. Or it is a
    file, a folder of files, a folder of such folders, or a glob pattern. Then the split of a file is the first of:

    1. The last word before a dot or the end of the file's name that is in `SPLIT_WORDS`. A suffix such as
       `-00000-of-00001` is removed first. For example, `tr_imst-ud-train.conllu` and `wnut.train` belong to the split
       `train`, and `x.dev.conll` to `dev`.
    2. The last word of the folder's name, if it is in `SPLIT_WORDS`.
    3. The name of the file without its suffix, or with it if another file would have the same name.

    Args:
      *data: The paths of files and folders, and glob patterns.
      by_folder: Whether to use only the name of the folder and not the name of the file. If the last word is not in
        `SPLIT_WORDS`, the split is then the whole name of the folder.

    Returns:
      A dict of split name to paths, both sorted.

    Raises:
      NoDataError: if an argument matches no file.
      IncompleteDataError: if a file of `<name>-00000-of-00040` to `<name>-00039-of-00040` is missing. If the
        only argument is the name of one file, it may be one of them. Or if the files are in a folder that
        is not completely written.
    """
    splits: dict[str, list[str]] = {}
    paths_without_split: set[str] = set()
    for pattern in data:
        paths_by_split = _find_paths(pattern, by_folder)
        if not any(paths_by_split.values()):
            raise NoDataError(
                f"no file at {pattern!r}; expected a file, a pattern, or a folder, such as that of an Examples "
                f"artifact with its folders {SPLIT_PREFIX}<name>"
            )
        for split, paths in paths_by_split.items():
            if split:
                # A split of an artifact can be empty. It is returned with an empty list.
                splits.setdefault(split, [])
            for path in paths:
                path_split = split or _parse_split(path, by_folder)
                if path_split:
                    splits.setdefault(path_split, []).append(path)
                else:
                    paths_without_split.add(path)
    for path, name in _name_splits(paths_without_split).items():
        splits.setdefault(name, []).append(path)
    all_paths = {path for paths in splits.values() for path in paths}
    # Who names only one file of several wants this one.
    if len(all_paths) > 1 or not all_paths.issubset(data):
        check_files(sorted(all_paths), _exists)
    return {split: sorted(set(paths)) for split, paths in sorted(splits.items())}


def _find_paths(pattern: str, by_folder: bool) -> dict[str | None, list[str]]:
    """Returns a dict of split to paths. The split is None if it must be determined from the names of the files."""
    if not _is_folder(pattern):
        return {None: [file.path for file in match_files("", pattern)]}
    split_folders = [path for path in _list_paths(f"{_escape(pattern)}/{SPLIT_PREFIX}*") if _is_folder(path)]
    if split_folders:
        paths_by_split: dict[str | None, list[str]] = {}
        for folder in split_folders:
            split = os.path.basename(folder).removeprefix(SPLIT_PREFIX)
            paths_by_split[split] = _keep_data_files(_list_paths(f"{_escape(folder)}/*"))
        return paths_by_split
    in_folder = _keep_data_files(_list_paths(f"{_escape(pattern)}/*"))
    in_subfolders = _keep_data_files(_list_paths(f"{_escape(pattern)}/*/*"))
    if by_folder:
        return {None: in_subfolders or in_folder}
    return {None: in_folder or in_subfolders}


def _parse_split(path: str, by_folder: bool) -> str | None:
    """Returns the split that the name of a file or of its folder says, or None if they say none. See `find_splits`."""
    folder = os.path.basename(os.path.dirname(path)).removeprefix(SPLIT_PREFIX)
    parts = [] if by_folder else reversed(os.path.basename(path).split("."))
    for name in (*parts, folder):
        word = _LAST_WORD.search(_SHARD.sub("", name))
        if word and word[0].lower() in SPLIT_WORDS:
            return word[0].lower()
    return (folder or path) if by_folder else None


def _name_splits(paths: Iterable[str]) -> dict[str, str]:
    """Returns the split of each path whose name says none.

    Only shards of one file are in one split::

    a-00000-of-00002.gz  a-00001-of-00002.gz    a
    b.v1.jsonl                                  b.v1
    c.jsonl  c.csv                              c.jsonl  c.csv
    """
    whole_names = {path: _remove_shard(os.path.basename(path)) for path in paths}
    names = {whole_name: _SUFFIX.sub("", whole_name) or whole_name for whole_name in whole_names.values()}
    num_files = Counter(names.values())
    return {
        path: names[whole_name] if num_files[names[whole_name]] == 1 else whole_name
        for path, whole_name in whole_names.items()
    }


def _remove_shard(name: str) -> str:
    """Removes `-00000-of-00001` before a dot or the end of a file's name."""
    return ".".join(_SHARD.sub("", part) for part in name.split("."))


def _keep_data_files(paths: Iterable[str]) -> list[str]:
    """Returns the paths without folders, hidden files, and files such as `_SUCCESS` that contain no data."""
    return [path for path in paths if os.path.basename(path)[:1] not in (".", "_") and not _is_folder(path)]


# The functions below import TFX only for paths such as `gs://...`, because the import takes seconds.
def _list_paths(pattern: str) -> list[str]:
    if "://" not in pattern:
        return glob.glob(pattern)
    from tfx.dsl.io import fileio

    return [str(path) for path in fileio.glob(pattern)]


def _exists(path: str) -> bool:
    if "://" not in path:
        return os.path.exists(path)
    from tfx.dsl.io import fileio

    return bool(fileio.exists(path))


def _is_folder(path: str) -> bool:
    if "://" not in path:
        return os.path.isdir(path)
    from tfx.dsl.io import fileio

    return bool(fileio.isdir(path))


def _escape(folder: str) -> str:
    """Escapes the characters of a local folder's name that have a meaning in a pattern."""
    return folder if "://" in folder else glob.escape(folder)
