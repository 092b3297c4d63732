"""Finds the own code that a config names, and makes it importable.

The code is in modules in the folder of the config, and the config names it as `module:function` or `module:Class`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx_sequence.components.own_code.importing import make_importable
from tfx_sequence.pipeline.config.problems import Problem, format_key, format_value

_NAME = re.compile(r"([A-Za-z_][\w.]*):\w+")
"""A name of own code. The part before the colon is the module."""


def find_own_code_problems(folder: str, tables: Mapping[str, Any]) -> list[Problem]:
    """Makes the own code that a config names importable, unless the name of a module cannot be used.

    It is called before the config is checked, because the check imports some of the code, such as metrics.

    Args:
      folder: The folder of the config.
      tables: The tables of the config, as they are in the file.

    Returns:
      One problem per module that has the name of a module of Python's standard library.
    """
    names = list(_find_names(tables, ()))
    problems = []
    for path, text, module in names:
        file = f"{module.partition('.')[0]}.py"
        if file.removesuffix(".py") in sys.stdlib_module_names and os.path.exists(os.path.join(folder, file)):
            message = f"{file} has the name of a module of Python's standard library; rename the file"
            problems.append(Problem(format_key(path), message, format_value(text)))
    if not problems:
        make_importable(folder, [module for _, _, module in names])
    return problems


def _find_names(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Yields the path, the text and the module of each text of the form `module:name`, in tables and lists."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _find_names(item, (*path, key))
    elif isinstance(value, str):
        match = _NAME.fullmatch(value)
        if match:
            yield path, value, match[1]
    elif isinstance(value, Sequence):
        for index, item in enumerate(value):
            yield from _find_names(item, (*path, index))


def to_dotted_path(function: str) -> str:
    """Converts `module:function` to `module.function`, the form that TFX uses."""
    return function.replace(":", ".")
