"""What modules import, read from their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

OURS = "tfx_sequence"


def module_name(path: Path) -> str:
    """`components/x/__init__.py` -> `tfx_sequence.components.x`."""
    parts = path.with_suffix("").parts
    return ".".join((OURS, *(parts[:-1] if parts[-1] == "__init__" else parts)))


def imports(source: str, for_types: bool = True) -> Iterator[str]:
    """Yields the dotted name of everything that a module imports, wherever in it; relative imports with their dots.

    Args:
      source: The text of the module.
      for_types: Whether to yield what is imported under `if TYPE_CHECKING` too.
    """
    tree = ast.parse(source)
    if not for_types:
        tree = _WithoutTypeImports().visit(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from (f"{origin}.{alias.name}" for alias in node.names)


class _WithoutTypeImports(ast.NodeTransformer):
    """Leaves out what only type checkers run."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
