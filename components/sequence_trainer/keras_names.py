"""Tells Keras the names of the toolkit's classes, so that a saved model loads before any of them is imported.

Keras finds a class of a saved model by the name under which the class was registered, and a class is registered when
its module is imported. The public names of this package are imported only when they are used, because TensorFlow takes
seconds. So Keras gets a stand-in for each name, which imports the class when Keras asks for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import wrapt

KERAS_PACKAGE = "tfx_sequence"
"""The name of the package in the registered names, as in `tfx_sequence>LSTMCell`."""


class LazyClass:
    """Stands for a public class of a package until its module is imported.

    Args:
      package: The package that has the class.
      name: The name of the class.
    """

    def __init__(self, package: str, name: str) -> None:
        self._package = package
        self._name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        """Imports the class, and makes an instance from the result of `get_config`. Keras calls this method."""
        return getattr(importlib.import_module(self._package), self._name).from_config(config)


def register_by_name(package: str, names: Sequence[str]) -> None:
    """Registers stand-ins for public classes: now if Keras is imported, or else when it is.

    When the module of a class is imported, the class takes the place of its stand-in.

    Args:
      package: The package that has the classes.
      names: The public names of the package. Those that are not classes of Keras are never asked for.
    """

    def register(keras: ModuleType) -> None:
        registered = keras.saving.get_custom_objects()
        for name in names:
            registered.setdefault(f"{KERAS_PACKAGE}>{name}", LazyClass(package, name))

    wrapt.register_post_import_hook(register, "keras")
