"""Defines the thresholds that the figures of a model must meet for the model to be blessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pydantic

from tfx_sequence.components.sequence_evaluator.metric_table import LabelMetric
from tfx_sequence.schemas.spec import Frozen


class Threshold(Frozen):
    """The bounds that a figure must meet for the model to be blessed.

    Attributes:
      at_least: The minimum value of the figure. If None, there is no minimum.
      at_most: The maximum value of the figure. If None, there is no maximum.
      worse_by: How much worse than for the latest blessed model the figure may be, in the unit of the figure. With 0 it
        may not be worse. With a negative number it must be better by at least this amount. If None, or if there is no
        blessed model, the figure is not compared.
    """

    at_least: float | None = None
    at_most: float | None = None
    worse_by: float | None = None

    @pydantic.field_validator("at_most")
    @classmethod
    def _check_at_most(cls, at_most: float | None, info: pydantic.ValidationInfo) -> float | None:
        at_least = info.data.get("at_least")
        if at_most is not None and at_least is not None and at_most < at_least:
            raise ValueError(f"must be at least at_least, which is {at_least:g}, or no model is ever pushed")
        return at_most

    def describe_breach(self, value: float) -> str | None:
        """Returns the bound that a value violates, as text, or None if the value is within `at_least` and `at_most`.

        `worse_by` is not checked.
        """
        # `not value >= bound` differs from `value < bound` for NaN, which must violate every bound.
        if self.at_least is not None and not value >= self.at_least:
            return f"at least {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"at most {self.at_most:g}"
        return None


def require_accuracy(
    thresholds: Mapping[str, Threshold], metrics: Iterable[LabelMetric], min_accuracy: float | None
) -> dict[str, Threshold]:
    """Returns the thresholds with the minimum accuracy added for each label that has an accuracy.

    If a threshold already has a minimum for such an accuracy, the greater of the two minimums is used.

    Args:
      thresholds: A dict of figure name to threshold.
      metrics: The metrics of all labels.
      min_accuracy: The minimum accuracy. If None, nothing is added.
    """
    all_thresholds = dict(thresholds)
    if min_accuracy is None:
        return all_thresholds
    for metric in metrics:
        if metric.name == "accuracy":
            figure = f"{metric.accumulator.label}_accuracy"
            threshold = all_thresholds.get(figure, Threshold())
            at_least = min_accuracy if threshold.at_least is None else max(min_accuracy, threshold.at_least)
            all_thresholds[figure] = threshold.model_copy(update={"at_least": at_least})
    return all_thresholds
