"""The base classes of recurrent cells: what a cell must do, and what gated cells have in common."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, loop_over_steps


class Cell(keras.layers.Layer, abc.ABC):
    """One step of a recurrent network: the base of all cells here, and a cell for `keras.layers.RNN` too.

    A step has two parts. The first needs no state, so it is computed for all steps at once, in one matrix product::

        projected      = cell.project(inputs)           # [..., D] -> nest of [..., P]
        output, states = cell.step(projected, states)   # [B, P] and [B, S] -> [B, U] and [B, S]

    A subclass sets `state_size` and `output_size`, and writes `build`, `project` and `step`. `states` is a list, and
    its first entry is the last output. Only `GridLSTMCell`, `MultiRNNCell` and `AttentionWrapper` differ in that.
    """

    state_size: list[Any]
    """Width S of each state; a list within the list for a cell that is made of cells."""

    output_size: int
    """Width U of the output."""

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Computes all that a step needs of its input and not of the states: `[..., D]` to a nest of `[..., P]`."""
        return inputs

    @abc.abstractmethod
    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step.

        Args:
          projected: What `project` returned for the step, a nest of `[B, P]`.
          states: The states before the step, each `[B, S]`.
          training: Whether dropout and its like are on.

        Returns:
          The output `[B, U]`, and the states after the step.
        """

    def call(self, inputs: tf.Tensor, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step from inputs `[B, D]`, as `keras.layers.RNN` calls it."""
        return self.step(self.project(inputs, training), states, training)

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps. A cell that has a faster way than the loop overrides this.

        Args:
          inputs: `[T, B, D]`. Values at padded steps must be finite; they change nothing.
          lengths: int32 `[B]`, each within 0..T.
          states: The states before the first step, each `[B, S]`.
          training: Whether dropout and its like are on.

        Returns:
          Outputs `[T, B, U]`, finite and without meaning at padded steps, and the states after each row's last real
          step.
        """

        def step(projected: Nest, states: Nest) -> tuple[tf.Tensor, Nest]:
            return self.step(projected, states, training)

        return loop_over_steps(step, self.project(inputs, training), lengths, states)

    def get_initial_state(self, batch_size: Any = None) -> Nest:
        """Returns the states that a sequence starts from: zeros `[B, S]`."""
        return [tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size]


class GatedCell(Cell):
    """A cell whose gates are linear in the input and the last output: `x kernel + h recurrent_kernel + bias`.

    Args:
      units: Width U of each gate, of the output and of the state.

    Raises:
      ValueError: if `units` is less than 1.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """The initial bias of each gate, in the order in which the gates stand in the weights."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1, but is {units}.")
        self.units = units
        self.state_size = [units]
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`: `[D, gates * U]`, `[U, gates * U]` and `[gates * U]`."""
        width = len(self.gate_biases) * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], width), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.output_size, width), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = add_gate_bias(self, self.gate_biases, self.units)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the input's part of all gates: `[..., D]` to `[..., gates * U]`."""
        return tf.matmul(inputs, self.kernel) + self.bias

    def compute_gates(self, projected: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """Adds the last output's part to `project`'s: all gates before their activations, each `[B, U]`."""
        return tf.split(projected + tf.matmul(h, self.recurrent_kernel), len(self.gate_biases), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "units": self.units}


class MemoryCell(GatedCell):
    """A gated cell with two states, the last output h and a cell state c, both of width `units`."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.state_size = [units, units]


def add_gate_bias(cell: Cell, gate_biases: tuple[float, ...], units: int) -> Any:
    """Gives `cell` a bias `[gates * U]` that starts at one value for each gate."""

    def initialize(shape: Any, dtype: Any = None) -> tf.Tensor:
        return tf.repeat(tf.constant(gate_biases, dtype), units)

    return cell.add_weight(shape=(len(gate_biases) * units,), initializer=initialize, name="bias")
