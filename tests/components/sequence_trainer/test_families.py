"""The table of cells: it agrees with the config, and installed packages add to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell


@pytest.mark.parametrize("name", CELLS.rows)
def test_row_of_a_cell_names_a_cell_and_keys_of_the_config(name: str) -> None:
    row = CELLS.row(name)
    assert issubclass(CELLS.load(name), Cell)
    assert set(row.arguments) <= set(ModelConfig.model_fields)
    assert set(row.required) <= set(row.arguments)


def test_cell_of_an_installed_package_is_known_before_tensorflow_is_imported(tmp_path: Path) -> None:
    package = tmp_path / "leaky-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[tfx_sequence.cells]\nleaky = leaky_cells:LeakyCell\n")
    program = (
        "import sys\n"
        "from tfx_sequence.components.sequence_trainer.config.model import ModelConfig\n"
        "from tfx_sequence.components.sequence_trainer.families import CELLS\n"
        "config = ModelConfig(cell='leaky', cell_options={'leak': 0.5})\n"
        "print(CELLS.row(config.cell).target, 'leaky' in CELLS.names(), 'tensorflow' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ["leaky_cells:LeakyCell", "True", "False"]
