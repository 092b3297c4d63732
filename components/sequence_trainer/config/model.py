"""Settings of the network, the table `[model]`. What the parts of a network can do is in `families.py`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_trainer.families import CELLS, DEFAULT_HEADS, HEADS
from tfx_sequence.schemas.families import UnknownMemberError
from tfx_sequence.schemas.spec import Frozen

_Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]
_Positive = Annotated[float, pydantic.Field(gt=0)]
_Count = Annotated[int, pydantic.Field(ge=1)]
_Required = Annotated[_Count | None, pydantic.Field(validate_default=True)]


def _check_cell_name(name: str) -> str:
    try:
        CELLS.row(name)
    except UnknownMemberError as error:
        raise ValueError(f"is {error}") from error
    return name


CellName = Annotated[
    str,
    pydantic.AfterValidator(_check_cell_name),
    pydantic.WithJsonSchema({"anyOf": [{"enum": list(CELLS.rows)}, {"type": "string"}]}),
]


def _check_head_name(name: str) -> str:
    try:
        HEADS.row(name)
    except UnknownMemberError as error:
        raise ValueError(f"is {error}") from error
    return name


HeadName = Annotated[
    str,
    pydantic.AfterValidator(_check_head_name),
    pydantic.WithJsonSchema({"anyOf": [{"enum": list(HEADS.rows)}, {"type": "string"}]}),
]

_CELL_KEYS = tuple({key: None for row in CELLS.rows.values() for key in row.arguments})
"""The keys that only some cells take."""

HEAD_KEYS = tuple({key: None for row in HEADS.rows.values() for key in row.keys})
"""The keys that only some heads take."""


def quoted_heads(key: str) -> str:
    """Names the heads that take a key, for a message."""
    return " or ".join(f'"{name}"' for name, row in HEADS.rows.items() if key in row.keys)


class CharacterConfig(Frozen):
    """What is made of a feature with several ids in a step, such as the characters of a token.

    Attributes:
      encoder: `cnn`: a convolution and the maximum over its places (Ma and Hovy 2016, "End-to-end Sequence Labeling via
        Bi-directional LSTM-CNNs-CRF"); `rnn`: the last states of an LSTM that reads both ways (Lample et al. 2016,
        "Neural Architectures for Named Entity Recognition").
      embedding_dim: Width of the embedding of a character.
      units: Filters of the convolution, or units of the LSTM in each direction.
      width: Characters that the convolution sees at once. Not for `rnn`.
      dropout: Share of the embeddings' values dropped in training.
    """

    encoder: Literal["cnn", "rnn"] = "cnn"
    embedding_dim: _Count = 30
    units: _Count = 50
    width: _Count = 3
    dropout: _Rate = 0.0

    @pydantic.field_validator("width")
    @classmethod
    def _check_width(cls, width: int, info: pydantic.ValidationInfo) -> int:
        if width != cls.model_fields["width"].default and info.data.get("encoder") == "rnn":
            raise ValueError('is the width of a convolution: it goes with encoder = "cnn"')
        return width


class HeadConfig(Frozen):
    """How one label is predicted.

    Attributes:
      kind: `softmax`: each step's, or the record's, by itself; `crf`: a linear-chain conditional random field, the
        steps of a sequence together, by the label's `spans` if it has them; `language_model`: a softmax over the next
        step, measured by its perplexity; `regression`: a number, by its squared error. If not given, `regression` for
        numbers and `softmax` for all else. Also a head that an installed package adds, or `module:Class` for a class of
        your own, in a module beside the config or an installed one.
      options: Settings of a head that is not one of the package's own.
      pooling: For a label a record, what is made of its steps: the `last` outputs of each direction, the `mean` or the
        `max` of all, or their mean weighted by `attention` (Yang et al. 2016, "Hierarchical Attention Networks for
        Document Classification"). `last` if not given.
      weight: What the label's loss is multiplied with, where there are several labels.
      label_smoothing: The share of each label that is spread over all values (Szegedy et al. 2016, "Rethinking the
        Inception Architecture for Computer Vision"). For `softmax` and `language_model`.
      class_weights: Value to what the loss of the steps with that label is multiplied with; 1 for all others. For
        `softmax` and `language_model`.
      tied: The input feature whose embedding is also the table of the softmax (Press and Wolf 2017, "Using the Output
        Embedding to Improve Language Models"). It must have the label's vocabulary. For `language_model`.
      sampled: How many values, on average, are drawn for a batch of training to stand for all the wrong ones, where
        there are so many that all take too long (Jean et al. 2015, "On Using Very Large Target Vocabulary for Neural
        Machine Translation"); all are used if not given, and in evaluation and serving. For `softmax` and
        `language_model`, without `label_smoothing` and `class_weights`.
    """

    kind: HeadName | None = None
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    weight: _Positive = 1.0
    label_smoothing: _Rate = 0.0
    class_weights: dict[str, _Positive] = pydantic.Field(default_factory=dict)
    tied: str | None = None
    sampled: _Count | None = None

    @pydantic.field_validator("options")
    @classmethod
    def _check_options(cls, options: dict[str, Any], info: pydantic.ValidationInfo) -> dict[str, Any]:
        if not options or "kind" not in info.data:  # The kind was refused itself.
            return options
        kind = info.data["kind"]
        if kind is None:
            raise ValueError("are for a head of your own: name it as `kind`")
        row = HEADS.row(kind)
        if not row.takes_options:
            keys = ", ".join((*row.keys, "weight"))
            raise ValueError(f'are for a head of your own, but kind = "{kind}", whose settings are {keys}')
        return options

    @pydantic.field_validator(*HEAD_KEYS)
    @classmethod
    def _check_key_of_head(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        if not value or "kind" not in info.data:
            return value
        key, kind = info.field_name or "", info.data["kind"]
        kinds = [*DEFAULT_HEADS.values()] if kind is None else [kind]
        if not any(key in HEADS.row(name).keys for name in kinds):
            but = "" if kind is None else f', but kind = "{kind}"'
            raise ValueError(f"goes with kind = {quoted_heads(key)}{but}")
        return value

    @pydantic.field_validator("sampled")
    @classmethod
    def _check_sampled(cls, sampled: int | None, info: pydantic.ValidationInfo) -> int | None:
        for other in ("label_smoothing", "class_weights"):
            if sampled and info.data.get(other):
                raise ValueError(f"does not go with {other}")
        return sampled


class ModelConfig(Frozen):
    """The network: embeddings, recurrent layers, a head for each label. docs/models.md says what goes with what.

    Attributes:
      cell: The recurrent cell: one of these, one that an installed package adds, or `module:Class` for a class of your
        own, in a module beside the config or an installed one, which is made as `Class(units, **cell_options)`.
      cell_options: Further arguments of a cell that is not one of the package's own.
      units: Units of the cell, in each direction; of each block for a cell with blocks.
      layers: Recurrent layers on top of one another.
      bidirectional: Read each sequence both ways (tagging, classification); one way otherwise.
      shortcut: What carries the input of a layer, from the second on, past it: `residual` adds it to the output,
        `highway` mixes the two by a gate.
      peepholes: Let each gate see its own unit's cell state. For `lstm`.
      cell_clip: The largest absolute value of the cell state; no bound if not given. For `lstm`.
      projection: Width of the output after a linear map; no map if not given. For `lstm`.
      output_clip: The largest absolute value of the output; no bound if not given. For `lstm`.
      blocks: Blocks of neighbouring features that a step is read in. Required for `time_frequency_lstm` and
        `grid_lstm`, which have one layer.
      block_width: Features in a block; the blocks must cover the inputs exactly. Required as `blocks` is.
      block_stride: Features from the start of a block to that of the next; `block_width` if not given.
      attention_window: The last outputs that each step looks back at; none if not given (Cheng et al. 2016, "Long
        Short-Term Memory-Networks for Machine Reading").
      embedding_dim: Width of the embedding of a string feature that has no pretrained embeddings.
      affix_dim: Width of the embedding of a derived prefix or suffix feature.
      freeze_pretrained: Leave pretrained embeddings as they are; else training changes them too.
      characters: What is made of features with several ids in a step.
      dropout: Share of the units dropped before, between and after layers in training.
      variational: Drop the same units in all steps of a sequence (Gal and Ghahramani 2016, "A Theoretically Grounded
        Application of Dropout in Recurrent Neural Networks").
      state_dropout: Share of the state dropped from one step to the next, the same units in all steps. Slow: the cell
        runs step by step.
      zoneout: Share of the units of each state that keep their value from one step to the next. Slow too.
      word_dropout: Share of the input ids that training replaces by the out-of-vocabulary id, so that its embedding
        is trained too (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods").
      heads: Label to how it is predicted; the defaults for labels that are not named.
    """

    cell: CellName = "lstm"
    cell_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    units: _Count = 128
    layers: _Count = 1
    bidirectional: bool = True
    shortcut: Literal["residual", "highway"] | None = None
    peepholes: bool = False
    cell_clip: _Positive | None = None
    projection: _Count | None = None
    output_clip: _Positive | None = None
    blocks: _Required = None
    block_width: _Required = None
    block_stride: _Count | None = None
    attention_window: _Count | None = None
    embedding_dim: _Count = 100
    affix_dim: _Count = 32
    freeze_pretrained: bool = False
    characters: CharacterConfig = CharacterConfig()
    dropout: _Rate = 0.3
    variational: bool = False
    state_dropout: _Rate = 0.0
    zoneout: _Rate = 0.0
    word_dropout: _Rate = 0.05
    heads: dict[str, HeadConfig] = pydantic.Field(default_factory=dict)

    @pydantic.field_validator("cell_options")
    @classmethod
    def _check_cell_options(cls, options: dict[str, Any], info: pydantic.ValidationInfo) -> dict[str, Any]:
        cell = info.data.get("cell")
        if options and cell is not None and not CELLS.row(cell).takes_options:
            keys = ", ".join(CELLS.row(cell).arguments)
            raise ValueError(
                f'are for a cell of your own, but cell = "{cell}", '
                + (f"whose settings are keys of [model]: {keys}" if keys else "which has none beside units")
            )
        return options

    @pydantic.field_validator(*_CELL_KEYS)
    @classmethod
    def _check_cell_key(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        cell, key = info.data.get("cell"), info.field_name
        if cell is None:  # It was refused itself.
            return value
        row = CELLS.row(cell)
        if value and key not in row.arguments:
            cells = " or ".join(f'"{name}"' for name, other in CELLS.rows.items() if key in other.arguments)
            raise ValueError(f'goes with cell = {cells}, but cell = "{cell}"')
        if value is None and key in row.required:
            raise ValueError(f'cell = "{cell}" needs it')
        return value

    @pydantic.field_validator("layers")
    @classmethod
    def _check_layers(cls, layers: int, info: pydantic.ValidationInfo) -> int:
        cell = info.data.get("cell")
        if layers > 1 and cell is not None and CELLS.row(cell).one_layer_because:
            raise ValueError(f'must be 1 for cell = "{cell}": {CELLS.row(cell).one_layer_because}')
        return layers

    @pydantic.field_validator("shortcut")
    @classmethod
    def _check_shortcut(cls, shortcut: str | None, info: pydantic.ValidationInfo) -> str | None:
        if shortcut is not None and info.data.get("layers") == 1:
            raise ValueError("goes with layers > 1: it leads past the layers from the second on")
        return shortcut

    @pydantic.field_validator("state_dropout", "zoneout")
    @classmethod
    def _check_state_noise(cls, rate: float, info: pydantic.ValidationInfo) -> float:
        for other in ("attention_window", "state_dropout"):
            if rate and info.field_name != other and info.data.get(other):
                raise ValueError(f"does not go with {other}")
        return rate

    @pydantic.field_validator("zoneout")
    @classmethod
    def _check_zoneout(cls, zoneout: float, info: pydantic.ValidationInfo) -> float:
        cell = info.data.get("cell")
        if zoneout and cell is not None and CELLS.row(cell).no_zoneout_because:
            raise ValueError(f'does not go with cell = "{cell}": {CELLS.row(cell).no_zoneout_because}')
        return zoneout

    @property
    def own_code(self) -> list[str]:
        """The classes of the user's own, as `module:Class`."""
        names = [self.cell, *(head.kind for head in self.heads.values() if head.kind is not None)]
        return [name for name in names if ":" in name]
