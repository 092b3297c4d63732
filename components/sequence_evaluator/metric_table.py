"""Lists the Evaluator's metrics in the table `METRICS`, and selects the metrics for the labels of a spec.

A new metric is a subclass of `accumulators.MetricAccumulator` and a row of `METRICS`. It needs nothing in `metrics.py`,
which wraps every row of the table for TFMA.

This module does not import TensorFlow, because a config that names metrics is checked before TensorFlow is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tfx_sequence.components.sequence_evaluator.accumulators import LabelKind, MetricAccumulator
from tfx_sequence.schemas.families import Family, Row
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_ACCUMULATORS = "tfx_sequence.components.sequence_evaluator.accumulators"


@dataclass(frozen=True)
class MetricRow(Row):
    """A metric in the table. The metric's class, a `MetricAccumulator`, describes the figures.

    Attributes:
      by_default: Whether the metric is computed for each label of its kind even if no config names the metric.
    """

    by_default: bool = False


METRICS: Family[MetricRow] = Family(
    "tfx_sequence.metrics",
    {
        "accuracy": MetricRow(f"{_ACCUMULATORS}:AccuracyAccumulator", by_default=True),
        "cross_entropy": MetricRow(f"{_ACCUMULATORS}:CrossEntropyAccumulator", by_default=True),
        "label_scores": MetricRow(f"{_ACCUMULATORS}:LabelScoresAccumulator", by_default=True),
        "span_scores": MetricRow(f"{_ACCUMULATORS}:SpanScoresAccumulator", by_default=True),
        "number_errors": MetricRow(f"{_ACCUMULATORS}:NumberErrorsAccumulator", by_default=True),
    },
    make_row=MetricRow,
)
"""The metrics by the name that `[evaluation] metrics` takes. An EvalConfig lists them in this order."""


class LabelMetric(NamedTuple):
    """A metric of one label of a spec.

    Attributes:
      name: The metric's name in `METRICS`.
      accumulator: The instance that computes the metric.
      arguments: The arguments with which the accumulator was made.
    """

    name: str
    accumulator: MetricAccumulator
    arguments: dict[str, Any]


def list_metrics(spec: SequenceSpec, by_label: bool = False, additional: Iterable[str] = ()) -> list[LabelMetric]:
    """Returns the metrics of the labels of a spec, first all metrics of the first label, then those of the second, ...

    Args:
      spec: The description of the records.
      by_label: Whether to compute figures also for each value of a label and each type of span.
      additional: The metrics to compute in addition to the default ones, as names in `METRICS` or as classes
        `module:Class`.

    Raises:
      UnknownMemberError: if a metric does not exist, or its class cannot be imported.
    """
    default_names = [name for name, row in METRICS.rows.items() if row.by_default]
    classes: dict[str, type[MetricAccumulator]] = {name: METRICS.load(name) for name in (*default_names, *additional)}
    metrics = []
    for label, feature in spec.with_role("label").items():
        kinds = _list_label_kinds(feature)
        for name, metric_class in classes.items():
            if metric_class.label_kind in kinds:
                metrics.append(_make_metric(name, metric_class, label, feature, by_label))
    return metrics


def _make_metric(
    name: str, metric_class: type[MetricAccumulator], label: str, feature: Feature, by_label: bool
) -> LabelMetric:
    """Makes the metric of one label, with those arguments that the class of the metric has."""
    possible_arguments: dict[str, Any] = {
        "per_step": not feature.context,
        "by_label": by_label,
        "width": feature.width or 1,
    }
    arguments: dict[str, Any] = {"label": label}
    for argument in metric_class.arguments:
        arguments[argument] = possible_arguments[argument]
    return LabelMetric(name, metric_class(**arguments), arguments)


def _list_label_kinds(feature: Feature) -> list[LabelKind]:
    """Returns the kinds of labels that a feature can be measured as. A label with spans has two kinds."""
    kinds: list[LabelKind] = ["values" if feature.dtype == "string" else "numbers"]
    if feature.spans:
        kinds.append("spans")
    return kinds
