"""The table of the Evaluator's metrics, and those of them that are computed for the labels of a spec.

A config names metrics, and thresholds of their figures. To check it, nothing here needs TensorFlow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from tfx_sequence.components.sequence_evaluator.accumulators import LabelKind, MetricAccumulator
from tfx_sequence.schemas.families import Family, Row
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_ACCUMULATORS = "tfx_sequence.components.sequence_evaluator.accumulators"


@dataclass(frozen=True)
class MetricRow(Row):
    """A metric. What is to be known of its figures stands on its class, a `MetricAccumulator`.

    Attributes:
      by_default: Whether it is computed for each label of its kind, also where a config does not name it.
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
"""The metrics, by the name that `[evaluation] metrics` takes, in the order in which they stand in an EvalConfig."""


class LabelMetric(NamedTuple):
    """A metric of one label of a spec.

    Attributes:
      name: The metric's name in `METRICS`.
      accumulator: The metric itself.
      arguments: The arguments that the accumulator was made with.
    """

    name: str
    accumulator: MetricAccumulator
    arguments: dict[str, Any]


def list_metrics(spec: SequenceSpec, by_label: bool = False, further: Iterable[str] = ()) -> list[LabelMetric]:
    """Lists the metrics of the labels of a spec, label by label.

    Args:
      spec: What the records are.
      by_label: Also compute figures for each value of a label and each type of span.
      further: Metrics beside those that are computed by default; names in `METRICS`, or classes as `module:Class`.

    Raises:
      UnknownMemberError: if there is no such metric, or its class cannot be imported.
    """
    names = [name for name, row in METRICS.rows.items() if row.by_default]
    classes: dict[str, type[MetricAccumulator]] = {name: METRICS.load(name) for name in (*names, *further)}
    listed = []
    for label, feature in spec.with_role("label").items():
        facts: dict[str, Any] = {"per_step": not feature.context, "by_label": by_label, "width": feature.width or 1}
        kinds = set(_label_kinds(feature))
        for name, accumulator in classes.items():
            if accumulator.label_kind in kinds:
                arguments = {"label": label} | {argument: facts[argument] for argument in accumulator.arguments}
                listed.append(LabelMetric(name, accumulator(**arguments), arguments))
    return listed


def _label_kinds(feature: Feature) -> Iterator[LabelKind]:
    yield "values" if feature.dtype == "string" else "numbers"
    if feature.spans:
        yield "spans"
