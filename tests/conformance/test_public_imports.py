"""What users copy imports public names only: the code in README and docs, the examples, and the project of `init`."""

from __future__ import annotations

import ast
import importlib
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.public_packages import list_public_packages

OURS = "tfx_sequence"
PACKAGES = list_public_packages()
BLOCK = re.compile(r"^( *)```python\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
COPIED_FOLDERS = ("examples", "pipeline/template")


def read_code(path: Path, text: str) -> Iterator[str]:
    """Yields the Python code of a module, or of each block of a page."""
    if path.suffix == ".py":
        yield text
    else:
        for _, block in BLOCK.findall(text):
            yield textwrap.dedent(block)


def is_public(package: str, name: str) -> bool:
    """Whether `from package import name` takes something public: a listed name, or a public package."""
    if f"{package}.{name}" in PACKAGES:
        return True
    return package in PACKAGES and name in importlib.import_module(package).__all__


def find_private_imports(code: str) -> Iterator[str]:
    """Yields what the code takes from this project and what is not public."""
    tree = ast.parse(code)
    packages: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == OURS and alias.name not in PACKAGES:
                    yield alias.name
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == OURS:
            for alias in node.names:
                if not is_public(node.module or "", alias.name):
                    yield f"{node.module}.{alias.name}"
                elif f"{node.module}.{alias.name}" in PACKAGES:
                    packages[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages:
            package = packages[node.value.id]
            if not is_public(package, node.attr):
                yield f"{package}.{node.attr}"


@pytest.mark.parametrize(
    ("code", "private"),
    [
        ("from tfx_sequence.schemas import SequenceSpec", []),
        ("from tfx_sequence.schemas.spec import SequenceSpec", ["tfx_sequence.schemas.spec.SequenceSpec"]),
        ("from tfx_sequence.schemas import Nothing", ["tfx_sequence.schemas.Nothing"]),
        ("from tfx_sequence.components import sequence_transform as s\ns.preprocessing_fn", []),
        (
            "from tfx_sequence.components import sequence_transform as s\ns.graph",
            ["tfx_sequence.components.sequence_transform.graph"],
        ),
        ("import tfx_sequence.pipeline.cli", ["tfx_sequence.pipeline.cli"]),
        ("import tfx", []),
    ],
)
def test_find_private_imports_finds_what_is_not_public(code: str, private: list[str]) -> None:
    assert list(find_private_imports(code)) == private


def test_read_code_finds_the_blocks_of_a_page() -> None:
    page = "text\n```python\na = 1\n```\n```sh\nls\n```\n- item\n  ```python\n  b = 2\n  ```\n"
    assert list(read_code(Path("page.md"), page)) == ["a = 1\n", "b = 2\n"]


def test_code_that_users_copy_imports_public_names_only(root: Path, tracked: list[Path]) -> None:
    pages = [path for path in tracked if path.suffix == ".md" and path.parts[0] in ("README.md", "docs")]
    modules = [path for path in tracked if path.suffix == ".py" and path.as_posix().startswith(COPIED_FOLDERS)]
    assert pages
    assert modules
    found = {}
    for path in (*pages, *modules):
        private = [
            name for code in read_code(path, (root / path).read_text("utf-8")) for name in find_private_imports(code)
        ]
        if private:
            found[str(path)] = private
    assert found == {}
