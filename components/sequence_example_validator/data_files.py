"""Which files are the splits of a data set."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from tfx.dsl.io import fileio

_SPLIT_FOLDER = "Split-"
_SHARD = re.compile(r"-\d+-of-\d+$")


def find_splits(data: str) -> dict[str, list[str]]:
    """Split name to TFRecord files, both sorted.

    Args:
      data: The folder of an `Examples` artifact, with a folder `Split-<name>` for each split; or a file, a folder of
        files, or a pattern, where a split is what its files are called but for `-00000-of-00001` and what comes after
        the first dot.

    Raises:
      FileNotFoundError: if there is no file.
    """
    folders = sorted(fileio.glob(os.path.join(data, f"{_SPLIT_FOLDER}*")))
    if folders:
        splits = {os.path.basename(folder).removeprefix(_SPLIT_FOLDER): _files(f"{folder}/*") for folder in folders}
    else:
        splits = _by_name(_files(os.path.join(data, "*") if fileio.isdir(data) else data))
    if not any(splits.values()):
        raise FileNotFoundError(
            f"no file of examples at {data!r}; expected a TFRecord file, a pattern of them, or a folder of them, such "
            f"as that of an Examples artifact with its folders {_SPLIT_FOLDER}<name>"
        )
    return splits


def _files(pattern: str) -> list[str]:
    return sorted(path for path in fileio.glob(pattern) if not fileio.isdir(path))


def _by_name(paths: Iterable[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {}
    for path in paths:
        stem = _SHARD.sub("", os.path.basename(path).partition(".")[0])
        splits.setdefault(stem, []).append(path)
    return dict(sorted(splits.items()))
