"""Draws bar charts as SVG, which an HTML page can hold within itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

# In pixels: the height of a bar, the gap between two labels, the width of all, of the labels, and of the shares.
_BAR_HEIGHT, _GAP, _WIDTH, _LABEL_WIDTH, _SHARE_WIDTH = 18, 8, 640, 150, 90
_MAX_LABEL_LENGTH = 24
"""Characters that fit into `_LABEL_WIDTH`."""
_COLOURS = ("#3b6fb6", "#d1812a", "#4a9a5b", "#a8508f", "#7a7a7a")


def draw_bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], totals: Mapping[str, int]) -> str:
    """Draws horizontal bars: for each label one of each series, as its share of a total, so that series compare.

    Args:
      labels: The labels of the bars, `[N]`.
      series: Name to counts, `[N]` each.
      totals: Name to the number that the counts are shares of.
    """
    shares = {name: [count / max(totals[name], 1) for count in counts] for name, counts in series.items()}
    largest = max((share for values in shares.values() for share in values), default=0) or 1
    group_height = _BAR_HEIGHT * len(series)
    parts = []
    for row, label in enumerate(labels):
        top = row * (group_height + _GAP)
        # Text stands on its baseline: half of the letters' height is added to be in the middle.
        parts.append(_draw_text(_LABEL_WIDTH - 8, top + group_height / 2 + 4, label[:_MAX_LABEL_LENGTH], "end"))
        for index, (name, values) in enumerate(shares.items()):
            y = top + index * _BAR_HEIGHT
            width = values[row] / largest * (_WIDTH - _LABEL_WIDTH - _SHARE_WIDTH)
            tooltip = f"{name}: {label}: {series[name][row]:,}"
            parts.append(_draw_bar(y, width, _pick_colour(index), tooltip))
            parts.append(_draw_text(_LABEL_WIDTH + width + 5, y + _BAR_HEIGHT - 5, f"{values[row]:.1%}", "start"))
    height = len(labels) * (group_height + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img">{"".join(parts)}</svg>{_draw_legend(list(series))}'
    )


def _draw_bar(y: int, width: float, colour: str, tooltip: str) -> str:
    return (
        f'<rect x="{_LABEL_WIDTH}" y="{y + 2}" width="{width:.1f}" height="{_BAR_HEIGHT - 4}" fill="{colour}">'
        f"<title>{html.escape(tooltip)}</title></rect>"
    )


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _draw_legend(names: Sequence[str]) -> str:
    """Names the colours of the series; a chart of one series needs no legend."""
    if len(names) < 2:
        return ""
    items = (
        f'<span style="color:{_pick_colour(index)}">&#9632;</span> {html.escape(name)}'
        for index, name in enumerate(names)
    )
    return f"<p>{' &nbsp; '.join(items)}</p>"


def _pick_colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
