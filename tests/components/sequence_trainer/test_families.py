"""The tables of cells and heads: they agree with the config, and installed packages add to them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.families import CELLS, HEADS
from tfx_sequence.components.sequence_trainer.model.heads.base import Head
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.schemas.families import Family


@pytest.mark.parametrize("name", CELLS.rows)
def test_row_of_a_cell_names_a_cell_and_keys_of_the_config(name: str) -> None:
    row = CELLS.find_row(name)
    assert issubclass(CELLS.load(name), Cell)
    assert set(row.arguments) <= set(ModelConfig.model_fields)
    assert set(row.required) <= set(row.arguments)


@pytest.mark.parametrize("name", HEADS.rows)
def test_row_of_a_head_names_a_head_and_keys_of_the_config(name: str) -> None:
    row = HEADS.find_row(name)
    assert issubclass(HEADS.load(name), Head)
    assert set(row.keys) <= set(HeadConfig.model_fields)


@pytest.mark.parametrize("family", [CELLS, HEADS], ids=["cells", "heads"])
def test_tables_in_the_docs_have_every_member(root: Path, family: Family[Any]) -> None:
    text = (root / "docs" / "models.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    assert set(family.rows) <= {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}


def test_page_of_the_toolkit_names_every_cell(root: Path) -> None:
    text = (root / "docs" / "toolkit.md").read_text(encoding="utf-8")
    assert [name for name in CELLS.rows if f"`{CELLS.load(name).__name__}`" not in text] == []


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("cells", {"cell": "mine", "cell_options": {"leak": 0.5}}),
        ("heads", {"heads": {"tags": {"kind": "mine", "options": {"cap": 0.5}}}}),
    ],
)
def test_part_of_an_installed_package_is_known_before_tensorflow_is_imported(
    tmp_path: Path, family: str, settings: dict[str, Any]
) -> None:
    package = tmp_path / "mine-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(f"[tfx_sequence.{family}]\nmine = my_parts:MyPart\n")
    program = (
        "import sys\n"
        "from tfx_sequence.components.sequence_trainer.config.model import ModelConfig\n"
        f"from tfx_sequence.components.sequence_trainer.families import {family.upper()} as family\n"
        f"ModelConfig.model_validate({settings!r})\n"
        "print(family.find_row('mine').target, 'mine' in family.list_names(), 'tensorflow' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["my_parts:MyPart", "True", "False"]
