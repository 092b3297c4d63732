"""Finds the Python code of a project.

The code is in modules in the folder of the config. The config names a function as `module:function`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterable


def make_importable(folder: str) -> None:
    """Makes the modules in a folder importable, in this process and in the processes that Beam starts."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # Child processes of Beam inherit the environment. dict.fromkeys removes duplicates and keeps the order.
    paths = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def fingerprint_modules(functions: Iterable[str | None]) -> dict[str, str]:
    """Returns the hashes of modules, so that TFX runs a component again if its code has changed.

    Args:
      functions: Functions in the form `module:function`. None stands for a function that the config does not name.

    Returns:
      Module name to the SHA-256 of its source code.

    Raises:
      ModuleNotFoundError: if a module does not exist.
    """
    modules = sorted({name.partition(":")[0] for name in functions if name is not None})
    return {module: hashlib.sha256(_read_source(module)).hexdigest() for module in modules}


def _read_source(module: str) -> bytes:
    """Returns the content of a module's file. It is empty if the module has no file, like a namespace package."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(
            f"no module {module!r}, which the config names; it must be a file {module}.py beside the config, or "
            f"installed"
        )
    if not (spec.origin and spec.has_location):
        return b""
    return pathlib.Path(spec.origin).read_bytes()


def to_dotted_path(function: str) -> str:
    """Converts `module:function` to `module.function`, the form that TFX uses."""
    return function.replace(":", ".")
