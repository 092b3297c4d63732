"""A project's own Python code: modules beside its config, named there as `module:function`."""

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


def fingerprint(functions: Iterable[str | None]) -> dict[str, str]:
    """Module to the SHA-256 of its source: what makes TFX run a component again whose code has changed.

    Args:
      functions: As `module:function`; None is left out.

    Raises:
      ModuleNotFoundError: if there is no such module.
    """
    modules = sorted({name.partition(":")[0] for name in functions if name is not None})
    return {module: hashlib.sha256(_source(module)).hexdigest() for module in modules}


def _source(module: str) -> bytes:
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError(
            f"no module {module!r}, which the config names; it is a file {module}.py beside the config, or installed"
        )
    return pathlib.Path(spec.origin).read_bytes() if spec.origin and spec.has_location else b""


def dotted(function: str) -> str:
    """`module.function`, as TFX writes `module:function`."""
    return function.replace(":", ".")
