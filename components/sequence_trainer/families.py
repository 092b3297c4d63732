"""Tables of the recurrent cells and the heads that a config can choose by name.

A new cell or head needs one row, which contains its class and its properties. The names that `[model]` accepts, the
checks of a config, the documentation and the tests are derived from these rows. This module does not import TensorFlow,
so that a config is checked quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfx_sequence.schemas.families import Family, Row
from tfx_sequence.schemas.spec import Shift

_RNN = "tfx_sequence.components.sequence_trainer.rnn"
_HEADS = "tfx_sequence.components.sequence_trainer.model.heads"


@dataclass(frozen=True)
class CellRow(Row):
    """Describes a recurrent cell, which is created by `Class(units, **arguments)`.

    Attributes:
      arguments: Maps keys of `[model]` to arguments of the class. A key that is not listed is an error for this cell.
      required: The keys that must be given.
      takes_options: Whether the entries of `cell_options` are passed to the class as arguments.
      one_layer_because: The reason why there can be only one layer; empty if there can be more. It ends the message
        `must be 1 for cell = "<name>": <reason>`.
      no_zoneout_because: The reason why zoneout cannot be applied; empty if it can be applied. It ends the message
        `does not go with cell = "<name>": <reason>`.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    takes_options: bool = False
    one_layer_because: str = ""
    no_zoneout_because: str = ""


def _make_block_cell_row(target: str, no_zoneout_because: str = "") -> CellRow:
    """Returns the row of a cell that divides its inputs into blocks."""
    return CellRow(
        target,
        arguments={"blocks": "blocks", "block_width": "width", "block_stride": "stride"},
        required=("blocks", "block_width"),
        one_layer_because="its blocks are ranges of the model's inputs",
        no_zoneout_because=no_zoneout_because,
    )


CELLS = Family(
    "tfx_sequence.cells",
    {
        "lstm": CellRow(
            f"{_RNN}.standard_cells:LSTMCell",
            arguments={
                "peepholes": "peepholes",
                "cell_clip": "cell_clip",
                "projection": "projection",
                "output_clip": "output_clip",
            },
        ),
        "gru": CellRow(f"{_RNN}.standard_cells:GRUCell"),
        "rnn": CellRow(f"{_RNN}.standard_cells:SimpleRNNCell"),
        "layer_norm_lstm": CellRow(f"{_RNN}.variant_cells:LayerNormLSTMCell"),
        "coupled_lstm": CellRow(f"{_RNN}.variant_cells:CoupledLSTMCell"),
        "ugrnn": CellRow(f"{_RNN}.variant_cells:UGRNNCell"),
        "indrnn": CellRow(f"{_RNN}.variant_cells:IndRNNCell"),
        "nas": CellRow(f"{_RNN}.variant_cells:NASCell"),
        "time_frequency_lstm": _make_block_cell_row(f"{_RNN}.frequency_cells:TimeFrequencyLSTMCell"),
        "grid_lstm": _make_block_cell_row(
            f"{_RNN}.frequency_cells:GridLSTMCell",
            no_zoneout_because="its output has more numbers than its state",
        ),
    },
    make_row=lambda target: CellRow(target, takes_options=True),
)
"""The recurrent cells, by their names in `[model] cell`."""


@dataclass(frozen=True)
class HeadRow(Row):
    """Describes the head of a label, which is created by `Class(label, config, context)`.

    Attributes:
      predicts: The type of the labels: `values` of a vocabulary, or `numbers`; None if the type is unknown.
      is_default: Whether this head is used for labels of that type if a config does not name a kind.
      keys: The keys of `[model.heads.<label>]` that the head accepts. All heads also accept `weight`.
      takes_options: Whether the head accepts the table `options`.
      needs_steps: Whether the label must have one value per step.
      shift: The shift of a label for which no schema notes one; None if such a label belongs to its own step.
      no_shift_because: The reason why the label must belong to its own step; empty if it may belong to another step.
        It ends the message `"<kind>" does not go with a label of the <shift> step: <reason>`, where "it" is the head.
      no_window_because: The reason why the head cannot be trained window by window; empty if it can. It ends a message
        that begins with the name of the head, which "it" refers to.
    """

    predicts: Literal["values", "numbers"] | None = None
    is_default: bool = False
    keys: tuple[str, ...] = ()
    takes_options: bool = False
    needs_steps: bool = False
    shift: Shift | None = None
    no_shift_because: str = ""
    no_window_because: str = ""


HEADS = Family(
    "tfx_sequence.heads",
    {
        "softmax": HeadRow(
            f"{_HEADS}.labels:SoftmaxHead",
            predicts="values",
            is_default=True,
            keys=("pooling", "label_smoothing", "class_weights", "sampled"),
        ),
        "crf": HeadRow(
            f"{_HEADS}.labels:CRFHead",
            predicts="values",
            needs_steps=True,
            no_shift_because="it weighs the steps of a sequence together, and other steps have read the value",
            no_window_because="it weighs the steps of a sequence together",
        ),
        "language_model": HeadRow(
            f"{_HEADS}.language_model:LanguageModelHead",
            predicts="values",
            keys=("label_smoothing", "class_weights", "tied", "sampled"),
            needs_steps=True,
            shift="next",
        ),
        "regression": HeadRow(
            f"{_HEADS}.regression:RegressionHead",
            predicts="numbers",
            is_default=True,
            keys=("pooling",),
        ),
    },
    make_row=lambda target: HeadRow(target, takes_options=True),
)
"""The heads, by their names in `kind` of `[model.heads.<label>]`."""

DEFAULT_HEADS: Mapping[str | None, str] = {row.predicts: name for name, row in HEADS.rows.items() if row.is_default}
"""Maps `values` and `numbers` to the name of the default head for such labels."""
