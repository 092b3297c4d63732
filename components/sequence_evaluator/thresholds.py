"""When a model is good enough."""

from __future__ import annotations

from typing import Annotated

import pydantic

from tfx_sequence.schemas.spec import Frozen

_LESS_IS_BETTER = ("_cross_entropy", "_bits_per_step", "_perplexity", "_mae", "_rmse")


def less_is_better(metric: str) -> bool:
    """Whether a model with a lower value of the metric is the better one."""
    return metric.endswith(_LESS_IS_BETTER)


class Threshold(Frozen):
    """What a metric must be for the model to be blessed.

    Attributes:
      at_least: The lowest value; any if None.
      at_most: The highest value; any if None.
      worse_by: How much worse it may be than that of the latest blessed model, in the metric's own unit; 0 for not at
        all, less than 0 for at least so much better. Not compared if None, or if there is no such model.
    """

    at_least: float | None = None
    at_most: float | None = None
    worse_by: Annotated[float, pydantic.Field(allow_inf_nan=False)] | None = None

    def broken_by(self, value: float) -> str | None:
        """What was expected of a value that is out of bounds, NaN too; None if it is within, whatever `worse_by`."""
        if self.at_least is not None and not value >= self.at_least:
            return f"at least {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"at most {self.at_most:g}"
        return None
