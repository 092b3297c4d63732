"""Who may import whom: schemas nobody, a component only schemas, pipeline both."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from support.imports import OURS, imports, module_name, within

SHARED = {"arguments", "compat", "file_patterns", "own_code", "owned_folders"}
"""What stands beside the components: every component may import it, and it imports no component."""


def violations(path: Path, source: str) -> list[str]:
    """Which imports of the module at `path` break a rule, and which rule."""
    module = module_name(path)
    layer = path.parts[0]
    component = ".".join(module.split(".")[:3]) if layer == "components" and module != f"{OURS}.components" else None
    allowed = (component, *(f"{OURS}.components.{name}" for name in SHARED)) if component else (OURS,)
    found = []
    for name in imports(source):
        if name.startswith("."):
            found.append(f"{module} imports {name}: write it in full, from {OURS}")
        elif name.split(".")[0] in ("components", "pipeline", "schemas"):
            found.append(f"{module} imports {name}: through {OURS}, or workers cannot unpickle its classes")
        elif layer == "schemas" and within(name, OURS) and not within(name, f"{OURS}.schemas"):
            found.append(f"{module} imports {name}: schemas imports nothing else of ours")
        elif layer == "schemas" and name.split(".")[0] in ("tfx", "ml_metadata"):
            found.append(f"{module} imports {name}: schemas knows nothing of TFX orchestration")
        elif layer == "components" and within(name, f"{OURS}.pipeline"):
            found.append(f"{module} imports {name}: components know nothing of the pipeline")
        elif layer in ("components", "pipeline") and within(name, "tfx.v1"):
            found.append(
                f"{module} imports {name}: it loads Google Cloud's libraries, which takes seconds of every start"
            )
        elif within(name, f"{OURS}.components") and not any(within(name, package) for package in allowed):
            found.append(f"{module} imports {name}: a component imports no other component")
    return found


@pytest.mark.parametrize(
    ("path", "source", "broken"),
    [
        ("schemas/a.py", "from tfx_sequence.schemas.spec import Feature\nimport numpy", False),
        ("schemas/a.py", "from tfx_sequence.components import Any", True),
        ("schemas/a.py", "def f():\n    from tfx import v1", True),
        ("components/a/b.py", "from tfx_sequence.components.a.c import D\nfrom tfx import types", False),
        ("components/a/b.py", "from tfx import v1 as tfx", True),
        ("tests/a.py", "from tfx import v1 as tfx", False),
        ("components/a/b.py", "from tfx_sequence.components.ab import D", True),
        ("components/a/b.py", "from tfx_sequence.components import D", True),
        ("components/a/b.py", "from tfx_sequence.components.compat import replace_attribute", False),
        ("components/compat/a.py", "from tfx_sequence.components.a import D", True),
        ("components/a/b.py", "import tfx_sequence.pipeline.cli", True),
        ("components/__init__.py", "from tfx_sequence.components.a import D", False),
        ("pipeline/a.py", "from tfx_sequence.components import D\nfrom tfx_sequence import schemas", False),
        ("pipeline/a.py", "from . import b", True),
        ("tests/a.py", "from components.a import b", True),
    ],
)
def test_violations_finds_what_breaks_a_rule(path: str, source: str, broken: bool) -> None:
    assert bool(violations(Path(path), source)) == broken


def test_every_import_keeps_to_the_layers(root: Path, tracked: list[Path]) -> None:
    python = [path for path in tracked if path.suffix == ".py"]
    assert [line for path in python for line in violations(path, (root / path).read_text("utf-8"))] == []


def test_every_module_imports_by_its_installed_name(sources: list[Path], root: Path) -> None:
    for path in sources:
        if path.suffix == ".py" and "template" not in path.parts:
            module = importlib.import_module(module_name(path))
            assert Path(module.__file__ or "").resolve() == (root / path).resolve(), "another copy is installed"
