"""The network of SequenceTrainer: its settings."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import Frozen

_Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]
_Count = Annotated[int, pydantic.Field(ge=1)]


class ModelConfig(Frozen):
    """The network: embeddings, recurrent layers, a softmax for each step.

    Attributes:
      cell: The recurrent cell.
      units: Units of the cell, in each direction.
      layers: Recurrent layers on top of one another.
      bidirectional: Read each sequence both ways (tagging, classification); one way otherwise.
      embedding_dim: Width of the embedding of a string feature.
      affix_dim: Width of the embedding of a derived prefix or suffix feature.
      dropout: Share of the units dropped between layers in training.
      word_dropout: Share of the input ids that training replaces by the out-of-vocabulary id, so that its embedding
        is trained too (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods").
    """

    cell: Literal["lstm", "gru"] = "lstm"
    units: _Count = 128
    layers: _Count = 1
    bidirectional: bool = True
    embedding_dim: _Count = 100
    affix_dim: _Count = 32
    dropout: _Rate = 0.3
    word_dropout: _Rate = 0.05
