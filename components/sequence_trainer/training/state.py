"""What a training knows about its course: everything that its next batch depends on besides the model's variables."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True)
class Outcome:
    """How good the model was after an epoch.

    Attributes:
      epoch: The epoch, from 1.
      metrics: `loss` and the metrics of each label's head, on the eval split.
      score: The monitored metrics as one number, higher for a better model.
    """

    epoch: int
    metrics: dict[str, float]
    score: float

    def is_better_than(self, other: Outcome) -> bool:
        """Returns whether the score is higher, or is equal with less loss.

        The loss breaks ties because an F1 may stay 0 for epochs while a model learns.
        """
        return (self.score, -self.metrics["loss"]) > (other.score, -other.metrics["loss"])


@dataclass
class EpochSums:
    """Sums over those batches of an epoch that are done.

    Attributes:
      batches: The number of batches.
      loss: The sum of the updates' losses.
      updates: The number of updates of the weights.
      tokens: Real steps.
      computed: Steps with their padding.
      seconds: How long the batches took.
    """

    batches: int = 0
    loss: float = 0.0
    updates: int = 0
    tokens: int = 0
    computed: int = 0
    seconds: float = 0.0

    def compute_figures(self) -> dict[str, float]:
        """Computes the mean loss, real steps a second, and the share of the computed steps that are real."""
        return {
            "loss": self.loss / max(1, self.updates),
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "padding_efficiency": self.tokens / max(1, self.computed),
        }


@dataclass
class TrainingState:
    """How far a training is, and what it has come to.

    Attributes:
      epoch: The epoch that is being trained, from 1.
      step: Updates of the weights so far.
      seconds: How long updates and evaluations took.
      worse_epochs: Epochs that were not the best when they ended.
      best: The best epoch so far; None within the first.
      best_weights: The model's weights after the best epoch, or their averages.
      sums: Sums over the batches of this epoch.
      history: The figures of each epoch that has ended.
    """

    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    worse_epochs: int = 0
    best: Outcome | None = None
    best_weights: list[npt.NDArray[Any]] = field(default_factory=list)
    sums: EpochSums = field(default_factory=EpochSums)
    history: list[dict[str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Returns everything but the weights as numbers, texts, and lists and dicts of them."""
        numbers = dataclasses.asdict(dataclasses.replace(self, best_weights=[]))
        del numbers["best_weights"]
        return numbers

    @classmethod
    def from_json(cls, numbers: dict[str, Any], best_weights: list[npt.NDArray[Any]]) -> TrainingState:
        """Makes the state again from what `to_json` has returned, and the weights."""
        best = None if numbers["best"] is None else Outcome(**numbers["best"])
        sums = EpochSums(**numbers["sums"])
        return cls(**{**numbers, "best": best, "best_weights": best_weights, "sums": sums})
