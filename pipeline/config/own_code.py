"""Finds a project's own Python code: modules beside its config, which names them as `module:function`."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pathlib
import sys
from collections.abc import Iterable


def make_importable(folder: str) -> None:
    """Lets this process, and those that Beam starts, import the modules in a folder."""
    if folder not in sys.path:
        sys.path.insert(0, folder)
    paths = [folder, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def fingerprint_modules(functions: Iterable[str | None]) -> dict[str, str]:
    """Returns module to the SHA-256 of its source, so that TFX runs a component again whose code has changed.

    Args:
      functions: Each as `module:function`; None is left out.

    Raises:
      ModuleNotFoundError: if there is no such module.
    """
    modules = sorted({name.partition(":")[0] for name in functions if name is not None})
    return {module: hashlib.sha256(_read_source(module)).hexdigest() for module in modules}


def _read_source(module: str) -> bytes:
    """Reads the file of a module; empty if it has none."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(
            f"no module {module!r}, which the config names; it is a file {module}.py beside the config, or installed"
        )
    if not (spec.origin and spec.has_location):
        return b""
    return pathlib.Path(spec.origin).read_bytes()


def to_dotted_path(function: str) -> str:
    """Returns `module:function` as `module.function`, as TFX has it."""
    return function.replace(":", ".")
