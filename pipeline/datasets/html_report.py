"""A report on data as one HTML page that needs nothing else: no script, no network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    DataReport,
    NumbersReport,
    ValuesReport,
)
from tfx_sequence.pipeline.datasets.svg import bars
from tfx_sequence.pipeline.datasets.text_report import (
    describe,
    number,
    number_rows,
    numbers_by_feature,
    overview,
    place_of,
    shown_values,
    unseen_lines,
    value_rows,
    values_by_feature,
)

_PLOTTED = 20
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: .5em 0 1em }
td, th { padding: .15em .8em; text-align: right; border-bottom: 1px solid #e4e4e4 }
td:first-child, th:first-child, .text td { text-align: left }
.ERROR { color: #b3261e }
.WARNING { color: #9a6700 }
svg text { font: 12px system-ui, sans-serif; fill: #222 }
"""


def to_html(report: DataReport, title: str) -> str:
    """The page: what is wrong, what the splits hold, how long records are, and the values of features.

    Args:
      report: The report.
      title: The page's title.
    """
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        "<h2>What is wrong</h2>",
        _anomalies(report),
        "<h2>What there is</h2>",
        _table(["", *report.splits], overview(report)),
        "<h2>Lengths</h2>",
        *(f"<h3>{html.escape(split)}</h3>{_lengths(found.histogram)}" for split, found in report.splits.items()),
        *_features(report),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _anomalies(report: DataReport) -> str:
    if not report.anomalies:
        return "<p>Nothing.</p>"
    rows = (
        f'<tr><td class="{anomaly.severity}">{anomaly.severity}</td><td>{html.escape(place_of(anomaly) + anomaly.what)}'
        f"</td><td>{html.escape(anomaly.description)}</td></tr>"
        for anomaly in report.anomalies
    )
    return f'<table class="text">{"".join(rows)}</table>'


def _lengths(histogram: Iterable[tuple[int, int, int]]) -> str:
    ranges = list(histogram)
    labels = [str(low) if low == high else f"{low} - {high}" for low, high, _ in ranges]
    counts = [count for _, _, count in ranges]
    return bars(labels, {"records": counts}, {"records": sum(counts)})


def _features(report: DataReport) -> Iterator[str]:
    values, numbers = values_by_feature(report), numbers_by_feature(report)
    for name in (name for name in report.features if name in values or name in numbers):
        yield f"<h2>{html.escape(name)}</h2><p>{html.escape(describe(report.features[name]))}</p>"
        yield from _numbers(numbers[name]) if name in numbers else _values(values[name])


def _values(columns: Mapping[str, ValuesReport]) -> Iterator[str]:
    values = shown_values(columns, _PLOTTED)
    counts = {split: [found.top.get(value, 0) for value in values] for split, found in columns.items()}
    yield bars(values, counts, {split: found.count for split, found in columns.items()})
    yield _table(["", *columns], value_rows(columns, top=0))
    yield from (f"<p>{html.escape(line)}</p>" for line in unseen_lines(columns))


def _numbers(columns: Mapping[str, NumbersReport]) -> Iterator[str]:
    yield _table(["", *columns], number_rows(columns))
    for split, found in columns.items():
        labels = [f"{number(low)} .. {number(high)}" for low, high, _ in found.histogram]
        counts = [round(count) for _, _, count in found.histogram]
        yield f"<h3>{html.escape(split)}</h3>{bars(labels, {'numbers': counts}, {'numbers': found.count})}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"
