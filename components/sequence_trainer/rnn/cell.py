"""The base classes of recurrent cells: the interface of all cells, and the common code of cells with gates."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, Shape, loop_over_steps


class Cell(keras.layers.Layer, abc.ABC):
    """One step of a recurrent network. This is the base class of all cells, which `keras.layers.RNN` can run too.

    A step has two parts. The first part needs no state, so it is computed for all steps at once in one matrix product::

        projected      = cell.project(inputs)           # [..., D] -> nest of [..., P]
        output, states = cell.step(projected, states)   # [B, P] and [B, S] -> [B, U] and [B, S]

    A subclass sets `state_size` and `output_size`, and implements `build`, `project` and `step`. `states` is a list.
    Its first entry is the last output, except in `GridLSTMCell`, `MultiRNNCell` and `AttentionWrapper`.
    """

    state_size: list[Any]
    """The width S of each state. If the cell consists of several cells, an entry is itself a list: a cell's widths."""

    output_size: int
    """The width U of the output."""

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Computes the part of a step that depends on the input only.

        Args:
          inputs: The inputs of one step or of all steps, `[..., D]`.
          training: Whether dropout and similar regularization are on.

        Returns:
          A nest of `[..., P]`, the `projected` argument of `step`.
        """
        return inputs

    @abc.abstractmethod
    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step.

        Args:
          projected: The result of `project` for the step, a nest of `[B, P]`.
          states: The states before the step, each `[B, S]`.
          training: Whether dropout and similar regularization are on.

        Returns:
          The output `[B, U]`, and the states after the step.
        """

    def call(self, inputs: tf.Tensor, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step from inputs `[B, D]`. `keras.layers.RNN` calls this method."""
        return self.step(self.project(inputs, training), states, training)

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps in a loop. Cells with a faster implementation override this method.

        Args:
          inputs: `[T, B, D]`. Values at padded steps must be finite, but do not change the result.
          lengths: The number of real steps of each row, int32 `[B]`, each in 0..T.
          states: The states before the first step, each `[B, S]`.
          training: Whether dropout and similar regularization are on.

        Returns:
          Outputs `[T, B, U]`, which are finite but meaningless at padded steps; and the states after each row's last
          real step.
        """

        def run_step(projected: Nest, states: Nest) -> tuple[tf.Tensor, Nest]:
            return self.step(projected, states, training)

        return loop_over_steps(run_step, self.project(inputs, training), lengths, states)

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> Nest:
        """Returns the states before the first step of a sequence: zeros `[B, S]`."""
        return [tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size]


class GatedCell(Cell):
    """The base class of cells with gates that are linear in the input x and the last output h.

    The gates before their activations are `x kernel + h recurrent_kernel + bias`.

    Args:
      units: The width U of each gate, of the output and of the state.

    Raises:
      ValueError: if `units` is less than 1.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """The initial bias of each gate, in the order of the gates in the weights."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1, but is {units}.")
        self.units = units
        self.state_size = [units]
        self.output_size = units

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for inputs `[..., D]`.

        These are `kernel` `[D, gates * U]`, `recurrent_kernel` `[U, gates * U]` and `bias` `[gates * U]`.
        """
        width = len(self.gate_biases) * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], width), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.output_size, width), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = add_gate_bias(self, self.gate_biases, self.units)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the part of all gates that depends on the input only: `[..., D]` to `[..., gates * U]`."""
        return tf.matmul(inputs, self.kernel) + self.bias

    def compute_gates(self, projected: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """Computes all gates before their activations, each `[B, U]`.

        Args:
          projected: The result of `project` for the step, `[B, gates * U]`.
          h: The last output, `[B, U]`.
        """
        gates = projected + tf.matmul(h, self.recurrent_kernel)
        return tf.split(gates, len(self.gate_biases), axis=1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "units": self.units}


class MemoryCell(GatedCell):
    """The base class of gated cells with two states of width `units`: the last output h and a cell state c."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.state_size = [units, units]


def add_gate_bias(cell: Cell, gate_biases: tuple[float, ...], units: int) -> keras.Variable:
    """Adds a bias `[gates * U]` to `cell`. `gate_biases` has the initial value of each gate's bias."""

    def initialize(shape: Shape, dtype: str | tf.DType | None = None) -> tf.Tensor:
        return tf.repeat(tf.constant(gate_biases, dtype), units)

    return cell.add_weight(shape=(len(gate_biases) * units,), initializer=initialize, name="bias")
