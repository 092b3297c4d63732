"""Defines the settings of the network, which are the table `[model]` of a config.

`families.py` lists the cells and the heads, and the settings that each of them accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic

from tfx_sequence.components.sequence_trainer.families import CELLS, DEFAULT_HEADS, HEADS
from tfx_sequence.schemas.families import Family, UnknownMemberError
from tfx_sequence.schemas.spec import Count, Frozen

_Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]
_Positive = Annotated[float, pydantic.Field(gt=0)]
# `validate_default` checks the key also if it is missing, because some cells require it.
_CountIfRequired = Annotated[Count | None, pydantic.Field(validate_default=True)]


def _make_name_check(family: Family[Any]) -> Callable[[str], str]:
    """Makes the validator of a name in a family, such as `CELLS`."""

    def check_name(name: str) -> str:
        try:
            family.find_row(name)
        except UnknownMemberError as error:
            raise ValueError(f"is {error}") from error
        return name

    return check_name


def _list_names(family: Family[Any]) -> pydantic.WithJsonSchema:
    """Lists the names of a family's own members in the JSON schema, which also allows other names."""
    return pydantic.WithJsonSchema({"anyOf": [{"enum": list(family.rows)}, {"type": "string"}]})


CellName = Annotated[str, pydantic.AfterValidator(_make_name_check(CELLS)), _list_names(CELLS)]
"""The name of a cell in `CELLS`, or `module:Class`."""

HeadName = Annotated[str, pydantic.AfterValidator(_make_name_check(HEADS)), _list_names(HEADS)]
"""The name of a head in `HEADS`, or `module:Class`."""

_CELL_KEYS = tuple({key: None for row in CELLS.rows.values() for key in row.arguments})
"""The keys of `[model]` that only some cells accept."""

HEAD_KEYS = tuple({key: None for row in HEADS.rows.values() for key in row.keys})
"""The keys of `[model.heads.<label>]` that only some heads accept."""


def quote_heads(key: str) -> str:
    """Returns the quoted names of the heads that accept a key, for messages."""
    return " or ".join(f'"{name}"' for name, row in HEADS.rows.items() if key in row.keys)


class CharacterConfig(Frozen):
    """The encoder of features with several ids per step, such as the characters of a token.

    Attributes:
      encoder: `cnn` is a convolution with the maximum over all positions (Ma and Hovy 2016, "End-to-end Sequence
        Labeling via Bi-directional LSTM-CNNs-CRF"). `rnn` is a bidirectional LSTM, of which the final states are used
        (Lample et al. 2016, "Neural Architectures for Named Entity Recognition").
      embedding_dim: The width of the embedding of a character.
      units: The number of filters of the convolution, or of units of the LSTM in each direction.
      width: The number of characters that a filter of the convolution covers. Not for `rnn`.
      dropout: The share of the values of the embeddings that are dropped in training.
    """

    encoder: Literal["cnn", "rnn"] = "cnn"
    embedding_dim: Count = 30
    units: Count = 50
    width: Count = 3
    dropout: _Rate = 0.0

    @pydantic.field_validator("width")
    @classmethod
    def _check_width(cls, width: int, info: pydantic.ValidationInfo) -> int:
        if width != cls.model_fields["width"].default and info.data.get("encoder") == "rnn":
            raise ValueError('is the width of a convolution: it goes with encoder = "cnn"')
        return width


