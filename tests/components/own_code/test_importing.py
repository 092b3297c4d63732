"""Only own code is importable from a folder, here and in child processes, and never an outdated version of it."""

from __future__ import annotations

import importlib
import os
import queue
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_sequence.components.own_code import importing
from tfx_sequence.components.own_code.importing import make_importable
from tfx_sequence.schemas.contract import OWN_CODE_VARIABLE


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes what `make_importable` changes in this process."""
    monkeypatch.setattr(importing, "_finder", importing._OwnCodeFinder())
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    monkeypatch.setenv(OWN_CODE_VARIABLE, "{}")


def test_nothing_else_in_the_folder_is_importable(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import queue\nfrom shapes import circle")
    (tmp_path / "shapes.py").write_text("circle = 1")
    for name in ("queue", "unrelated_module", "numpy"):
        (tmp_path / f"{name}.py").write_text("1 / 0")
    make_importable(str(tmp_path), ["mine"])
    mine = importlib.import_module("mine")
    assert (mine.circle, mine.queue) == (1, queue)
    assert mine.__file__ == str(tmp_path / "mine.py")
    with pytest.raises(ModuleNotFoundError, match="unrelated_module"):
        importlib.import_module("unrelated_module")
    assert str(tmp_path) not in sys.path


def test_a_module_of_a_package_that_no_statement_imports_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").write_text("import parts.used")
    for name in ("used", "hidden"):
        (tmp_path / "parts" / f"{name}.py").touch()
    make_importable(str(tmp_path), ["parts"])
    importlib.import_module("parts.used")
    with pytest.raises(ModuleNotFoundError, match=r"'parts\.hidden': no own code imports it by an import statement"):
        importlib.import_module("parts.hidden")


def test_a_module_is_read_anew_when_a_sibling_has_changed(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from shapes import circle")
    for circle in ("1", "22", "333"):
        (tmp_path / "shapes.py").write_text(f"circle = {circle}")
        make_importable(str(tmp_path), ["mine"])
        mine = importlib.import_module("mine")
        assert mine.circle == int(circle)
        make_importable(str(tmp_path), ["mine"])
        assert importlib.import_module("mine") is mine


def test_a_module_of_another_folder_is_replaced(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(f"name = {name!r}")
        make_importable(str(tmp_path / name), ["mine"])
        assert importlib.import_module("mine").name == name


def test_a_child_process_that_imports_ours_finds_the_same_modules(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import space.shapes as shapes")
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "shapes.py").write_text("circle = 7")
    (tmp_path / "queue.py").write_text("1 / 0")
    make_importable(str(tmp_path), ["mine"])
    program = "import tfx_sequence.components, multiprocessing.pool, mine; print(mine.shapes.circle)"
    result = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=True)
    assert result.stdout == "7\n"
