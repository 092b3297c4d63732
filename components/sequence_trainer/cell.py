"""What a recurrent cell is."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.loop import Nest, loop


class Cell(keras.layers.Layer):
    """One step of a recurrent network: the base of all cells here, and a cell of `keras.layers.RNN` too.

    A step has two parts, so that the work that needs no state is done once for all steps, in one matrix product::

        fed            = cell.project(inputs)       # [..., D] -> nest of [..., P]: no state
        output, states = cell.step(fed, states)     # [B, P] and [B, S] -> [B, U] and [B, S]

    A subclass sets `state_size` and `output_size`, and writes `build`, `project` and `step`. Random masks are drawn in
    `project`: a step is a pure function. `states` is always a list, and for a cell with an output of `units` values
    its first entry is the last output.
    """

    state_size: list[Any]
    """Width of each state; a list within the list for a cell made of cells."""

    output_size: int
    """Width U of the output."""

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """All that a step needs of its input and not of the states: `[..., D]` to a nest of `[..., P]`."""
        return inputs

    def step(self, fed: Nest, states: Nest) -> tuple[tf.Tensor, Nest]:
        """One step: what `project` gave `[B, P]` and states `[B, S]` to the output `[B, U]` and the next states."""
        raise NotImplementedError

    def call(self, inputs: tf.Tensor, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step from raw inputs `[B, D]`, as `keras.layers.RNN` calls it."""
        return self.step(self.project(inputs, training), states)

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """All steps: inputs `[T, B, D]`, finite at padded steps, to outputs `[T, B, U]` and the last real states.

        A cell with a faster way than the loop overrides this.
        """
        return loop(self.step, self.project(inputs, training), lengths, states)

    def get_initial_state(self, batch_size: Any = None) -> Nest:
        """Zero states `[B, S]`."""
        return tf.nest.map_structure(lambda size: tf.zeros([batch_size, size], self.compute_dtype), self.state_size)
