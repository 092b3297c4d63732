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
      monitor: The name of the metric that is the score. If None, the score is the sum of one metric per head: the one
        that the head watches.

    Raises:
      TaskError: if no metric has this name, or if the metric's class does not say whether a higher value is better.
    """

    def __init__(self, heads: Iterable[HeadMetrics], monitor: str | None) -> None:
        heads = list(heads)
        if monitor is None:
            self._signs = {head.watched: _sign(head.more_is_better) for head in heads}
        else:
            self._signs = {monitor: _sign(_look_up_direction(heads, monitor))}

    def score(self, metrics: Mapping[str, float]) -> float:
        """Returns the sum of the monitored metrics. Metrics for which a lower value is better are subtracted.

        If the sum is NaN, the score is minus infinity, which is worse than any number.
        """
        score = sum(sign * metrics[name] for name, sign in self._signs.items())
        return -math.inf if math.isnan(score) else score


def _sign(more_is_better: bool) -> int:
    return 1 if more_is_better else -1


def _look_up_direction(heads: list[HeadMetrics], name: str) -> bool:
    """Returns whether a higher value of a metric is better.

    Raises:
      TaskError: as Monitor raises it.
    """
    names = ["loss", *(result for head in heads for result in head.result())]
    if name not in names:
        raise TaskError(f"training.monitor is {name!r}, but the metrics are {names}")
    directions = {"loss": False}
    for head in heads:
        directions |= head.directions()
    if name not in directions:
        raise TaskError(
            f"training.monitor is {name!r}, but the class of that metric does not say whether a higher value is "
            "better: give it an attribute `more_is_better`"
        )
    return directions[name]
