"""Draws plain tables and bars and formats percentages, for output to a terminal or to a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

import rich.console
import rich.table
import rich.text

_PIPE_WIDTH = 10_000
"""The number of characters per line if the output is not a terminal. It is larger than any line, so that no line is
wrapped: a program that reads a pipe expects one row per line."""

_MIN_SHARE = 0.0005
"""The smallest share that `format_percent` writes as a number. A smaller share would be rounded to `0.0 %`."""


def make_console(stream: TextIO) -> rich.console.Console:
    """Returns a console that writes to a stream.

    If the stream is a terminal, lines are wrapped at its width. If the stream is not a terminal, lines are not wrapped.
    """
    width = None if stream.isatty() else _PIPE_WIDTH
    return rich.console.Console(file=stream, highlight=False, soft_wrap=False, width=width, emoji=False)


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]], align_right: bool = True) -> rich.table.Table:
    """Makes a table.

    Args:
      head: The names of the columns.
      rows: The cells of each row, one per column.
      align_right: Whether to align numbers to the right. The first column has names, and a column without a name has
        bars, so these columns are always aligned to the left.
    """
    table = rich.table.Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for index, name in enumerate(head):
        is_right = align_right and index > 0 and name != ""
        table.add_column(rich.text.Text(name), justify="right" if is_right else "left", overflow="fold")
    for row in rows:
        # A cell that is a plain string would be read as rich's markup: `[red]` would disappear.
        table.add_row(*map(rich.text.Text, row))
    return table


def draw_bar(count: int, max_count: int, width: int = 40) -> str:
    """Draws a horizontal bar whose length is proportional to a count.

    Args:
      count: The count, from 0 to `max_count`. If it is above 0, the bar has at least one block.
      max_count: The largest count of all bars. If it is 0, the bar is empty.
      width: The number of blocks of the bar for `max_count`.
    """
    if max_count == 0:
        return ""
    min_blocks = 1 if count else 0
    return "█" * max(round(width * count / max_count), min_blocks)


def format_percent(share: float) -> str:
    """Formats a share from 0 to 1 as `12.3 %`. A very small share becomes `< 0.1 %`, to tell it from 0."""
    if 0 < share < _MIN_SHARE:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"
