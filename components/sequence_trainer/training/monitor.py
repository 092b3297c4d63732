"""Defines Monitor, which computes the score of an epoch, so that training can choose the best epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics


class Monitor:
    """Computes one number from the metrics of an epoch, which is higher for a better model.

    Args:
      heads: The metrics of each label's head.
      monitor: The name of the metric that is the score, or its negative if lower is better. If None, the score is the
        sum of the scores of the heads, which have no unit.

    Raises:
      TaskError: if no metric has this name, or if the metric's class does not say whether a higher value is better.
    """

    def __init__(self, heads: Iterable[HeadMetrics], monitor: str | None) -> None:
        self._heads = list(heads)
        self._monitor = monitor
        self._sign = 1
        if monitor is not None and not _look_up_direction(self._heads, monitor):
            self._sign = -1

    def compute_score(self, metrics: Mapping[str, float]) -> float:
        """Returns the score of an epoch from its metrics.

        If the score is NaN, it becomes minus infinity, which is worse than any number.
        """
        if self._monitor is None:
            score = sum(head.compute_score(metrics) for head in self._heads)
        else:
            score = self._sign * metrics[self._monitor]
        return -math.inf if math.isnan(score) else score


def _look_up_direction(heads: list[HeadMetrics], name: str) -> bool:
    """Returns whether a higher value of a metric is better.

    Raises:
      TaskError: as Monitor raises it.
    """
    names = ["loss"]
    directions = {"loss": False}
    for head in heads:
        names += head.result()
        directions |= head.list_directions()
    if name not in names:
        raise TaskError(f"training.monitor is {name!r}, but the metrics are {names}; name one of them")
    if name not in directions:
        raise TaskError(
            f"training.monitor is {name!r}, but the class of that metric does not say whether a higher value is "
            "better: give it an attribute `more_is_better`"
        )
    return directions[name]
