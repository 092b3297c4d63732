"""Defines tables of interchangeable classes, such as readers, cells, heads, metrics and record rules.

A family is one table. Each row has a name, which configs use, and the path of a class. A row also holds the facts that
must be known before the class is imported. An installed package adds a row with an entry point in the group of the
family::

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
      target: The path of the class, as `module:Class`.
    """

    target: str


R = TypeVar("R", bound=Row)


class UnknownMemberError(ValueError):
    """Raised if a family has no member with a name, or if the class of a member cannot be imported."""


class Family(Generic[R]):
    """A table of interchangeable classes, to which installed packages can add rows.

    Args:
      group: The group of entry points that add members to the family.
      rows: Name to row, for the members that are part of this package.
      make_row: Makes the row of a class outside of this package. It receives the path of the class, as `module:Class`.

    Attributes:
      group: The group of entry points.
      rows: Name to row, for the members that are part of this package.
    """

    def __init__(self, group: str, rows: Mapping[str, R], make_row: Callable[[str], R]) -> None:
        self.group = group
        self.rows = dict(rows)
        self._make_row = make_row

    def list_names(self) -> list[str]:
        """Lists the names of all members, including members of installed packages, in alphabetical order."""
        return sorted({*self.rows, *_read_entry_points(self.group, tuple(sys.path))})

    def find_row(self, name: str) -> R:
        """Finds the row of a member.

        Args:
          name: The name of a member, or the path of any class, as `module:Class`.

        Raises:
          UnknownMemberError: if the family has no member with this name. The message begins with the name.
        """
        if name in self.rows:
            return self.rows[name]
        # Entry points are read only if they are needed, because a search of all installed packages takes time.
        target = name if ":" in name else _read_entry_points(self.group, tuple(sys.path)).get(name)
        if target is None:
            raise UnknownMemberError(
                f"{name!r}, expected one of {', '.join(self.list_names())}, or a class as 'module:Class'"
            )
        return self._make_row(target)

    def load(self, name: str) -> Any:
        """Imports the class of a member.

        Raises:
          UnknownMemberError: if the family has no member with this name, or if the class cannot be imported.
        """
        module, _, attribute = self.find_row(name).target.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise UnknownMemberError(f"{name!r}, but its class cannot be imported: {error}") from error
        # A module of a project runs when it is imported, and may raise anything, or end the program.
        except (Exception, SystemExit) as error:
            raised = f"{type(error).__name__}: {error}"
            raise UnknownMemberError(f"{name!r}, but its module cannot be imported: it raises {raised}") from error


@functools.cache
def _read_entry_points(group: str, path: tuple[str, ...]) -> dict[str, str]:
    """Reads the entry points of all packages on `sys.path`.

    Args:
      group: The group of the entry points.
      path: The current value of `sys.path`. It is only a part of the cache key: if it changes, the packages are
        searched again.

    Returns:
      The name of each entry point to the path of its class, as `module:Class`.
    """
    return {point.name: point.value for point in importlib.metadata.entry_points(group=group)}
