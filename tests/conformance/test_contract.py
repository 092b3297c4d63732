"""What two parts agree on is written in `schemas/contract.py` only: elsewhere its names are used, not its values."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tfx_sequence.schemas import contract

CONTRACT = Path("schemas/contract.py")

VALUES: dict[str, str] = {name: value for name, value in vars(contract).items() if name.isupper()}

COMMON_WORDS = {
    "MODEL": "a table of a config, a channel of TFX, an argument",
    "TRAINING": "a table of a config, an argument of Keras",
    "TUNING": "a table of a config",
    "LABELS": "an argument, and a name of counters",
    "EVALUATION": "a table of a config",
    "SLICES": "a key of a config",
    "EXAMPLES_INPUT": "a channel of TFX",
    "CODE": "a word of messages",
    "PROGRESS_ATTRIBUTE": "a word of messages",
    "TRANSFORM_SETTINGS": "the name of a package",
}
"""Names whose value is also something else, so that a literal tells nothing, and why."""

EXCEPTIONS = {
    ("components/sequence_example_gen/readers/ts.py", "SOURCE_SIGN"): "the format .ts marks its own tags with @",
    ("components/sequence_example_gen/readers/npz.py", "LENGTHS"): "the usual name of an array in a user's file",
    ("components/sequence_trainer/serving/signatures.py", "TRANSFORM_FEATURES"): "the name of a method",
    ("pipeline/datasets/text_report.py", "LENGTHS"): "the heading of a table",
}
"""Files where a value of the contract is something else: path and name, and what it is."""

PARTS = [name for name in VALUES if name.endswith(("_SUFFIX", "_PREFIX"))]
"""Names of values that are parts of a longer name, and so stand in f-strings."""


def strings(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yields the line and the text of each string, docstrings left out, and whether it is what an f-string adds."""
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.lineno, node.value, id(node) in pieces


def is_written_out(name: str, text: str, in_f_string: bool) -> bool:
    """Says whether a string is the value of a name of the contract, or holds the part of a name that the value is."""
    value = VALUES[name]
    if text == value:
        return True
    if name.endswith("_PREFIX"):
        return value in text
    # `f"{label}_score"` begins with the suffix, and `f"{label}_scores"` with another word.
    return name.endswith("_SUFFIX") and in_f_string and re.match(rf"{re.escape(value)}(?!\w)", text) is not None


def violations(path: Path, source: str) -> list[str]:
    """Returns where the module at `path` writes out what has a name in the contract."""
    if path == CONTRACT:
        return []
    found = []
    for line, text, in_f_string in strings(ast.parse(source)):
        for name in VALUES:
            excused = name in COMMON_WORDS or (path.as_posix(), name) in EXCEPTIONS
            if not excused and is_written_out(name, text, in_f_string):
                found.append(f"{path}:{line}: {text!r} is contract.{name}")
    return found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('batch["lengths"]', ["LENGTHS"]),
        ('signatures = {"serving_default": 1, "serve_sequences": 2}', ["SERVING_DEFAULT", "SERVE_SEQUENCES"]),
        ('answers[f"{label}_id"]', ["ID_SUFFIX"]),
        ('f"{label}_score of {step}"', ["SCORE_SUFFIX"]),
        ('name.removesuffix("_score")', ["SCORE_SUFFIX"]),
        ('f"{folder}/Split-{name}"', ["SPLIT_PREFIX"]),
        ('glob("Split-*")', ["SPLIT_PREFIX"]),
        ('spec.source(name) == "@parent"', ["PARENT"]),
        ('logging.getLogger("tfx_sequence.progress")', ["PROGRESS_LOGGER"]),
        ('exec_properties["sequence_spec"]', ["SEQUENCE_SPEC"]),
        ('open("schema.pbtxt")', ["SCHEMA_FILE"]),
        ("def f():\n    '''Reads `lengths` and `Split-train`.'''", []),
        ("LIMIT = 1\n'''The most `lengths`.'''", []),
        ('f"{label}_identity", f"{label}_scores", "z_score"', []),
        ('custom_config["model"]', []),
        ('from tfx_sequence.schemas.contract import LENGTHS\nbatch[LENGTHS], f"{name}{ID_SUFFIX}"', []),
    ],
)
def test_violations_finds_what_is_written_out(source: str, names: list[str]) -> None:
    found = violations(Path("components/a.py"), source)
    assert [line.rpartition("contract.")[2] for line in found] == names


def test_no_module_writes_out_what_has_a_name(root: Path, sources: list[Path]) -> None:
    python = [path for path in sources if path.suffix == ".py"]
    assert [line for path in python for line in violations(path, (root / path).read_text("utf-8"))] == []


def test_names_of_the_contract_have_unequal_values() -> None:
    assert len(set(VALUES.values())) == len(VALUES)


def test_every_name_of_the_contract_is_documented_and_used(root: Path, sources: list[Path]) -> None:
    body = ast.parse((root / CONTRACT).read_text("utf-8")).body
    documented = {
        node.targets[0].id
        for node, after in itertools.pairwise(body)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and isinstance(after, ast.Expr)
    }
    assert documented == set(VALUES)
    modules = [(root / path).read_text("utf-8") for path in sources if path.suffix == ".py" and path != CONTRACT]
    unused = [name for name in VALUES if not any(re.search(rf"\b{name}\b", module) for module in modules)]
    assert unused == []


@pytest.mark.parametrize("names", [COMMON_WORDS, {name: reason for (_, name), reason in EXCEPTIONS.items()}])
def test_exceptions_are_of_names_that_the_contract_has(names: dict[str, str]) -> None:
    assert set(names) <= set(VALUES)


def test_exceptions_are_needed(root: Path) -> None:
    for path, name in EXCEPTIONS:
        texts = strings(ast.parse((root / path).read_text("utf-8")))
        assert any(is_written_out(name, text, in_f_string) for _, text, in_f_string in texts), (path, name)
