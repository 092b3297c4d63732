"""What the promises about the repository itself are checked on: its files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PACKAGES = ("components", "pipeline", "schemas")


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Every file that is, or is about to be, in the repository, relative to its root."""
    if not (root / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.split("\0")
    return [Path(name) for name in sorted(filter(None, names)) if (root / name).is_file()]


@pytest.fixture(scope="session")
def sources(root: Path) -> list[Path]:
    """Every file of the three packages, relative to the root: what a wheel has to hold."""
    found = [path for package in PACKAGES for path in (root / package).rglob("*") if path.is_file()]
    return sorted(path.relative_to(root) for path in found if "__pycache__" not in path.parts)
