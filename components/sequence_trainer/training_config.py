"""The optimisation of SequenceTrainer: its settings."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import Frozen

_Positive = Annotated[float, pydantic.Field(gt=0)]
_Count = Annotated[int, pydantic.Field(ge=1)]


class TrainingConfig(Frozen):
    """The optimisation.

    Attributes:
      epochs: The most passes over the train split.
      batch_tokens: Steps in a batch, padding included; batches hold sequences of like length.
      learning_rate: Adam's.
      clip_norm: The largest global norm of the gradient.
      loss: How step losses are reduced. `sequence_mean`: mean over a sequence's real steps, then over sequences;
        `token_mean`: mean over all real steps; `sum`.
      patience: Epochs without a better masked accuracy on the eval split before training stops; the best weights are
        restored.
      seed: Of initial weights, shuffling and dropout.
    """

    epochs: _Count = 20
    batch_tokens: _Count = 2048
    learning_rate: _Positive = 2e-3
    clip_norm: _Positive = 5.0
    loss: Literal["sequence_mean", "token_mean", "sum"] = "sequence_mean"
    patience: _Count = 3
    seed: int = 1
