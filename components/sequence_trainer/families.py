"""The parts of a network that a config chooses by name, with the facts that config checks need.

A row is all that a new part needs: the names that `[model]` takes, its checks, the documents and the tests come from
it. Nothing here imports TensorFlow, so that a config is checked in a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfx_sequence.schemas.families import Family, Row

_RNN = "tfx_sequence.components.sequence_trainer.rnn"
_HEADS = "tfx_sequence.components.sequence_trainer.model.heads"


@dataclass(frozen=True)
class CellRow(Row):
    """A recurrent cell. It is made as `Class(units, **arguments)`.

    Attributes:
      arguments: Key of `[model]` to the argument of the class that it is given as. Only cells that name a key take it.
      required: The keys without which the cell cannot be made.
      takes_options: Whether the class is given the table `cell_options` too.
      one_layer_because: Why there can be no second layer; empty if there can.
      no_zoneout_because: Why zoneout cannot be applied; empty if it can.
    """

    arguments: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    takes_options: bool = False
    one_layer_because: str = ""
    no_zoneout_because: str = ""


def _block_cell(target: str, no_zoneout_because: str = "") -> CellRow:
    return CellRow(
        target,
        arguments={"blocks": "blocks", "block_width": "width", "block_stride": "stride"},
        required=("blocks", "block_width"),
        one_layer_because="its blocks are of the inputs",
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
        "time_frequency_lstm": _block_cell(f"{_RNN}.frequency_cells:TimeFrequencyLSTMCell"),
        "grid_lstm": _block_cell(
            f"{_RNN}.frequency_cells:GridLSTMCell", no_zoneout_because="its output is more than its state"
        ),
    },
    make_row=lambda target: CellRow(target, takes_options=True),
)
"""The recurrent cells, by the name that `[model] cell` takes."""


@dataclass(frozen=True)
class HeadRow(Row):
    """The head of a label. It is made as `Class(label, config, context)`.

    Attributes:
      predicts: What its labels are: `values` of a vocabulary, or `numbers`; None if that is not known.
      is_default: Whether it predicts such labels if a config does not name a kind.
      keys: The keys of `[model.heads.<label>]` that it takes. `weight` goes with every head.
      takes_options: Whether it takes the table `options` too.
      needs_steps: Whether its label must have a value in each step.
      one_way_because: Why the recurrent layers may not read backwards too; empty if they may.
      no_window_because: Why it cannot be trained window by window; empty if it can.
    """

    predicts: Literal["values", "numbers"] | None = None
    is_default: bool = False
    keys: tuple[str, ...] = ()
    takes_options: bool = False
    needs_steps: bool = False
    one_way_because: str = ""
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
            no_window_because="it weighs the steps of a sequence together",
        ),
        "language_model": HeadRow(
            f"{_HEADS}.language_model:LanguageModelHead",
            predicts="values",
            keys=("label_smoothing", "class_weights", "tied", "sampled"),
            needs_steps=True,
            one_way_because="the backward reading sees the step to predict",
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
"""The heads, by the name that `kind` in `[model.heads.<label>]` takes."""

DEFAULT_HEADS: Mapping[str | None, str] = {row.predicts: name for name, row in HEADS.rows.items() if row.is_default}
"""`values` and `numbers` to the head of labels whose config names none."""
