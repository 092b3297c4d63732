"""A report on data for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TextIO

import rich.console
import rich.text

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    AnomalyReport,
    DataReport,
    NumbersReport,
    SplitReport,
    ValuesReport,
)
from tfx_sequence.pipeline.terminal.tables import console_on, grid, percent
from tfx_sequence.schemas.spec import Feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_TOP = {"token": 8, "categorical": 20}
_NONE = "-"
_WHOLE = 1e15


def print_report(report: DataReport, stream: TextIO) -> None:
    """Writes the report: what is in the splits, side by side, then the values of features, then what is wrong."""
    console = console_on(stream)
    console.print(grid(["", *report.splits], overview(report)))
    values, numbers = values_by_feature(report), numbers_by_feature(report)
    for name in (name for name in report.features if name in values or name in numbers):
        console.print(rich.text.Text(f"\n{name} ({describe(report.features[name])})", "bold"))
        if name in numbers:
            console.print(grid(["", *numbers[name]], number_rows(numbers[name])))
            continue
        columns = values[name]
        console.print(grid(["", *columns], value_rows(columns, _TOP[report.features[name].kind])))
        for line in unseen_lines(columns):
            console.print(rich.text.Text(line, "dim"))
    console.print(rich.text.Text("\nWhat is wrong", "bold"))
    if not report.anomalies:
        console.print("nothing", style="green")
    for anomaly in report.anomalies:
        _print_anomaly(anomaly, console)


def overview(report: DataReport) -> Iterator[list[str]]:
    """Yields rows of a table with a column a split: what it holds in numbers."""
    splits = list(report.splits.values())

    def row(name: str, *cells: str) -> list[str]:
        return [name, *cells]

    yield row("records", *(f"{split.records:,}" for split in splits))
    yield row("steps", *(f"{split.steps:,}" for split in splits))
    for name in splits[0].lengths if splits else ():
        yield row(f"length, {name}", *(f"{split.lengths[name]:,}" for split in splits))
    for how, what in (("random", "in random order"), ("by_length", "sorted by length")):
        name = f"padding in batches of {report.batch_size}, {what}"
        yield row(name, *(percent(split.padding[how]) for split in splits))
    yield row("the same as another record of the split", *(percent(split.repeated) for split in splits))
    if any(split.in_train is not None for split in splits):
        yield row("the same as a record of train", *(_share(split.in_train) for split in splits))
    for feature in {name: None for split in splits for name in split.missing}:
        yield row(f"without {feature}", *(percent(split.missing.get(feature, 0)) for split in splits))
    for place in {name: None for split in splits for name in split.distances}:
        what = "lengths" if place == SEQUENCE else place
        yield row(f"distance from the baseline, {what}", *(_distance(split, place) for split in splits))


def values_by_feature(report: DataReport) -> dict[str, dict[str, ValuesReport]]:
    """Feature name to split name to values."""
    names = {name: None for split in report.splits.values() for name in split.values}
    return {name: {split: found.values[name] for split, found in report.splits.items()} for name in names}


def numbers_by_feature(report: DataReport) -> dict[str, dict[str, NumbersReport]]:
    """Feature name to split name to numbers."""
    names = {name: None for split in report.splits.values() for name in split.numbers}
    return {name: {split: found.numbers[name] for split, found in report.splits.items()} for name in names}


def number_rows(columns: Mapping[str, NumbersReport]) -> Iterator[list[str]]:
    """Yields rows of a table with a column a split: how many numbers, and how they are spread."""
    found = list(columns.values())
    yield ["numbers", *(f"{numbers.count:,}" for numbers in found)]
    if any(numbers.missing for numbers in found):
        yield ["missing", *(percent(numbers.missing) for numbers in found)]
    for name in ("min", "median", "mean", "max"):
        yield [name, *(number(getattr(numbers, name)) for numbers in found)]
    yield ["standard deviation", *(number(numbers.deviation) for numbers in found)]


def value_rows(columns: Mapping[str, ValuesReport], top: int) -> Iterator[list[str]]:
    """Yields rows of a table with a column a split: how many values, and how often the most frequent ones."""
    found = list(columns.values())
    yield ["different values", *(f"{values.distinct:,}" for values in found)]
    if any(values.unseen is not None for values in found):
        yield ["not seen in train", *(_share(values.unseen) for values in found)]
    for value in shown_values(columns, top):
        yield [repr(value), *(f"{values.top[value]:,}" if value in values.top else _NONE for values in found)]


def shown_values(columns: Mapping[str, ValuesReport], top: int) -> list[str]:
    """The most frequent values, by the split that has most of each; none if no value is there twice, as with names."""
    most: dict[str, int] = {}
    for values in columns.values():
        for value, count in values.top.items():
            most[value] = max(count, most.get(value, 0))
    if max(most.values(), default=0) <= 1:
        return []
    return sorted(most, key=lambda value: (-most[value], value))[:top]


def number(value: float | None) -> str:
    """A number to five digits, and a whole one, as counts and times are, to all of them."""
    if value is None:
        return _NONE
    return f"{value:,.0f}" if value.is_integer() and abs(value) < _WHOLE else f"{value:.5g}"


def describe(feature: Feature) -> str:
    """A feature's kind, and what it is for: `categorical, label, BIO`."""
    parts = [f"{feature.kind} {feature.width}" if feature.width else feature.kind, feature.role]
    also = (("context", feature.context), ("nested", feature.nested), ("may be missing", feature.missing))
    parts += [what for what, is_so in also if is_so]
    return ", ".join([*parts, *([feature.spans] if feature.spans else [])])


def unseen_lines(columns: Mapping[str, ValuesReport]) -> Iterator[str]:
    """Yields a line for each split that has values that train has not: the most frequent of them."""
    for split, values in columns.items():
        if values.unseen_top and shown_values(columns, top=1):
            yield f"only in {split}: {', '.join(f'{value!r} {count:,}' for value, count in values.unseen_top.items())}"


def _print_anomaly(anomaly: AnomalyReport, console: rich.console.Console) -> None:
    line = rich.text.Text(anomaly.severity, "red" if anomaly.severity == "ERROR" else "yellow")
    line.append(f"  {place_of(anomaly)}{anomaly.what}", "bold").append(f"\n    {anomaly.description}", "none")
    console.print(line)


def place_of(anomaly: AnomalyReport) -> str:
    """The split and the feature of an anomaly, as the beginning of a line."""
    feature = "" if anomaly.feature == SEQUENCE else anomaly.feature
    return "".join(f"{part}: " for part in (anomaly.split, feature) if part)


def _share(share: float | None) -> str:
    return _NONE if share is None else percent(share)


def _distance(split: SplitReport, place: str) -> str:
    return f"{split.distances[place]:.3f}" if place in split.distances else _NONE
