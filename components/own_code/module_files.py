"""Finds the files of modules and of the siblings that they import, by their syntax trees. No module is imported."""

from __future__ import annotations

import ast
import importlib.machinery
import itertools
import os
import sys
from collections.abc import Iterable, Iterator

_OURS = "tfx_sequence"


def find_module_files(folder: str, names: Iterable[str], top_level: str | None = None) -> dict[str, str]:
    """Finds the files in a folder that modules consist of: their own files, and those of the siblings that they import.

    With `own_code.py`, which has `from shapes import circle`, and an unrelated `queue.py`::

        find_module_files(folder, ["own_code"])  ->  {"own_code": ".../own_code.py", "shapes": ".../shapes.py"}

    An `import` statement counts wherever it is, such as in a function. A module whose name is a value, as in a call of
    `importlib.import_module`, is not found. A module of the standard library or of this package is never found, even if
    the folder has a file of the same name.

    Args:
      folder: The folder that has the modules.
      names: The names of the modules, which may contain dots. Names of modules outside of the folder are ignored.
      top_level: If given, only this top-level module and its submodules are found.

    Returns:
      Module name to the path of its file, sorted. The path is that of the folder for a package without `__init__.py`.
    """
    files: dict[str, str] = {}
    waiting = list(names)
    visited: set[str] = set()
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in visited or is_reserved(top) or top_level not in (None, top):
            continue
        visited.add(name)
        for module, file in _find_with_parents(folder, name):
            if module not in files:
                files[module] = file
                waiting += _list_imports(module, file)
    return dict(sorted(files.items()))


def is_reserved(top_level: str) -> bool:
    """Returns whether a top-level name can never be that of own code, because it is Python's or ours."""
    return top_level in sys.stdlib_module_names or top_level == _OURS


def is_package(file: str) -> bool:
    """Returns whether the file of a module is the `__init__` of a package."""
    return os.path.basename(file).partition(".")[0] == "__init__"


def _find_with_parents(folder: str, name: str) -> list[tuple[str, str]]:
    """Returns the modules that `import a.b.c` imports, and their files: `a`, `a.b` and `a.b.c`.

    The last part of the name may be no module but an attribute, as in `from a.b import c`. A folder without
    `__init__.py` counts only if it has one of the modules.
    """
    found = []
    for module in itertools.accumulate(name.split("."), "{}.{}".format):
        file = _find_file(folder, module)
        if file is None:
            break
        found.append((module, file))
    while found and os.path.isdir(found[-1][1]):
        found.pop()
    return found


def _find_file(folder: str, module: str) -> str | None:
    """Returns the path of the file of a module, or the path of its folder if it has no file, or None."""
    path = os.path.join(folder, *module.split("."))
    for stem in (os.path.join(path, "__init__"), path):
        for suffix in importlib.machinery.all_suffixes():
            if os.path.isfile(stem + suffix):
                return stem + suffix
    return path if os.path.isdir(path) else None


def _list_imports(module: str, file: str) -> Iterator[str]:
    """Yields the names of the modules that a module imports, and names that may be modules or attributes of modules."""
    if not file.endswith(".py"):
        return
    with open(file, "rb") as stream:
        source = stream.read()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return  # The import of the module raises an error that says what is wrong.
    package = module if is_package(file) else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _resolve_origin(node, package)
            if origin:
                yield origin
                yield from (f"{origin}.{alias.name}" for alias in node.names if alias.name != "*")


def _resolve_origin(node: ast.ImportFrom, package: str) -> str:
    """Returns the absolute name of the module after `from`. It is empty if the import leads out of all packages."""
    if not node.level:
        return node.module or ""
    parts = package.split(".") if package else []
    # One dot is the package itself, and each further dot is one level up.
    levels_up = node.level - 1
    if levels_up >= len(parts):
        return ""
    return ".".join([*parts[: len(parts) - levels_up], *filter(None, [node.module])])
