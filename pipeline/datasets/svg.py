"""Bar charts as SVG, which a page can hold within itself."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

_ROW, _WIDTH, _LABEL, _NUMBER = 18, 640, 150, 90
_COLOURS = ("#3b6fb6", "#d1812a", "#4a9a5b", "#a8508f", "#7a7a7a")


def bars(labels: Sequence[str], series: Mapping[str, Sequence[int]], totals: Mapping[str, int]) -> str:
    """Horizontal bars, for each label one of each series: its share of a total, so that series of any size compare.

    Args:
      labels: What the bars are of, `[N]`.
      series: Name to counts, `[N]` each.
      totals: Name to what the counts are shares of.
    """
    shares = {name: [count / max(totals[name], 1) for count in counts] for name, counts in series.items()}
    most = max((share for values in shares.values() for share in values), default=0) or 1
    height = _ROW * len(series)
    parts = []
    for row, label in enumerate(labels):
        top = row * (height + 8)
        parts.append(_text(_LABEL - 8, top + height / 2 + 4, label[:24], "end"))
        for number, name in enumerate(series):
            share, y = shares[name][row], top + number * _ROW
            width = share / most * (_WIDTH - _LABEL - _NUMBER)
            colour = _COLOURS[number % len(_COLOURS)]
            parts.append(
                f'<rect x="{_LABEL}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 4}" fill="{colour}">'
                f"<title>{html.escape(f'{name}: {label}: {series[name][row]:,}')}</title></rect>"
            )
            parts.append(_text(_LABEL + width + 5, y + _ROW - 5, f"{share:.1%}", "start"))
    total = len(labels) * (height + 8)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total}" width="{_WIDTH}" height="{total}" '
        f'role="img">{"".join(parts)}</svg>{_legend(list(series))}'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(text)}</text>'


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    items = (
        f'<span style="color:{_COLOURS[number % len(_COLOURS)]}">&#9632;</span> {html.escape(name)}'
        for number, name in enumerate(names)
    )
    return f"<p>{' &nbsp; '.join(items)}</p>"
