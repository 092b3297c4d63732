"""Tables of interchangeable parts: readers, cells, heads, metrics, record rules.

A family is one table. A row maps a name, as configs have it, to a class, and holds the facts that must be known before
that class is imported. An installed package adds a row by an entry point of the family's group::

    [project.entry-points."tfx_sequence.cells"]
    my_cell = "my_package.cells:MyCell"
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


@dataclass(frozen=True)
class Row:
    """One member of a family.

    Attributes:
      target: The class, as `module:Class`.
    """

    target: str


R = TypeVar("R", bound=Row)


class UnknownMemberError(ValueError):
    """A name that no member of a family has, or whose class cannot be imported."""


class Family(Generic[R]):
    """A table of interchangeable parts, to which installed packages add.

    Args:
      group: The entry-point group whose members belong to the family too.
      rows: Name to row, of the members that this package brings.
      make_row: Makes the row of a class from elsewhere, of which nothing but `module:Class` is known.

    Attributes:
      group: As given.
      rows: As given.
    """

    def __init__(self, group: str, rows: Mapping[str, R], make_row: Callable[[str], R]) -> None:
        self.group = group
        self.rows = dict(rows)
        self._make_row = make_row

    def names(self) -> list[str]:
        """Returns the names of all members, those of installed packages too, sorted."""
        return sorted({*self.rows, *_read_entry_points(self.group, tuple(sys.path))})

    def row(self, name: str) -> R:
        """Returns the row of a member. A name with a colon is a class from elsewhere, as `module:Class`.

        Raises:
          UnknownMemberError: if there is no such member; the message begins with the name.
        """
        if name in self.rows:
            return self.rows[name]
        # Entry points come last: to look through all installed packages takes time.
        target = name if ":" in name else _read_entry_points(self.group, tuple(sys.path)).get(name)
        if target is None:
            raise UnknownMemberError(
                f"{name!r}, expected one of {', '.join(self.names())}, or a class as 'module:Class'"
            )
        return self._make_row(target)

    def load(self, name: str) -> Any:
        """Imports the class of a member.

        Raises:
          UnknownMemberError: if there is no such member, or its class cannot be imported.
        """
        module, _, attribute = self.row(name).target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise UnknownMemberError(f"{name!r}, but its class cannot be imported: {error}") from error


@functools.cache
def _read_entry_points(group: str, path: tuple[str, ...]) -> dict[str, str]:
    """Returns name to `module:Class`, of all packages on `path`, which is `sys.path`: it tells when to look again."""
    return {point.name: point.value for point in importlib.metadata.entry_points(group=group)}
