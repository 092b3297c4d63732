"""Programs of this package, run in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from support.paths import TESTS


def start(
    module: str, *arguments: Any, variables: dict[str, str] | None = None, **options: Any
) -> subprocess.Popen[str]:
    """Starts a module of this package, with more variables in its environment."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS), **(variables or {})}
    command = [sys.executable, "-m", f"support.{module}", *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def run(module: str, *arguments: Any, variables: dict[str, str] | None = None) -> tuple[str, str]:
    """Runs a module of this package to its end. Returns what it wrote to standard output and to standard error."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with start(module, *arguments, variables=variables, **pipes) as process:
        written, errors = process.communicate()
    assert process.returncode == 0, errors
    return written, errors
