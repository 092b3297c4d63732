"""Public names that are imported when they are first used.

Importing TFX takes 10 to 20 seconds. Settings are read, and mistakes in them told, without it, so importing a
component's package must not import the component.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def lazy_names(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Makes the `__getattr__` of a package (PEP 562).

    Args:
      package: The package's `__name__`.
      modules: Public name to the module of the package that defines it.
    """

    def get(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    # The names are there for those who look what there is, too.
    sys.modules[package].__dict__["__dir__"] = lambda: sorted({*vars(sys.modules[package]), *modules})
    return get
