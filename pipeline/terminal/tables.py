"""Draws plain tables and formats numbers, for a terminal and for a pipe, where lines do not wrap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

import rich.console
import rich.table
import rich.text

_PIPE_WIDTH = 10_000
"""Wider than any line: a program that reads a pipe wants each row on one line."""


def make_console(stream: TextIO) -> rich.console.Console:
    """Returns a console that writes to `stream`, as wide as the terminal, or without wrapping if it is none."""
    width = None if stream.isatty() else _PIPE_WIDTH
    return rich.console.Console(file=stream, highlight=False, soft_wrap=False, width=width, emoji=False)


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = True) -> rich.table.Table:
    """Lays out a table.

    Args:
      head: The names of the columns.
      rows: The cells, as long as `head` each.
      numbers: Whether columns are aligned to the right, save for the first one and those without a name.
    """
    table = rich.table.Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        is_right = numbers and index > 0 and name != ""
        table.add_column(rich.text.Text(name), justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        # As Text, or rich would read `[...]` in a cell as markup.
        table.add_row(*map(rich.text.Text, row))
    return table


def draw_bar(part: int, most: int, width: int = 40) -> str:
    """Draws a bar of `width` blocks for `most`, in proportion for `part`; of at least one block if `part` is not 0."""
    if not most:
        return ""
    least = 1 if part else 0
    return "█" * max(round(width * part / most), least)


def format_percent(share: float) -> str:
    """Formats a share as `12.3 %`; one too small for that as `< 0.1 %`, so that it is not taken for none."""
    return "< 0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