class HeadConfig(Frozen):
    """The head of one label, which is the layer that predicts it.

    Attributes:
      kind: `softmax` predicts the value of each step, or of the record, independently. `crf` is a linear-chain
        conditional random field. It predicts the values of all steps of a sequence together, and follows the `spans`
        of the label. `language_model` is a softmax over the next step, and measures its perplexity. A label with this
        head counts as one of the next step, unless its feature has another `shift`. `regression` predicts numbers and
        minimises the squared error. The default is `regression` for numbers and `softmax` for
        all other labels. Other names are a head that an installed package adds, or `module:Class` for a class of your
        own. The module is in the folder of the config or is installed.
      options: Settings of a head that this package does not provide.
      pooling: How the steps of a record become one vector, for a label with one value per record. `last` takes the
        final outputs of each direction. `mean` and `max` combine all outputs, and `attention` is a weighted mean of
        them (Yang et al. 2016, "Hierarchical Attention Networks for Document Classification"). The default is `last`.
      weight: The factor of the loss of this label, if there are several labels.
      label_smoothing: The share of each label that is distributed over all values (Szegedy et al. 2016, "Rethinking the
        Inception Architecture for Computer Vision"). For `softmax` and `language_model`.
      class_weights: Maps a value to the factor of the loss of all steps with this value. The factor of all other values
        is 1. For `softmax` and `language_model`.
      tied: The input feature whose embedding also contains the output weights of the softmax (Press and Wolf 2017,
        "Using the Output Embedding to Improve Language Models"). It must have the vocabulary of the label. For
        `language_model`.
      sampled: The average number of wrong values that are sampled for each batch in training, instead of all of them.
        This saves time if a label has very many values (Jean et al. 2015, "On Using Very Large Target Vocabulary for
        Neural Machine Translation"). Values with lower ids are sampled more often, as ids fall with frequency; a
        vocabulary from a `file` should have this order. Unseen values are sampled always. By default, and always in
        evaluation and serving, all values are used. For `softmax` and `language_model`, without `label_smoothing` and
        `class_weights`.
    """

    kind: HeadName | None = None
    options: dict[str, Any] = pydantic.Field(default_factory=dict)
    pooling: Literal["last", "mean", "max", "attention"] | None = None
    weight: _Positive = 1.0
    label_smoothing: _Rate = 0.0
    class_weights: dict[str, _Positive] = pydantic.Field(default_factory=dict)
    tied: str | None = None
    sampled: Count | None = None

    @pydantic.field_validator("options")
    @classmethod
    def _check_options(cls, options: dict[str, Any], info: pydantic.ValidationInfo) -> dict[str, Any]:
        if not options or "kind" not in info.data:  # The kind itself is invalid, which is another error.
            return options
        kind = info.data["kind"]
        if kind is None:
            raise ValueError("are for a head of your own: name it as `kind`")
        row = HEADS.find_row(kind)
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
        # Without a kind the head is one of the defaults, which depends on the label.
        possible_kinds = [*DEFAULT_HEADS.values()] if kind is None else [kind]
        if not any(key in HEADS.find_row(name).keys for name in possible_kinds):
            actual = "" if kind is None else f', but kind = "{kind}"'
            raise ValueError(f"goes with kind = {quote_heads(key)}{actual}")
        return value

    @pydantic.field_validator("sampled")
    @classmethod
    def _check_sampled(cls, sampled: int | None, info: pydantic.ValidationInfo) -> int | None:
        for other in ("label_smoothing", "class_weights"):
            if sampled and info.data.get(other):
                raise ValueError(f"does not go with {other}")
        return sampled


