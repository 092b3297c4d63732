"""Where a training stands: all that its next batch depends on, besides the weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What training came to.

    Attributes:
      epoch: The epoch, from 1, whose weights the model has.
      metrics: On the eval split with those weights: `loss`, and the metrics of each label's head.
      score: The watched metrics as one number, higher for a better model.
    """

    epoch: int
    metrics: dict[str, float]
    score: float

    def better_than(self, other: Outcome) -> bool:
        """Whether it scores higher, or the same with less loss: an F1 may stay 0 for epochs while a model learns."""
        return (self.score, -self.metrics["loss"]) > (other.score, -other.metrics["loss"])


@dataclass
class EpochSums:
    """What the batches of an epoch came to so far.

    Attributes:
      batches: How many there were.
      loss: The sum of the updates' losses.
      updates: How many updates of the weights.
      tokens: Real steps.
      computed: Steps with their padding.
      seconds: How long they took.
    """

    batches: int = 0
    loss: float = 0.0
    updates: int = 0
    tokens: int = 0
    computed: int = 0
    seconds: float = 0.0

    def figures(self) -> dict[str, float]:
        """The mean loss, real steps a second, and the share of the computed steps that are real."""
        return {
            "loss": self.loss / max(1, self.updates),
            "tokens_per_second": self.tokens / self.seconds if self.seconds else 0.0,
            "padding_efficiency": self.tokens / max(1, self.computed),
        }


@dataclass
class TrainingState:
    """Where a training stands.

    Attributes:
      epoch: The epoch that is being trained, from 1.
      step: Updates of the weights so far.
      seconds: What they took, and the evaluations too.
      worse_epochs: Epochs that were not the best when they ended.
      best: The best epoch so far.
      sums: What this epoch came to so far.
      history: The figures of each epoch that has ended.
    """

    epoch: int = 1
    step: int = 0
    seconds: float = 0.0
    worse_epochs: int = 0
    best: Outcome | None = None
    sums: EpochSums = field(default_factory=EpochSums)
    history: list[dict[str, float]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Numbers, texts, lists and dicts of them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, numbers: dict[str, Any]) -> TrainingState:
        """What `to_json` was made of."""
        best = numbers["best"]
        return cls(**{**numbers, "best": best and Outcome(**best), "sums": EpochSums(**numbers["sums"])})
