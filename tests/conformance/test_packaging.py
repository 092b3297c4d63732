"""What is built is what is in the tree, what is imported is declared, and the version is said once."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.paths import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BESIDE_SOURCES = {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    """The `[project]` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def distribution(requirement: str) -> str:
    """`tfx_bsl[x]>=1; marker` -> `tfx-bsl`."""
    return re.split(r"[^\w.-]", requirement)[0].replace("_", "-").lower()


@pytest.fixture(scope="module")
def built(root: Path, sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, built from a tree in which an earlier build has left its files."""
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for path in [*sources, *map(Path, ("LICENSE", "README.md", "pyproject.toml"))]:
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, tree / path)
    stale = tree / "build" / "lib" / "tfx_sequence" / "schemas" / "deleted_since.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(tree)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    return dist


def test_wheel_holds_every_module_and_nothing_more(built: Path, sources: list[Path]) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(names) == sorted(f"tfx_sequence/{path.as_posix()}" for path in sources)


def test_wheel_is_typed_licensed_and_has_a_command(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = next(archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    assert {f"tfx_sequence/{package}/py.typed" for package in ("components", "pipeline", "schemas")} <= {*names}
    assert any(name.endswith("LICENSE") for name in names)
    assert "tfx-sequence = tfx_sequence.pipeline.cli:main" in entry_points


def test_sdist_holds_every_module_and_nothing_more(built: Path, sources: list[Path]) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        files = [Path(*Path(member.name).parts[1:]) for member in archive.getmembers() if member.isfile()]
    modules = [path for path in files if str(path) not in BESIDE_SOURCES and ".egg-info" not in path.parts[0]]
    assert sorted(modules) == sources


def test_version_is_that_of_pyproject(project: dict[str, Any]) -> None:
    assert importlib.metadata.version("tfx-sequence") == project["version"]


def top_level_imports(source: str) -> set[str]:
    """The first part of every absolute import in a module, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def modules_of(name: str) -> set[str]:
    """The top-level modules that an installed distribution holds; none if it is not installed here."""
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return set()
    return {file.parts[0].split(".")[0] for file in files}


def undeclared(files: list[Path], requirements: list[str]) -> set[str]:
    """The top-level modules that the Python files import and none of the requirements holds."""
    imported = set().union(*(top_level_imports(path.read_text("utf-8")) for path in files if path.suffix == ".py"))
    declared = set().union(*(modules_of(distribution(requirement)) for requirement in requirements))
    return imported - declared - {*sys.stdlib_module_names, "tfx_sequence", "tomllib", "tomli"}


def test_what_the_packages_import_is_declared(root: Path, sources: list[Path], project: dict[str, Any]) -> None:
    own = {path.stem for path in sources if "template" in path.parts}
    assert undeclared([root / path for path in sources], project["dependencies"]) - own == set()


def test_what_the_tests_import_is_declared(root: Path, project: dict[str, Any]) -> None:
    files = [*(root / "tests").rglob("*.py")]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    own = {path.stem for path in files} | {"support"}
    assert undeclared(files, requirements) - own == set()


def test_command_line_starts_without_tensorflow() -> None:
    check = (
        "import sys, tfx_sequence.pipeline.cli; print([m for m in ('tensorflow', 'tfx', 'keras') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


LINES = [path.stem.removeprefix("tfx-") for path in sorted((ROOT / "constraints").glob("*.in"))]


@pytest.mark.parametrize("line", LINES)
def test_constraints_pin_every_dependency_by_version_alone(line: str, root: Path, project: dict[str, Any]) -> None:
    lines = (root / f"constraints/tfx-{line}.txt").read_text("utf-8").splitlines()
    pins = [text for text in lines if not text.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", pin)] == []
    assert any(pin.startswith(f"tfx=={line}.") for pin in pins)
    extras = project["optional-dependencies"].values()
    wanted = {distribution(requirement) for group in (project["dependencies"], *extras) for requirement in group}
    assert wanted - {"tfx-sequence"} <= {pin.split("==")[0] for pin in pins}
