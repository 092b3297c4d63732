"""Which epoch is the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics

_LESS_IS_BETTER = ("loss", "perplexity", "bits_per_step", "cross_entropy", "mae", "rmse")
"""How the names of such metrics end."""


class Monitor:
    """Turns an epoch's metrics into one number, which is higher for a better model."""

    def __init__(self, heads: Iterable[HeadMetrics], monitor: str | None) -> None:
        """Checks the name.

        Args:
          heads: The metrics of each label's head.
          monitor: The metric that is watched; if None, what each head watches, added up.

        Raises:
          TaskError: if no metric has the name.
        """
        heads = list(heads)
        names = ["loss", *(name for head in heads for name in head.result())]
        if monitor is not None and monitor not in names:
            raise TaskError(f"training.monitor is {monitor!r}, but the metrics are {names}")
        self._signs = {head.watched: 1 if head.more_is_better else -1 for head in heads}
        if monitor is not None:
            by_name = -1 if monitor.endswith(_LESS_IS_BETTER) else 1
            self._signs = {monitor: self._signs.get(monitor, by_name)}

    def score(self, metrics: Mapping[str, float]) -> float:
        """The watched metrics added up, those that are better when low with a minus; NaN is worse than all else."""
        score = sum(sign * metrics[name] for name, sign in self._signs.items())
        return -math.inf if math.isnan(score) else score
