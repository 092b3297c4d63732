"""Where the repository is, and the data sets that lie beside it on some machines."""

from __future__ import annotations

from pathlib import Path

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
TESTS = ROOT / "tests"
SHARED_DATA = ROOT.parent / "shared" / "data"
