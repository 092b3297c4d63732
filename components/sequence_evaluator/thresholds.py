"""Thresholds: what a figure must be for a model to be blessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

import pydantic

from tfx_sequence.components.sequence_evaluator.metric_table import LabelMetric
from tfx_sequence.schemas.spec import Frozen


class Threshold(Frozen):
    """What a figure must be for the model to be blessed.

    Attributes:
      at_least: The lowest value; any if None.
      at_most: The highest value; any if None.
      worse_by: How much worse it may be than that of the latest blessed model, in the figure's own unit; 0 for not at
        all, less than 0 for at least so much better. Not compared if None, or if there is no such model.
    """

    at_least: float | None = None
    at_most: float | None = None
    worse_by: Annotated[float, pydantic.Field(allow_inf_nan=False)] | None = None

    def describe_breach(self, value: float) -> str | None:
        """Says what was expected of a value that is out of bounds; None if it is within them, whatever `worse_by`."""
        # Written so that NaN breaks any bound: every comparison with NaN is false.
        if self.at_least is not None and not value >= self.at_least:
            return f"at least {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"at most {self.at_most:g}"
        return None


def require_accuracy(
    thresholds: Mapping[str, Threshold], metrics: Iterable[LabelMetric], min_accuracy: float | None
) -> dict[str, Threshold]:
    """Adds the least accuracy of each label of values to thresholds; the stricter of two bounds holds.

    Args:
      thresholds: Figure to threshold.
      metrics: The metrics of all labels.
      min_accuracy: The least accuracy; None to add nothing.
    """
    required = dict(thresholds)
    if min_accuracy is None:
        return required
    for metric in metrics:
        if metric.name == "accuracy":
            figure = f"{metric.accumulator.label}_accuracy"
            threshold = required.get(figure, Threshold())
            at_least = min_accuracy if threshold.at_least is None else max(min_accuracy, threshold.at_least)
            required[figure] = threshold.model_copy(update={"at_least": at_least})
    return required
