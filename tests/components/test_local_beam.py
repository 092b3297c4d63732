"""Our own Beam pipelines run in this process, whatever newer versions of Beam choose by default."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from support.paths import ROOT

from tfx_sequence.components.compat.local_beam import LOCAL_RUNNER, make_local_pipeline
from tfx_sequence.components.sequence_example_gen.conversion import convert

FOLDERS = ("components", "pipeline", "schemas", "benchmarks", "examples")


def list_bare_pipelines(path: Path) -> Iterator[int]:
    """Yields the lines in which `beam.Pipeline` is used as a value, or is called without a runner or options."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    annotations = set()
    given_a_runner = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.arg, ast.AnnAssign)):
            annotation = node.returns if isinstance(node, ast.FunctionDef) else node.annotation
            annotations |= set(ast.walk(annotation)) if annotation else set()
        if isinstance(node, ast.Call) and {keyword.arg for keyword in node.keywords} & {"runner", "options"}:
            given_a_runner.add(node.func)
    for node in ast.walk(tree):
        is_pipeline = isinstance(node, ast.Attribute) and ast.unparse(node) == "beam.Pipeline"
        if is_pipeline and node not in annotations | given_a_runner:
            yield node.lineno


def test_pipeline_runs_in_this_process() -> None:
    module, _, name = LOCAL_RUNNER.rpartition(".")
    assert type(make_local_pipeline().runner) is getattr(importlib.import_module(module), name)
    assert inspect.signature(convert).parameters["make_pipeline"].default is make_local_pipeline


def test_no_pipeline_leaves_the_runner_to_beam(tmp_path: Path) -> None:
    bare = tmp_path / "bare.py"
    bare.write_text("def f(g: beam.Pipeline = beam.Pipeline): pass\nbeam.Pipeline()\nbeam.Pipeline(runner=x)\n")
    assert list(list_bare_pipelines(bare)) == [1, 2]
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert {str(path): lines for path in files if (lines := list(list_bare_pipelines(path)))} == {}
