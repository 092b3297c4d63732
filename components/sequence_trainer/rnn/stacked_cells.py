"""A cell that stacks several cells into a deep recurrent network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, Shape


@keras.saving.register_keras_serializable("tfx_sequence")
class MultiRNNCell(Cell):
    """A cell that consists of several cells, where each cell reads the output of the cell before it.

    Whole sequences are computed layer by layer, so each cell uses its fastest implementation. The state is a list with
    the states of each cell. Source: Graves et al. 2013, "Speech Recognition with Deep Recurrent Neural Networks".

    Args:
      cells: The cells from the input to the output. They must be cells of this package and different objects. The
        default dtype policy is that of the first cell.

    Raises:
      TypeError: if one of the cells is not a cell of this package.
      ValueError: if there are no cells, or one cell occurs twice.
    """

    def __init__(self, cells: Sequence[Cell], **kwargs: Any) -> None:
        cells = list(cells)
        if not cells:
            raise ValueError("`cells` must have at least one cell, but is empty.")
        if not all(isinstance(cell, Cell) for cell in cells):
            names = ", ".join(type(cell).__name__ for cell in cells)
            raise TypeError(f"`cells` must be cells of this package, but are {names}.")
        if len({id(cell) for cell in cells}) < len(cells):
            raise ValueError("`cells` must be different objects, each with its own weights, but one cell occurs twice.")
        super().__init__(**{"dtype": cells[0].dtype_policy, **kwargs})
        self.cells = cells
        self.state_size = [cell.state_size for cell in cells]
        self.output_size = cells[-1].output_size

    def build(self, input_shape: Shape) -> None:
        """Builds each cell for the output of the cell before it."""
        for cell in self.cells:
            if not cell.built:
                cell.build(input_shape)
                cell.built = True
            input_shape = (*input_shape[:-1], cell.output_size)

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Returns the first cell's projection. The inputs of the other cells depend on its states."""
        return self.cells[0].project(inputs, training)

    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step through all layers; see `Cell.step`."""
        output, make_first_states = self.cells[0].step(projected, states[0], training)
        new_states = [make_first_states]
        for cell, cell_states in zip(self.cells[1:], states[1:], strict=True):
            output, cell_states = cell.call(output, cell_states, training)
            new_states.append(cell_states)
        return output, new_states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps, layer by layer; see `Cell.unroll`."""
        outputs, final_states = inputs, []
        for cell, cell_states in zip(self.cells, states, strict=True):
            outputs, cell_states = cell.unroll(outputs, lengths, cell_states, training)
            final_states.append(cell_states)
        return outputs, final_states

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> Nest:
        """Returns the initial states of each cell."""
        return [cell.get_initial_state(batch_size=batch_size) for cell in self.cells]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "cells": [keras.saving.serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MultiRNNCell:
        """Makes the cell from the result of `get_config`."""
        cells = [keras.saving.deserialize_keras_object(cell) for cell in config["cells"]]
        return cls(**{**config, "cells": cells})
