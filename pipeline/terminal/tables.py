"""Plain tables and numbers for a terminal, and for a pipe, where lines do not wrap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

import rich.console
import rich.table
import rich.text

_WIDE = 10_000


def console_on(stream: TextIO) -> rich.console.Console:
    """A console that writes to `stream`: as wide as the terminal, or as its lines if it is none."""
    return rich.console.Console(
        file=stream, highlight=False, soft_wrap=False, width=None if stream.isatty() else _WIDE, emoji=False
    )


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> rich.table.Table:
    """A table: to the left stand the first column, one without a name, and all if they are not `numbers`."""
    table = rich.table.Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for number, name in enumerate(head):
        table.add_column(
            rich.text.Text(name), justify="right" if numbers and number and name else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(rich.text.Text, row))
    return table


def bar(part: int, most: int, width: int = 40) -> str:
    """A bar as long as `part` is of `most`; never empty where there is something."""
    return "█" * max(round(width * part / most), 1 if part else 0) if most else ""


def percent(share: float) -> str:
    """`12.3 %`; `< 0.1 %` for what is there all the same."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{share:.1%}".replace("%", " %")
