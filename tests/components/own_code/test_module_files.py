"""Own code is the named modules and the siblings that they import, and nothing else in the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfx_sequence.components.own_code.module_files import find_module_files


def write(folder: Path, **sources: str) -> None:
    """Writes modules. Two underscores in a name stand for a folder."""
    for name, source in sources.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import numpy, os", {"own"}),
        ("import helper", {"own", "helper"}),
        ("from helper import anything", {"own", "helper"}),
        ("from helper import *", {"own", "helper"}),
        ("def f():\n    import helper", {"own", "helper"}),
        ("try:\n    import absent\nexcept ImportError:\n    import helper", {"own", "helper"}),
        ("import package.inner", {"own", "package", "package.inner", "package.near", "helper"}),
        ("from package import inner", {"own", "package", "package.inner", "package.near", "helper"}),
        ("from package import attribute", {"own", "package"}),
        ("import spaces.module", {"own", "spaces", "spaces.module"}),
        ("import data", {"own"}),
        ("import queue", {"own"}),
        ("from own import f\nimport circular", {"own", "circular"}),
        ("import broken", {"own", "broken"}),
        ("from ... import far", {"own"}),
        ("import tfx_sequence.schemas", {"own"}),
    ],
)
def test_finds_the_siblings_that_are_imported(tmp_path: Path, source: str, found: set[str]) -> None:
    write(tmp_path, own=source, helper="", unrelated="", queue="1 / 0", circular="import own", broken="def (")
    write(tmp_path, package__inner="from . import near\nfrom ..own import x", package__other="")
    write(tmp_path, package__near="import helper", spaces__module="", tfx_sequence__schemas="")
    (tmp_path / "package" / "__init__.py").write_text("attribute = 1")
    (tmp_path / "data").mkdir()
    files = find_module_files(str(tmp_path), ["own", "absent"])
    assert set(files) == found
    assert files["own"] == str(tmp_path / "own.py")


def test_stays_within_a_top_level_module_that_is_given(tmp_path: Path) -> None:
    write(tmp_path, own__inner="", helper="")
    (tmp_path / "own" / "__init__.py").write_text("import helper\nfrom own import inner")
    assert set(find_module_files(str(tmp_path), ["own"], "own")) == {"own", "own.inner"}
