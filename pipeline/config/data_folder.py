"""Resolves the folder of input files, which may be data that an installed Python package carries."""

from __future__ import annotations

import importlib.metadata
import pathlib

_PACKAGE_PREFIX = "package:"


def is_package(name: str) -> bool:
    """Returns whether `name` is of the form `package:<distribution>/<folder>`."""
    return name.startswith(_PACKAGE_PREFIX)


def resolve_data_folder(name: str) -> str:
    """Returns the folder that a config's `data.input` names.

    Args:
      name: A folder, or `package:<distribution>/<folder>`: a folder among the files that the installed distribution
        lists, such as `package:turkish-treebanks/data`.

    Returns:
      The folder's path.

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
    # A distribution lists files, not folders. Where the folder is follows from any file below it:
    #   data/tr/a.conllu  in  /site-packages/data/tr/a.conllu   ->   data  in  /site-packages/data
    parts = pathlib.PurePosixPath(folder).parts
    for file in files:
        depth = len(file.parts) - len(parts)
        if depth > 0 and file.parts[: len(parts)] == parts:
            return str(pathlib.Path(str(file.locate())).parents[depth - 1])
    raise ValueError(f"the Python package {distribution!r} is installed, but has no folder {folder!r} among its files")
