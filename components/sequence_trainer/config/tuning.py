"""Defines the settings of a Tuner, which trains models with random settings and keeps the best."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from tfx_sequence.schemas.spec import Frozen

_Name = Annotated[str, pydantic.StringConstraints(pattern=r"^(model|training)\.\w+$")]


class Range(Frozen):
    """A range of numbers.

    Attributes:
      min: The minimum.
      max: The maximum.
      log: Whether numbers are drawn uniformly on a logarithmic scale. Each order of magnitude is then equally likely.
    """

    min: float
    max: float
    log: bool = False


class TuningConfig(Frozen):
    """The trials of a Tuner, each of which trains a model with random settings.

    Attributes:
      space: Maps settings, such as `model.units` or `training.learning_rate`, to the values to try: a list of values or
        a range of numbers.
      trials: The number of trials.
      seed: The seed of the random choice of settings.
    """

    space: Annotated[dict[_Name, tuple[Any, ...] | Range], pydantic.Field(min_length=1)]
    trials: Annotated[int, pydantic.Field(ge=1)] = 10
    seed: int = 1
