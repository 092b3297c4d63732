"""Which room of a folder may import which other, and how large and how high a folder may be.

A room is a wing of a component (a folder) or a module beside the wings.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.imports import OURS, imports, module_name, within

ROOMS = {
    "components/sequence_trainer": {
        "keras_names": "",
        "errors": "",
        "families": "",
        "config": "families errors",
        "batches": "",
        "losses": "batches",
        "metrics": "batches losses",
        "rnn": "batches",
        "task": "batches config errors",
        "model": "batches config errors families losses metrics rnn task",
        "training": "batches config errors losses metrics model rnn task",
        "serving": "batches config errors model task",
        "job": "batches config errors model task training",
        "run_fn": "config job model serving task training",
        "tuner_fn": "config errors job training",
        "component": "config",
    },
    "components/sequence_example_gen": {
        "config": "",
        "files": "",
        "readers": "config files",
        "ingestion": "config files readers",
        "discovery": "config files readers",
        "config_checks": "config ingestion readers",
        "driver": "config files readers",
        "executor": "config files ingestion readers",
        "component": "config config_checks driver executor readers",
        "conversion": "config config_checks files ingestion",
    },
    "components/sequence_transform": {
        "config": "",
        "config_checks": "config",
        "vector_files": "",
        "records": "",
        "graph": "config",
        "embeddings": "config graph vector_files",
        "preprocessing": "config config_checks graph",
        "transformed_schema": "records",
        "executor": "config config_checks embeddings records transformed_schema",
        "component": "config config_checks executor preprocessing",
    },
    "pipeline": {
        "terminal": "",
        "config": "",
        "pipeline": "config",
        "datasets": "config terminal",
        "prediction": "terminal",
        "runs": "config pipeline terminal",
        "commands": "config datasets prediction runs terminal",
        "cli": "commands runs terminal",
    },
    "schemas": {
        "contract": "",
        "families": "",
        "compat": "",
        "tags": "",
        "spec": "tags",
        "spec_toml": "spec",
        "vocabulary": "spec",
        "embeddings": "spec",
        "records": "compat spec",
        "tfmd": "compat spec",
        "checks": "compat families records spec tags tfmd",
    },
}
"""Folder to its rooms (wings and modules), lowest first, and to the rooms that each may import. Modules that import
nothing of their folder and are imported freely, such as `schemas/contract.py`, need no arrow."""

IMPORTED_FREELY = {"schemas": {"contract"}}

TOOLKIT = ("rnn", "losses", "metrics", "batches")
TOOLKIT_MAY_IMPORT = {"spec", "contract", "tags", "families"}
"""What the RNN toolkit knows of the rest: whoever takes it out of the repository takes these modules of schemas."""

MOST_FILES, MOST_FLOORS = 16, 5


def room_of(name: str, folder: str) -> str | None:
    """`tfx_sequence.components.x.rnn.cell`, in `components/x` -> `rnn`; None outside of the folder."""
    package = ".".join((OURS, *folder.split("/")))
    return name.removeprefix(f"{package}.").split(".")[0] if within(name, package) and name != package else None


def our_imports(path: Path, modules: set[str], root: Path) -> set[str]:
    """Returns the modules of ours that a module imports, without itself."""
    found = set()
    for name in imports((root / path).read_text("utf-8"), for_types=False):
        while name and name not in modules:
            name = name.rpartition(".")[0]
        found.add(name)
    return found - {"", module_name(path)}


@pytest.fixture(scope="module")
def arrows(root: Path, sources: list[Path]) -> dict[str, set[str]]:
    """Every module to the modules of ours that it imports; `__init__` files, which hold nothing, are left out."""
    python = [p for p in sources if p.suffix == ".py" and p.name != "__init__.py" and "template" not in p.parts]
    modules = {module_name(path) for path in python}
    return {module_name(path): our_imports(path, modules, root) for path in python}


def forbidden_arrows(folder: str, arrows: dict[str, set[str]]) -> list[str]:
    """Returns a line for each import from one room of a folder to another that the table does not allow."""
    rooms = ROOMS[folder]
    found = []
    for module, imported in arrows.items():
        room = room_of(module, folder)
        if room is None:
            continue
        allowed = {room, *rooms[room].split(), *IMPORTED_FREELY.get(folder, ())}
        for name in sorted(imported):
            other = room_of(name, folder)
            if other is not None and other not in allowed:
                found.append(f"{module} imports {name}")
    return found


@pytest.mark.parametrize("folder", ROOMS)
def test_rooms_import_only_what_the_table_allows(folder: str, arrows: dict[str, set[str]]) -> None:
    rooms = {room_of(module, folder) for module in arrows} - {None}
    assert rooms == ROOMS[folder].keys(), "the table lacks a room, or has one that is gone"
    assert forbidden_arrows(folder, arrows) == []


@pytest.mark.parametrize("folder", ROOMS)
def test_rooms_stand_above_what_they_import(folder: str) -> None:
    below: set[str] = set()
    for room, allowed in ROOMS[folder].items():
        assert set(allowed.split()) <= below, f"{room} may import a room that stands above it"
        below.add(room)


def test_forbidden_arrows_finds_an_import_upwards() -> None:
    job, cell = (f"{OURS}.components.sequence_trainer.{name}" for name in ("job", "rnn.cell"))
    assert forbidden_arrows("components/sequence_trainer", {cell: {job}}) == [f"{cell} imports {job}"]
    assert forbidden_arrows("components/sequence_trainer", {job: {f"{OURS}.schemas.spec"}}) == []


def test_the_toolkit_imports_the_contract_and_itself_only(arrows: dict[str, set[str]]) -> None:
    toolkit = tuple(f"{OURS}.components.sequence_trainer.{wing}." for wing in TOOLKIT)
    allowed = {f"{OURS}.schemas.{name}" for name in TOOLKIT_MAY_IMPORT}
    for module in arrows:
        if module.startswith(toolkit):
            others = {name for name in arrows[module] if not name.startswith(toolkit)}
            assert others <= allowed, f"{module} imports {others - allowed}"


def floor_of(module: str, members: set[str], arrows: dict[str, set[str]]) -> int:
    """Returns the floor that a module stands on in its folder: 1, or the one above the highest that it imports."""
    return 1 + max((floor_of(name, members, arrows) for name in arrows[module] & members), default=0)


def test_folders_stay_small_and_flat(arrows: dict[str, set[str]]) -> None:
    folders: dict[str, set[str]] = {}
    for module in arrows:
        folders.setdefault(module.rpartition(".")[0], set()).add(module)
    files = {folder: len(members) for folder, members in folders.items()}
    floors = {folder: max(floor_of(name, members, arrows) for name in members) for folder, members in folders.items()}
    assert {folder: number for folder, number in files.items() if number > MOST_FILES} == {}
    assert {folder: number for folder, number in floors.items() if number > MOST_FLOORS} == {}
