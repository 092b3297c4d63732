"""Where the input files are: a folder, or data that an installed Python package carries."""

from __future__ import annotations

import importlib.metadata
import pathlib

_PACKAGE = "package:"


def is_package(name: str) -> bool:
    """Whether `name` is of the form `package:<distribution>/<folder>`."""
    return name.startswith(_PACKAGE)


def data_folder(name: str) -> str:
    """The folder that a config's `data.input` names.

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
    distribution, _, folder = name.removeprefix(_PACKAGE).partition("/")
    folder = folder.strip("/")
    if not distribution or not folder:
        raise ValueError(f"must have the form {_PACKAGE}<distribution>/<folder>, but is {name!r}")
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        raise ValueError(
            f"the Python package {distribution!r} is not installed; install it with: pip install {distribution}"
        ) from None
    parts = pathlib.PurePosixPath(folder).parts
    for file in files:
        if file.parts[: len(parts)] == parts and len(file.parts) > len(parts):
            return str(pathlib.Path(str(file.locate())).parents[len(file.parts) - len(parts) - 1])
    raise ValueError(f"the Python package {distribution!r} is installed, but has no folder {folder!r} among its files")
