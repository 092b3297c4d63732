"""Renders a report on data as one HTML page. The page has no scripts and loads no other files."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    DataReport,
    NumbersReport,
    ValuesReport,
)
from tfx_sequence.pipeline.datasets.svg import draw_bars
from tfx_sequence.pipeline.datasets.text_report import (
    describe_feature,
    describe_unseen_values,
    format_anomaly_place,
    format_statistic,
    group_numbers_by_feature,
    group_values_by_feature,
    make_number_rows,
    make_overview_rows,
    make_value_rows,
    select_top_values,
)

_MAX_PLOTTED_VALUES = 20
"""The maximum number of values in a plot. This many bars fit on a screen, and a report counts no more values."""

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: .5em 0 1em }
td, th { padding: .15em .8em; text-align: right; border-bottom: 1px solid #e4e4e4 }
td:first-child, th:first-child, .text td { text-align: left }
.ERROR { color: #b3261e }
.WARNING { color: #9a6700 }
svg text { font: 12px system-ui, sans-serif; fill: #222 }
"""


def render_html(report: DataReport, title: str) -> str:
    """Returns the page, which shows the anomalies, the splits, the lengths of records, and the values of features.

    Args:
      report: The report.
      title: The title of the page.
    """
    body = "\n".join(
        [
            f"<h1>{html.escape(title)}</h1>",
            "<h2>What is wrong</h2>",
            _render_anomalies(report),
            "<h2>What there is</h2>",
            _render_table(["", *report.splits], make_overview_rows(report)),
            "<h2>Lengths</h2>",
            *_render_lengths(report),
            *_render_features(report),
        ]
    )
    head = f'<head><meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style></head>'
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n<body>\n{body}\n</body></html>\n'


def _render_anomalies(report: DataReport) -> str:
    if not report.anomalies:
        return "<p>Nothing.</p>"
    rows = []
    for anomaly in report.anomalies:
        summary = html.escape(format_anomaly_place(anomaly) + anomaly.what)
        description = html.escape(anomaly.description)
        rows.append(
            f'<tr><td class="{anomaly.severity}">{anomaly.severity}</td><td>{summary}</td><td>{description}</td></tr>'
        )
    return f'<table class="text">{"".join(rows)}</table>'


def _render_lengths(report: DataReport) -> Iterator[str]:
    for split, content in report.splits.items():
        labels = [str(low) if low == high else f"{low} .. {high}" for low, high, _ in content.histogram]
        counts = [count for _, _, count in content.histogram]
        plot = draw_bars(labels, {"records": counts}, {"records": sum(counts)})
        yield f"<h3>{html.escape(split)}</h3>{plot}"


def _render_features(report: DataReport) -> Iterator[str]:
    values_by_feature = group_values_by_feature(report)
    numbers_by_feature = group_numbers_by_feature(report)
    for name, feature in report.features.items():
        if name in values_by_feature or name in numbers_by_feature:
            yield f"<h2>{html.escape(name)}</h2><p>{html.escape(describe_feature(feature))}</p>"
        if name in numbers_by_feature:
            yield from _render_numbers(numbers_by_feature[name])
        elif name in values_by_feature:
            yield from _render_values(values_by_feature[name])


def _render_values(values_by_split: Mapping[str, ValuesReport]) -> Iterator[str]:
    plotted_values = select_top_values(values_by_split, _MAX_PLOTTED_VALUES)
    counts = {}
    totals = {}
    for split, values in values_by_split.items():
        counts[split] = [values.top.get(value, 0) for value in plotted_values]
        totals[split] = values.count
    yield draw_bars(plotted_values, counts, totals)
    # No values in the table, because the plot already shows their counts.
    yield _render_table(["", *values_by_split], make_value_rows(values_by_split, num_top=0))
    for line in describe_unseen_values(values_by_split):
        yield f"<p>{html.escape(line)}</p>"


def _render_numbers(numbers_by_split: Mapping[str, NumbersReport]) -> Iterator[str]:
    yield _render_table(["", *numbers_by_split], make_number_rows(numbers_by_split))
    for split, numbers in numbers_by_split.items():
        labels = [f"{format_statistic(low)} .. {format_statistic(high)}" for low, high, _ in numbers.histogram]
        counts = [round(count) for _, _, count in numbers.histogram]
        plot = draw_bars(labels, {"numbers": counts}, {"numbers": numbers.count})
        yield f"<h3>{html.escape(split)}</h3>{plot}"


def _render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = _render_row(head, "th")
    for row in rows:
        table += _render_row(row, "td")
    return f"<table>{table}</table>"


def _render_row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
