"""Finds the folder of the input files. The folder may be part of an installed Python package."""

from __future__ import annotations

import importlib.metadata
import pathlib

_PACKAGE_PREFIX = "package:"


def is_package(name: str) -> bool:
    """Returns whether `name` has the form `package:<distribution>/<folder>`."""
    return name.startswith(_PACKAGE_PREFIX)


def resolve_data_folder(name: str) -> str:
    """Returns the folder that a config's `data.input` names.

    Args:
      name: The path of a folder, or `package:<distribution>/<folder>`, such as `package:turkish-treebanks/data`. The
        folder is then one that has files of the installed distribution.

    Returns:
      The path of the folder.

    Raises:
      ValueError: if the distribution is not installed, or has no such folder.
    """
    if not is_package(name):
        return name
    distribution, _, folder = name.removeprefix(_PACKAGE_PREFIX).partition("/")
    folder = folder.strip("/")
    if not distribution or not folder:
        raise ValueError(f"must have the form {_PACKAGE_PREFIX}<distribution>/<folder>, but is {name!r}")
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"the Python package {distribution!r} is not installed; install it with: pip install {distribution}"
        ) from None
    # A distribution lists files, not folders. The path of the folder follows from the path of any file below it:
    #   file    data/tr/a.conllu  is  /site-packages/data/tr/a.conllu
    #   folder  data              is  /site-packages/data
    parts = pathlib.PurePosixPath(folder).parts
    for file in files:
        depth = len(file.parts) - len(parts)
        is_below_folder = depth > 0 and file.parts[: len(parts)] == parts
        if is_below_folder:
            return str(pathlib.Path(str(file.locate())).parents[depth - 1])
    raise ValueError(f"the Python package {distribution!r} is installed, but has no folder {folder!r} among its files")
