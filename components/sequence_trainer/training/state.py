"""Defines TrainingState: the progress, the sums and the best weights of a training, which its checkpoints contain.

All other state of a training is in the variables of the model, the optimizer and the averages of the weights.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Outcome:
    """The evaluation of the model after an epoch.

    Attributes:
      epoch: The number of the epoch, from 1.
      metrics: The values on the eval split by name: `loss`, and the metrics of each label's head.
      score: The monitored metrics as one number, which is higher for a better model.
    """

    epoch: int
    metrics: dict[str, float]
    score: float

    def is_better_than(self, other: Outcome) -> bool:
        """Returns whether the score is higher than the other score. If both are equal, the lower loss is better.

        The loss breaks ties because an F1 may stay 0 for several epochs while a model learns.
        """
        return (self.score, -self.metrics["loss"]) > (other.score, -other.metrics["loss"])


@dataclass
class EpochSums:
    """Sums over the batches of an epoch that are done.

    Attributes:
      batches: The number of batches, with those that were passed over.
      totals: The sum of the totals of each head's loss; empty before the first update.
      normalisers: The sum of the normalisers of each head's loss; empty before the first update.
      updates: The number of updates of the weights.
      tokens: The number of real steps.
      computed: The number of all computed steps, which are real steps and padded steps.
      seconds: The time that the updates took, in seconds.
    """

    batches: int = 0
    totals: list[float] = field(default_factory=list)
    normalisers: list[float] = field(default_factory=list)
    updates: int = 0
    tokens: int = 0
    computed: int = 0
    seconds: float = 0.0

    def add_losses(self, totals: list[float], normalisers: list[float]) -> None:
        """Adds the totals and the normalisers of each head's loss in an update."""
        self.totals = _add_each(self.totals, totals)
        self.normalisers = _add_each(self.normalisers, normalisers)

    def compute_loss(self) -> float:
        """Computes the loss over all records of the updates. A loss that is a sum is the mean over the updates."""
        loss = 0.0
        for total, normaliser in zip(self.totals, self.normalisers, strict=True):
            loss += total / (normaliser if normaliser > 0 else self.updates)
        return loss

    def compute_figures(self) -> dict[str, float]:
        """Computes the mean loss, the number of real steps per second, and the share of real steps among all steps.

        The loss is NaN if all batches were passed over, and 0 if there was no batch.
        """
        are_all_passed_over = self.batches > 0 and not self.updates
        return {
            "loss": math.nan if are_all_passed_over else self.compute_loss(),
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "padding_efficiency": self.tokens / max(1, self.computed),
        }


@dataclass
class TrainingState:
    """The progress of a training and its results so far.

    Attributes:
      epoch: The number of the current epoch, from 1.
      step: The number of updates of the weights so far.
      skipped_batches: The number of updates so far that were not made because their loss was not finite.
      seconds: The time that updates and evaluations took so far, in seconds.
      worse_epochs: The number of epochs that were not the best epoch when they ended.
      best: The best epoch so far; None until the first epoch has ended.
      best_weights: The weights of the model after the best epoch, or their averages.
      sums: The sums over the batches of the current epoch.
      history: The figures of each epoch that has ended.
    """

    epoch: int = 1
    step: int = 0
    skipped_batches: int = 0
    seconds: float = 0.0
    worse_epochs: int = 0
    best: Outcome | None = None
    best_weights: list[npt.NDArray[Any]] = field(default_factory=list)
    sums: EpochSums = field(default_factory=EpochSums)
    history: list[dict[str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Returns everything except the weights as a dict that JSON can hold."""
        numbers = dataclasses.asdict(dataclasses.replace(self, best_weights=[]))
        del numbers["best_weights"]
        return numbers

    @classmethod
    def from_json(cls, numbers: dict[str, Any], best_weights: list[npt.NDArray[Any]]) -> TrainingState:
        """Restores a state from the weights and the result of `to_json`.

        Raises:
          ValueError: if the numbers lack a field, or have a field that is not known.
        """
        # Without this check, a field that is missing would get its default.
        _check_fields(cls, {*numbers, "best_weights"})
        _check_fields(EpochSums, numbers["sums"])
        sums = EpochSums(**numbers["sums"])
        best = None
        if numbers["best"] is not None:
            _check_fields(Outcome, numbers["best"])
            best = Outcome(**numbers["best"])
        return cls(**{**numbers, "best": best, "best_weights": best_weights, "sums": sums})


def _add_each(sums: list[float], values: list[float]) -> list[float]:
    """Adds values to sums one by one. Without sums, returns the values."""
    return [first + second for first, second in zip(sums, values, strict=True)] if sums else list(values)


def _check_fields(kind: type[Any], names: Iterable[str]) -> None:
    """Raises a ValueError if the names are not exactly those of the fields of a dataclass."""
    different = {field.name for field in dataclasses.fields(kind)} ^ set(names)
    if different:
        raise ValueError(f"its {kind.__name__} lacks, or should not have, the fields {sorted(different)}")
