"""Checks the names of metrics, thresholds and slices in the config of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfx_sequence.components.sequence_evaluator.accumulators import MetricAccumulator
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, LabelMetric, list_metrics
from tfx_sequence.schemas.contract import LENGTH_BUCKET
from tfx_sequence.schemas.families import UnknownMemberError
from tfx_sequence.schemas.spec import SequenceSpec

RECORD_COUNT = "example_count"
"""The name of TFMA's figure that counts records."""


def find_metric_problems(spec: SequenceSpec, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each name that cannot be an additional metric for a spec's labels, with a message that says why.

    If two labels have figures of the same name, yields the second label.
    """
    yield from _find_labels_with_equal_figures(spec)
    owner_of_figure: dict[str, str] = {}
    for metric in list_metrics(spec):
        owner_of_figure |= dict.fromkeys(metric.accumulator.names, metric.name)
    for name in names:
        problem = _describe_class_problem(name)
        if problem:
            yield name, problem
            continue
        metrics = [metric for metric in list_metrics(spec, additional=[name]) if metric.name == name]
        if not metrics:
            kind = METRICS.load(name).label_kind
            yield name, f"the metric {name!r} is for labels that are {kind}, and there is no such label"
        for figure in _list_figures(metrics):
            # The result of an evaluation is a dict of figure name to value, so one of the two figures would be lost.
            if figure in owner_of_figure:
                owner = owner_of_figure[figure]
                yield name, f"the metric {name!r} has the figure {figure!r}, which the metric {owner!r} has already"
            owner_of_figure[figure] = name


def _find_labels_with_equal_figures(spec: SequenceSpec) -> Iterator[tuple[str, str]]:
    """Yields each label that has a figure with the name of another figure, with a message.

    The result of an evaluation is a dict of figure name to value, so one of the two figures would be lost::

        label `tags`, figure `span_macro_f1`     tags_span_macro_f1
        label `tags_span`, figure `macro_f1`     tags_span_macro_f1
    """
    owner_of_figure = {RECORD_COUNT: "the number of records"}
    for metric in list_metrics(spec, by_label=True):
        accumulator = metric.accumulator
        for figure in [*accumulator.names, *(f"{name}/..." for name in accumulator.names_by_value)]:
            owner = owner_of_figure.setdefault(figure, f"the label {accumulator.label!r}")
            if owner != f"the label {accumulator.label!r}":
                yield (
                    accumulator.label,
                    f"{figure!r} would be a figure of {owner} and of the label {accumulator.label!r}; choose another "
                    "name for the label, and name the data's own with `source`",
                )


def find_threshold_problems(metrics: Iterable[LabelMetric], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each name that is not the full name of a figure of the metrics, with a message that lists those names."""
    metrics = list(metrics)
    for name in names:
        if not any(metric.accumulator.find_figure(name) for metric in metrics):
            figures = _list_figures(metrics)
            for metric in metrics:
                figures += [f"{figure}/..." for figure in metric.accumulator.names_by_value]
            yield name, f"there is a threshold of {name!r}, but the metrics are {', '.join(figures)}"


def find_slice_problems(spec: SequenceSpec, slices: Iterable[str | Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Yields each name by which records cannot be sliced, with a message that lists the possible names."""
    for names in slices:
        for name in [names] if isinstance(names, str) else names:
            if name != LENGTH_BUCKET and name not in spec.context:
                possible_names = ", ".join([*spec.context, LENGTH_BUCKET])
                yield name, f"there is a slice by {name!r}, but records can be sliced by {possible_names}"


def _list_figures(metrics: Iterable[LabelMetric]) -> list[str]:
    """Lists the full names of the figures of all metrics."""
    figures: list[str] = []
    for metric in metrics:
        figures += metric.accumulator.names
    return figures


def _describe_class_problem(name: str) -> str | None:
    """Returns what is wrong with the class that a name of a metric refers to, or None if nothing is wrong."""
    if name in METRICS.rows and METRICS.rows[name].by_default:
        return f"the metric {name!r} is always computed, and need not be named"
    try:
        accumulator = METRICS.load(name)
    except UnknownMemberError as error:
        return f"the metric is {error}"
    if not (isinstance(accumulator, type) and issubclass(accumulator, MetricAccumulator)):
        return f"the metric is {name!r}, expected a subclass of MetricAccumulator"
    return None
