"""Draws bar charts as SVG, which can be part of an HTML page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

# Sizes in pixels. The labels are at the left of the bars, and the shares are at the right.
_BAR_HEIGHT = 18
_GAP = 8  # Between the bars of two labels.
_WIDTH = 640
_LABEL_WIDTH = 150
_SHARE_WIDTH = 90
_MAX_BAR_WIDTH = _WIDTH - _LABEL_WIDTH - _SHARE_WIDTH

_MAX_LABEL_LENGTH = 24
"""The number of characters that fit into `_LABEL_WIDTH`."""

_COLOURS = ("#3b6fb6", "#d1812a", "#4a9a5b", "#a8508f", "#7a7a7a")


def draw_bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], totals: Mapping[str, int]) -> str:
    """Draws horizontal bars. Each label has one bar per series.

    A bar shows a count as a share of the total of its series, so that series of different sizes can be compared.

    Args:
      labels: N labels.
      series: Series name to N counts, one per label.
      totals: Series name to the total, which is 100 %.

    Returns:
      The SVG element, and after it the HTML of a legend if there are several series.
    """
    shares = {name: [count / max(totals[name], 1) for count in counts] for name, counts in series.items()}
    # If all shares are 0, 1 is used, because `max_share` is a divisor.
    max_share = max((share for values in shares.values() for share in values), default=0) or 1
    group_height = _BAR_HEIGHT * len(series)
    elements = []
    for row, label in enumerate(labels):
        top = row * (group_height + _GAP)
        # The y coordinate of a text is its baseline, 4 pixels below the middle of its letters.
        baseline = top + group_height / 2 + 4
        elements.append(_draw_text(_LABEL_WIDTH - 8, baseline, label[:_MAX_LABEL_LENGTH], "end"))
        for index, name in enumerate(series):
            share = shares[name][row]
            width = share / max_share * _MAX_BAR_WIDTH
            tooltip = f"{name}: {label}: {series[name][row]:,}"
            elements.append(_draw_bar_with_share(top, index, width, share, tooltip))
    height = len(labels) * (group_height + _GAP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img">{"".join(elements)}</svg>{_draw_legend(list(series))}'
    )


def _draw_bar_with_share(top: int, index: int, width: float, share: float, tooltip: str) -> str:
    """Draws the bar of one series, and its share behind it.

    Args:
      top: The y coordinate of the bars of a label.
      index: The position of the series, which determines the place and the colour of the bar.
      width: The width of the bar.
      share: The share that the bar shows.
      tooltip: The text that a browser shows over the bar.
    """
    y = top + index * _BAR_HEIGHT
    bar = _draw_bar(y, width, _pick_colour(index), tooltip)
    return bar + _draw_text(_LABEL_WIDTH + width + 5, y + _BAR_HEIGHT - 5, f"{share:.1%}", "start")


def _draw_bar(y: int, width: float, colour: str, tooltip: str) -> str:
    return (
        f'<rect x="{_LABEL_WIDTH}" y="{y + 2}" width="{width:.1f}" height="{_BAR_HEIGHT - 4}" fill="{colour}">'
        f"<title>{html.escape(tooltip)}</title></rect>"
    )


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _draw_legend(names: Sequence[str]) -> str:
    """Returns the HTML of a legend, which says the series of each colour. It is empty if there is only one series."""
    if len(names) < 2:
        return ""
    items = (
        f'<span style="color:{_pick_colour(index)}">&#9632;</span> {html.escape(name)}'
        for index, name in enumerate(names)
    )
    return f"<p>{' &nbsp; '.join(items)}</p>"


def _pick_colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]
