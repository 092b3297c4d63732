"""Prints a report on data to a terminal. The HTML report uses its functions for the rows of tables too."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TextIO, TypeVar

import rich.console
import rich.text

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    AnomalyReport,
    DataReport,
    NumbersReport,
    SplitReport,
    ValuesReport,
)
from tfx_sequence.pipeline.terminal.tables import format_percent, make_console, make_table
from tfx_sequence.schemas.spec import Feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_Row = TypeVar("_Row")

_NUM_TOP_VALUES = {"token": 8, "categorical": 20}
"""The number of most frequent values to show for each kind of feature. A label usually has fewer than 20 values. A few
tokens show what the tokens are like."""

_NOTHING = "-"
"""The text of a cell without a value."""

_MAX_WHOLE_NUMBER = 1e15
"""Whole numbers below this limit are shown with all digits. A float64 represents them exactly."""


def print_report(report: DataReport, stream: TextIO) -> None:
    """Prints a table of the splits, then the values of each feature, then the anomalies."""
    console = make_console(stream)
    console.print(make_table(["", *report.splits], make_overview_rows(report)))
    values_by_feature = group_values_by_feature(report)
    numbers_by_feature = group_numbers_by_feature(report)
    for name, feature in report.features.items():
        if name in values_by_feature or name in numbers_by_feature:
            console.print(rich.text.Text(f"\n{name} ({describe_feature(feature)})", "bold"))
        if name in numbers_by_feature:
            numbers_by_split = numbers_by_feature[name]
            console.print(make_table(["", *numbers_by_split], make_number_rows(numbers_by_split)))
        elif name in values_by_feature:
            _print_values(values_by_feature[name], _NUM_TOP_VALUES[feature.kind], console)
    console.print(rich.text.Text("\nWhat is wrong", "bold"))
    if not report.anomalies:
        console.print("nothing", style="green")
    for anomaly in report.anomalies:
        _print_anomaly(anomaly, console)


def _print_values(values_by_split: Mapping[str, ValuesReport], num_top: int, console: rich.console.Console) -> None:
    """Prints a table of the `num_top` most frequent values of a feature, and the values that are not in train."""
    console.print(make_table(["", *values_by_split], make_value_rows(values_by_split, num_top)))
    for line in describe_unseen_values(values_by_split):
        console.print(rich.text.Text(line, "dim"))


def make_overview_rows(report: DataReport) -> Iterator[list[str]]:
    """Yields the rows of a table of the whole data, with one column per split.

    The rows are about the number of records, their lengths, padding, repeated records, missing features and distances.
    """
    splits = list(report.splits.values())
    yield ["records", *(f"{split.records:,}" for split in splits)]
    yield ["steps", *(f"{split.steps:,}" for split in splits)]
    quantiles = splits[0].lengths if splits else ()
    for quantile in quantiles:
        yield [f"length, {quantile}", *(f"{split.lengths[quantile]:,}" for split in splits)]
    for key, order in (("random", "in random order"), ("by_length", "sorted by length")):
        title = f"padding in batches of {report.batch_size}, {order}"
        yield [title, *(format_percent(split.padding[key]) for split in splits)]
    yield ["the same as another record of the split", *(format_percent(split.repeated) for split in splits)]
    if any(split.in_train is not None for split in splits):
        yield ["the same as a record of train", *(_format_share(split.in_train) for split in splits)]
    for feature in _list_keys(split.missing for split in splits):
        yield [f"without {feature}", *(format_percent(split.missing.get(feature, 0)) for split in splits)]
    for key in _list_keys(split.distances for split in splits):
        subject = "lengths" if key == SEQUENCE else key
        yield [f"distance from the baseline, {subject}", *(_format_distance(split, key) for split in splits)]


def _list_keys(tables: Iterable[Mapping[str, float]]) -> list[str]:
    """Returns the keys of all tables, each of them once, in the order in which they occur."""
    return list(dict.fromkeys(itertools.chain.from_iterable(tables)))


def group_values_by_feature(report: DataReport) -> dict[str, dict[str, ValuesReport]]:
    """Returns the string features of a report, as `{feature: {split: values}}`."""
    return _swap_keys({name: split.values for name, split in report.splits.items()})


def group_numbers_by_feature(report: DataReport) -> dict[str, dict[str, NumbersReport]]:
    """Returns the number features of a report, as `{feature: {split: numbers}}`."""
    return _swap_keys({name: split.numbers for name, split in report.splits.items()})


def _swap_keys(by_split: Mapping[str, Mapping[str, _Row]]) -> dict[str, dict[str, _Row]]:
    """Turns `{split: {feature: row}}` into `{feature: {split: row}}`."""
    by_feature: dict[str, dict[str, _Row]] = {}
    for split, rows in by_split.items():
        for feature, row in rows.items():
            by_feature.setdefault(feature, {})[split] = row
    return by_feature


def make_number_rows(numbers_by_split: Mapping[str, NumbersReport]) -> Iterator[list[str]]:
    """Yields the rows of a table with one column per split: the count of numbers, and their statistics."""
    columns = list(numbers_by_split.values())
    yield ["numbers", *(f"{numbers.count:,}" for numbers in columns)]
    if any(numbers.missing for numbers in columns):
        yield ["missing", *(format_percent(numbers.missing) for numbers in columns)]
    yield ["min", *(format_statistic(numbers.min) for numbers in columns)]
    yield ["median", *(format_statistic(numbers.median) for numbers in columns)]
    yield ["mean", *(format_statistic(numbers.mean) for numbers in columns)]
    yield ["max", *(format_statistic(numbers.max) for numbers in columns)]
    yield ["standard deviation", *(format_statistic(numbers.deviation) for numbers in columns)]


def make_value_rows(values_by_split: Mapping[str, ValuesReport], num_top: int) -> Iterator[list[str]]:
    """Yields the rows of a table with one column per split.

    Args:
      values_by_split: Split name to values.
      num_top: The number of most frequent values to add to the table, with their counts.
    """
    columns = list(values_by_split.values())
    yield ["different values", *(f"{values.distinct:,}" for values in columns)]
    if any(values.unseen is not None for values in columns):
        yield ["not seen in train", *(_format_share(values.unseen) for values in columns)]
    for value in select_top_values(values_by_split, num_top):
        yield [repr(value), *(f"{values.top[value]:,}" if value in values.top else _NOTHING for values in columns)]


def select_top_values(values_by_split: Mapping[str, ValuesReport], num_top: int) -> list[str]:
    """Returns the `num_top` most frequent values.

    The frequency of a value is its count in the split with the largest count. If no value occurs twice in a split, as
    with names of records, the counts say nothing, and the list is empty.
    """
    largest_counts: dict[str, int] = {}
    for values in values_by_split.values():
        for value, count in values.top.items():
            largest_counts[value] = max(count, largest_counts.get(value, 0))
    if max(largest_counts.values(), default=0) <= 1:
        return []
    return sorted(largest_counts, key=lambda value: (-largest_counts[value], value))[:num_top]


def format_statistic(value: float | None) -> str:
    """Formats a number with five digits. A whole number, such as a count or a time, is formatted with all digits."""
    if value is None:
        return _NOTHING
    is_whole_number = value.is_integer() and abs(value) < _MAX_WHOLE_NUMBER
    return f"{value:,.0f}" if is_whole_number else f"{value:.5g}"


def describe_feature(feature: Feature) -> str:
    """Returns a feature's kind, role and other properties: `categorical, label, BIO`."""
    parts = [f"{feature.kind} {feature.width}" if feature.width else feature.kind, feature.role]
    if feature.context:
        parts.append("context")
    if feature.nested:
        parts.append("nested")
    if feature.missing:
        parts.append("may be missing")
    if feature.spans:
        parts.append(feature.spans)
    return ", ".join(parts)


