"""What must not stand in the repository."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

# A class of one letter keeps a pattern from matching itself.
TEXT_RULES = {
    "a path of one machine": r"(?<![\w.~$})/-])/(hom[e]|roo[t]|wor[k]|far[m]|User[s]|mn[t]|var/tm[p])/",
    "the host of a package registry": r"pyp[i]\.org|python[h]osted|npmj[s]\.|registr[y]\.|anacond[a]\.",
}
PYTHON_RULES = {"an unfinished place": r"NotImplementedErro[r]|\b(TOD[O]|FIXM[E]|XX[X])\b"}


def lines_matching(pattern: str, root: Path, paths: list[Path]) -> list[str]:
    """`file:line: text` of every line that matches; a file that is not text has none."""
    found = []
    for path in paths:
        content = (root / path).read_bytes()
        if b"\0" in content:
            continue
        lines = content.decode("utf-8").splitlines()
        found += [f"{path}:{number}: {line}" for number, line in enumerate(lines, 1) if re.search(pattern, line)]
    return found


@pytest.mark.parametrize("rule", TEXT_RULES)
def test_no_file_holds(rule: str, root: Path, tracked: list[Path]) -> None:
    assert lines_matching(TEXT_RULES[rule], root, tracked) == []


@pytest.mark.parametrize("rule", PYTHON_RULES)
def test_no_module_holds(rule: str, root: Path, tracked: list[Path]) -> None:
    assert lines_matching(PYTHON_RULES[rule], root, [path for path in tracked if path.suffix == ".py"]) == []


def names_keras_through_tensorflow(source: str) -> bool:
    """Whether a module uses the Keras that TensorFlow carries: version 2 or 3 of it, by the order of imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("tf.keras", "tensorflow.keras"):
            return True
        if isinstance(node, ast.Import) and any(alias.name.startswith("tensorflow.keras") for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            if any(name.startswith("tensorflow.keras") for name in names):
                return True
    return False


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import keras\nimport tensorflow as tf\nkeras.Model(tf.Tensor)", False),
        ('"""Never tf.keras."""', False),
        ("import tensorflow as tf\ntf.keras.layers.LSTM(1)", True),
        ("from tensorflow import keras", True),
        ("from tensorflow.keras import layers", True),
        ("import tensorflow.keras.layers", True),
    ],
)
def test_names_keras_through_tensorflow(source: str, used: bool) -> None:
    assert names_keras_through_tensorflow(source) == used


def test_keras_is_imported_as_keras(root: Path, tracked: list[Path]) -> None:
    python = [path for path in tracked if path.suffix == ".py"]
    assert [str(path) for path in python if names_keras_through_tensorflow((root / path).read_text("utf-8"))] == []


def test_no_file_has_a_name_that_says_nothing(tracked: list[Path]) -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [str(path) for path in tracked if vague & {*path.parent.parts, path.stem}] == []
