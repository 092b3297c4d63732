"""The private parts of stock packages: each is still what we take it for, and only the two `compat` know of them."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tfx_bsl.public import tfxio

from tfx_sequence.components.compat import private_names, replace_attribute
from tfx_sequence.schemas import compat as schemas_compat

PRIVATE_NAMES = {**private_names.PRIVATE_NAMES, **schemas_compat.PRIVATE_NAMES}

STOCK_PACKAGES = (
    *("tfx", "tfx_bsl", "tensorflow_transform", "tensorflow_data_validation", "tensorflow_model_analysis"),
    *("tensorflow_metadata", "ml_metadata", "apache_beam", "keras_tuner"),
)

DOCUMENTED_MODULES = (
    *("tfx.v1", "tfx.types", "tfx.dsl.components.base", "tfx.dsl.io", "tfx.proto", "tfx.utils"),
    *("tfx_bsl.public", "tensorflow_metadata.proto", "ml_metadata.proto", "tensorflow_model_analysis.proto"),
    # Classes to extend, which `tfx.v1` has under another path. To import `tfx.v1` takes seconds.
    *("tfx.components.example_gen.component", "tfx.components.trainer.component"),
    *("tfx.components.transform.component", "tfx.components.tuner.component", "tfx.components.pusher.component"),
    # The home of `tfx.v1.components.FnArgs`, `tfx.v1.dsl.experimental.RuntimeParameter`, `tfx.v1.dsl.Pipeline`,
    # `tfx.v1.orchestration.LocalDagRunner`, `tfx.v1.orchestration.metadata`, `tfx.v1.dsl.Resolver` and
    # `tfx.v1.dsl.experimental.LatestBlessedModelStrategy`.
    *("tfx.components.trainer.fn_args_utils", "tfx.orchestration.data_types", "tfx.orchestration.pipeline"),
    *("tfx.orchestration.local.local_dag_runner", "tfx.orchestration.metadata"),
    *("tfx.dsl.components.common.resolver", "tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy"),
    # Beam documents these for those who write sources, sinks, coders and metrics.
    *("apache_beam.coders", "apache_beam.metrics", "apache_beam.io.iobase", "apache_beam.io.filesystem"),
    *("apache_beam.io.filesystems", "apache_beam.io.filebasedsource", "apache_beam.io.filebasedsink"),
)
"""Modules of stock packages that anybody may import, beside the packages themselves and what their top level has."""


PROTECTED_NAMES = {"_log_startup", "_make_beam_pipeline", "_replace", "_asdict", "_fields"}
"""What TFX's base executors offer to subclasses, and what named tuples have."""


def find(name: str) -> Any:
    """Returns what `module:name` stands for."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def read_signature(found: Any) -> str:
    """Returns the signature without annotations, whose form differs between versions of Python; empty if none."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):
        return ""
    plain = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(inspect.Signature(plain))


@pytest.mark.parametrize("name", PRIVATE_NAMES)
def test_private_name_has_the_expected_signature(name: str) -> None:
    assert read_signature(find(name)) == PRIVATE_NAMES[name]


def test_stock_reader_has_the_expected_attributes() -> None:
    reader = tfxio.TFSequenceExampleRecord("*", ["Test"])
    names = private_names.INSTANCE_ATTRIBUTES["tfx_bsl.tfxio.tf_sequence_example_record:TFSequenceExampleRecord"]
    assert [name for name in names if not hasattr(reader, name)] == []


def test_replaced_gives_the_old_value_back_when_the_block_fails() -> None:
    class Owner:
        value = 1

    def fail() -> None:
        with replace_attribute(Owner, "value", 2):
            raise RuntimeError(Owner.value)

    with pytest.raises(RuntimeError, match="2"):
        fail()
    assert Owner.value == 1


def is_documented(name: str) -> bool:
    """Whether the dotted name of something imported is public: documented, and without a leading underscore."""
    parts = name.split(".")
    if parts[0] not in STOCK_PACKAGES:
        return True
    if any(part.startswith("_") for part in parts):
        return False
    return len(parts) <= 2 or any(f"{name}.".startswith(f"{module}.") for module in DOCUMENTED_MODULES)


def imported_names(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields the local name and the dotted name of each import, wherever in a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def undocumented_names(source: str) -> list[str]:
    """Returns what a module uses of stock packages that nobody has documented, and any `unittest.mock`."""
    tree = ast.parse(source)
    imported = dict(imported_names(tree))
    found = [name for name in imported.values() if not is_documented(name) or name.startswith("unittest")]
    stock = {local for local, name in imported.items() if name.split(".")[0] in STOCK_PACKAGES}
    for node in ast.walk(tree):
        # `beam.io._x`, where `beam` is imported from a stock package.
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            dotted = ast.unparse(node)
            if dotted.split(".")[0] in stock:
                found.append(dotted)
        # TFX and tfx_bsl name private methods `_LikeThis`, and we do not: who defines one overrides theirs.
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_") and node.name[1:2].isupper():
            found.append(node.name)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            "from tfx import types\nfrom tfx.types import artifact_utils\nimport tensorflow_transform as tft",
            [],
        ),
        ("from tfx.components.transform import executor", ["tfx.components.transform.executor"]),
        ("from tfx_bsl.tfxio import telemetry", ["tfx_bsl.tfxio.telemetry"]),
        ("from tfx.dsl.io import fileio\nfileio.open._source", ["fileio.open._source"]),
        ("import apache_beam as beam\nbeam.io._hidden('a')", ["beam.io._hidden"]),
        ("def f():\n    from unittest import mock", ["unittest.mock"]),
        ("class A(B):\n    def _GetSchema(self): pass\n    def _get(self): pass", ["_GetSchema"]),
    ],
)
def test_undocumented_names_finds_what_only_compat_may_use(source: str, found: list[str]) -> None:
    assert undocumented_names(source) == found


def test_only_compat_uses_undocumented_names(root: Path, sources: list[Path]) -> None:
    modules = [path for path in sources if path.suffix == ".py" and "compat" not in (*path.parts, path.stem)]
    found = {str(path): undocumented_names((root / path).read_text("utf-8")) for path in modules}
    assert {path: names for path, names in found.items() if names} == {}


def test_every_undocumented_import_of_compat_is_listed(root: Path, sources: list[Path]) -> None:
    modules = [path for path in sources if path.suffix == ".py" and "compat" in (*path.parts, path.stem)]
    imported = {name for path in modules for _, name in imported_names(ast.parse((root / path).read_text("utf-8")))}
    listed = [f"{name.replace(':', '.')}." for name in PRIVATE_NAMES]
    unlisted = [
        name
        for name in imported
        if not is_documented(name) and not any(known.startswith(f"{name}.") for known in listed)
    ]
    assert sorted(unlisted) == []


def test_private_attributes_are_our_own(root: Path, sources: list[Path]) -> None:
    """A private attribute that none of our modules defines comes from a stock base class."""
    modules = [path for path in sources if path.suffix == ".py" and "compat" not in (*path.parts, path.stem)]
    defined, used = set(PROTECTED_NAMES), {}
    for path in modules:
        for node in ast.walk(ast.parse((root / path).read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                defined.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                defined.add(node.id)
            elif isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                if isinstance(node.ctx, ast.Store):
                    defined.add(node.attr)
                else:
                    used[f"{path}:{node.lineno}"] = node.attr
    assert {place: name for place, name in used.items() if name not in defined} == {}