class ModelConfig(Frozen):
    """The network of embeddings, recurrent layers and one head per label. docs/models.md describes its parts.

    Attributes:
      cell: The recurrent cell. Other names are a cell that an installed package adds, or `module:Class` for a class of
        your own, which is created by `Class(units, **cell_options)`. The module is in the folder of the config or is
        installed.
      cell_options: Further arguments of a cell that this package does not provide.
      units: The number of units of the cell in each direction. For a cell with blocks, the number per block.
      layers: The number of recurrent layers, each of which reads the outputs of the layer below.
      bidirectional: Whether sequences are read in both directions, which suits tagging and classification; otherwise
        forwards only. By default it follows from the labels: both directions, but forwards only if all labels are of
        the next step, and backwards only if all are of the previous step. If only some are, the two directions are
        networks of their own, and a label of another step is predicted from the one that has not read it.
      shortcut: The connection that lets the inputs of a layer bypass it, from the second layer on. `residual` adds the
        inputs to the outputs, and `highway` mixes the two by a gate.
      peepholes: Whether each gate also reads the cell state of its unit. For `lstm`.
      cell_clip: The maximum absolute value of the cell state; no limit by default. For `lstm`.
      projection: The width of a linear projection of the output; no projection by default. For `lstm`.
      output_clip: The maximum absolute value of the output; no limit by default. For `lstm`.
      blocks: The number of blocks of neighbouring features into which each step is divided. Required for
        `time_frequency_lstm` and `grid_lstm`, which can have only one layer.
      block_width: The number of features in a block. The blocks must cover the inputs exactly. Required for the same
        cells as `blocks`.
      block_stride: The number of features between the starts of two neighbouring blocks. The default is `block_width`.
      attention_window: The number of previous outputs that each step attends to; no attention by default (Cheng et al.
        2016, "Long Short-Term Memory-Networks for Machine Reading").
      embedding_dim: The width of the embedding of a string feature without pretrained embeddings.
      affix_dim: The width of the embedding of a derived prefix or suffix feature.
      freeze_pretrained: Whether pretrained embeddings stay unchanged in training.
      characters: The encoder of features with several ids per step.
      dropout: The share of units that are dropped in training: of the embeddings of the inputs, and between and after
        the layers. Inputs that are numbers are not dropped.
      variational: Whether the same units are dropped at all steps of a sequence (Gal and Ghahramani 2016, "A
        Theoretically Grounded Application of Dropout in Recurrent Neural Networks").
      state_dropout: The share of the state that is dropped between steps. The same units are dropped at all steps. This
        is slow, because the cell runs step by step.
      zoneout: The share of the units of each state that keep their value from the previous step. This is slow too.
      word_dropout: The share of the input ids that training replaces by the id of unseen values, so that its embedding
        is trained (Iyyer et al. 2015, "Deep Unordered Composition Rivals Syntactic Methods"). Inputs without such an id
        are left alone: numbers and their buckets, hashed values, and the values of a nested feature.
      heads: Maps labels to the settings of their heads. Other labels have the default head.
    """

    cell: CellName = "lstm"
    cell_options: dict[str, Any] = pydantic.Field(default_factory=dict)
    units: Count = 128
    layers: Count = 1
    bidirectional: bool | None = None
    shortcut: Literal["residual", "highway"] | None = None
    peepholes: bool = False
    cell_clip: _Positive | None = None
    projection: Count | None = None
    output_clip: _Positive | None = None
    blocks: _CountIfRequired = None
    block_width: _CountIfRequired = None
    block_stride: Count | None = None
    attention_window: Count | None = None
    embedding_dim: Count = 100
    affix_dim: Count = 32
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
        if options and cell is not None and not CELLS.find_row(cell).takes_options:
            keys = ", ".join(CELLS.find_row(cell).arguments)
            its_settings = f"whose settings are keys of [model]: {keys}" if keys else "which has none beside units"
            raise ValueError(f'are for a cell of your own, but cell = "{cell}", {its_settings}')
        return options

    @pydantic.field_validator(*_CELL_KEYS)
    @classmethod
    def _check_cell_key(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        cell, key = info.data.get("cell"), info.field_name
        if cell is None:  # The cell itself is invalid, which is another error.
            return value
        row = CELLS.find_row(cell)
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
        if layers > 1 and cell is not None and CELLS.find_row(cell).one_layer_because:
            raise ValueError(f'must be 1 for cell = "{cell}": {CELLS.find_row(cell).one_layer_because}')
        return layers

    @pydantic.field_validator("shortcut")
    @classmethod
    def _check_shortcut(cls, shortcut: str | None, info: pydantic.ValidationInfo) -> str | None:
        if shortcut is not None and info.data.get("layers") == 1:
            raise ValueError("goes with layers > 1: it bypasses the layers from the second on")
        return shortcut

    @pydantic.field_validator("state_dropout", "zoneout")
    @classmethod
    def _check_state_noise(cls, rate: float, info: pydantic.ValidationInfo) -> float:
        # These three cannot be combined. This validator runs for two of them and looks at the keys before each.
        for other in ("attention_window", "state_dropout"):
            if rate and info.field_name != other and info.data.get(other):
                raise ValueError(f"does not go with {other}")
        return rate

    @pydantic.field_validator("zoneout")
    @classmethod
    def _check_zoneout(cls, zoneout: float, info: pydantic.ValidationInfo) -> float:
        cell = info.data.get("cell")
        if zoneout and cell is not None and CELLS.find_row(cell).no_zoneout_because:
            raise ValueError(f'does not go with cell = "{cell}": {CELLS.find_row(cell).no_zoneout_because}')
        return zoneout

    @property
    def own_code(self) -> list[str]:
        """The cells and heads that are not part of this package, as `module:Class`."""
        kinds = [head.kind for head in self.heads.values() if head.kind is not None]
        classes = [CELLS.find_row(self.cell).target] if self.cell not in CELLS.rows else []
        return classes + [HEADS.find_row(kind).target for kind in kinds if kind not in HEADS.rows]
