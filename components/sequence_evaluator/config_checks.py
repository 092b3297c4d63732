"""Checks the names of metrics, thresholds and slices in the config of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tfx_sequence.components.sequence_evaluator.accumulators import MetricAccumulator
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, LabelMetric, list_metrics
from tfx_sequence.schemas.contract import LENGTH_BUCKET
from tfx_sequence.schemas.families import UnknownMemberError
from tfx_sequence.schemas.spec import SequenceSpec


def find_metric_problems(spec: SequenceSpec, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each name that cannot be an additional metric for a spec's labels, with a message that says why."""
    owners = {figure: metric.name for metric in list_metrics(spec) for figure in metric.accumulator.names}
    for name in names:
        problem = _describe_class_problem(name)
        if problem:
            yield name, problem
            continue
        metrics = [metric for metric in list_metrics(spec, additional=[name]) if metric.name == name]
        if not metrics:
            kind = METRICS.load(name).label_kind
            yield name, f"the metric {name!r} is for labels that are {kind}, and there is no such label"
        figures = [figure for metric in metrics for figure in metric.accumulator.names]
        for figure in figures:
            # The result of an evaluation is a dict of figure name to value, so one of the two figures would be lost.
            if figure in owners:
                owner = owners[figure]
                yield name, f"the metric {name!r} has the figure {figure!r}, which the metric {owner!r} has already"
            owners[figure] = name


def find_threshold_problems(metrics: Iterable[LabelMetric], names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yields each name that is not the full name of a figure of the metrics, with a message that lists those names."""
    accumulators = [metric.accumulator for metric in metrics]
    for name in names:
        if not any(accumulator.find_figure(name) for accumulator in accumulators):
            figures = [figure for accumulator in accumulators for figure in accumulator.names]
            figures += [f"{figure}/..." for accumulator in accumulators for figure in accumulator.names_by_value]
            yield name, f"there is a threshold of {name!r}, but the metrics are {', '.join(figures)}"


def find_slice_problems(spec: SequenceSpec, slices: Iterable[str | Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Yields each name by which records cannot be sliced, with a message that lists the possible names."""
    for names in slices:
        for name in [names] if isinstance(names, str) else names:
            if name != LENGTH_BUCKET and name not in spec.context:
                possible_names = ", ".join([*spec.context, LENGTH_BUCKET])
                yield name, f"there is a slice by {name!r}, but records can be sliced by {possible_names}"


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
