"""The public names, one a line in `public_names.txt`: a change of it is a change of the API, and says so in a diff.

After a change that is meant, and stands in the CHANGELOG:

    PYTHONPATH=tests .venv/bin/python tests/conformance/test_public_names.py > tests/conformance/public_names.txt
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from support.public_packages import list_public_packages

GOLDEN = Path(__file__).with_name("public_names.txt")


def public_objects() -> Iterator[tuple[str, object]]:
    """Yields each public name in full, and what it stands for."""
    for package in list_public_packages():
        module = importlib.import_module(package)
        for name in sorted(module.__all__):
            yield f"{package}.{name}", getattr(module, name)


def test_public_names_are_those_of_the_golden_file() -> None:
    assert [name for name, _ in public_objects()] == GOLDEN.read_text("utf-8").splitlines()


def lacks_docstring(name: str, thing: object) -> Iterator[str]:
    """Yields the names of the class or function, and of its own public methods, that say nothing about themselves."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        return
    if not (getattr(thing, "__doc__", None) or "").strip():
        yield name
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
            overrides = any(hasattr(base, member) for base in thing.__mro__[1:])
            if inspect.isfunction(function) and not member.startswith("_") and not overrides and not function.__doc__:
                yield f"{name}.{member}"


def test_everything_public_has_a_docstring() -> None:
    assert [silent for name, thing in public_objects() for silent in lacks_docstring(name, thing)] == []


if __name__ == "__main__":
    for public_name, _ in public_objects():
        print(public_name)
