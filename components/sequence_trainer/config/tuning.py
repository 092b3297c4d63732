"""What a Tuner tries: its settings."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from tfx_sequence.schemas.spec import Frozen

_Name = Annotated[str, pydantic.StringConstraints(pattern=r"^(model|training)\.\w+$")]


class Range(Frozen):
    """Numbers from `min` to `max`.

    Attributes:
      min: The least.
      max: The greatest.
      log: Whether each order of magnitude is as likely as the next.
    """

    min: float
    max: float
    log: bool = False


class TuningConfig(Frozen):
    """Trials of random settings.

    Attributes:
      space: Setting, such as `model.units` or `training.learning_rate`, to what is tried: a list of values, or a range
        of numbers.
      trials: How many.
      seed: Of the choice.
    """

    space: Annotated[dict[_Name, tuple[Any, ...] | Range], pydantic.Field(min_length=1)]
    trials: Annotated[int, pydantic.Field(ge=1)] = 10
    seed: int = 1
