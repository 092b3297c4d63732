"""The RNN toolkit stands on its own: it imports the schemas and itself, and nothing else of ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.paths import ROOT

WINGS = ("rnn", "losses", "metrics", "batches")
TRAINER = "tfx_sequence.components.sequence_trainer"
ALLOWED = (
    *(f"{TRAINER}.{wing}" for wing in WINGS),
    *(f"tfx_sequence.schemas.{name}" for name in ("spec", "contract", "tags", "families")),
)
FILES = [path for wing in WINGS for path in sorted((ROOT / "components" / "sequence_trainer" / wing).glob("*.py"))]


def find_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_module_of_the_toolkit_imports_the_schemas_and_the_toolkit_alone(path: Path) -> None:
    ours = [name for name in find_imports(path) if name.startswith("tfx_sequence")]
    assert [name for name in ours if not name.startswith(ALLOWED)] == []