def describe_unseen_values(values_by_split: Mapping[str, ValuesReport]) -> Iterator[str]:
    """Yields one line for each split with values that do not occur in train. The line has the most frequent ones."""
    if not select_top_values(values_by_split, num_top=1):
        return  # Each value occurs once, so all values of the other splits are unseen, and the lines would say nothing.
    for split, values in values_by_split.items():
        if values.unseen_top:
            counts = ", ".join(f"{value!r} {count:,}" for value, count in values.unseen_top.items())
            yield f"only in {split}: {counts}"


def format_anomaly_place(anomaly: AnomalyReport) -> str:
    """Returns the split and the feature of an anomaly, for the beginning of a line: `train: tags: `."""
    feature = "" if anomaly.feature == SEQUENCE else anomaly.feature
    return "".join(f"{part}: " for part in (anomaly.split, feature) if part)


def _print_anomaly(anomaly: AnomalyReport, console: rich.console.Console) -> None:
    line = rich.text.Text(anomaly.severity, "red" if anomaly.severity == "ERROR" else "yellow")
    line.append(f"  {format_anomaly_place(anomaly)}{anomaly.what}", "bold")
    line.append(f"\n    {anomaly.description}", "none")
    console.print(line)


def _format_share(share: float | None) -> str:
    return _NOTHING if share is None else format_percent(share)


def _format_distance(split: SplitReport, key: str) -> str:
    return f"{split.distances[key]:.3f}" if key in split.distances else _NOTHING
