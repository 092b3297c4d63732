"""What a recurrent cell is."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, loop


class Cell(keras.layers.Layer, abc.ABC):
    """One step of a recurrent network: the base of all cells here, and a cell for `keras.layers.RNN` too.

    A step has two parts, so that the work that needs no state is done once for all steps, in one matrix product::

        fed            = cell.project(inputs)       # [..., D] -> nest of [..., P]: no state
        output, states = cell.step(fed, states)     # [B, P] and [B, S] -> [B, U] and [B, S]

    A subclass sets `state_size` and `output_size`, and writes `build`, `project` and `step`. `states` is always a
    list, and its first entry is the last output; only `GridLSTMCell`, `MultiRNNCell` and `AttentionWrapper` differ.
    """

    state_size: list[Any]
    """Width S of each state; a list within the list for a cell made of cells."""

    output_size: int
    """Width U of the output."""

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """All that a step needs of its input and not of the states: `[..., D]` to a nest of `[..., P]`."""
        return inputs

    @abc.abstractmethod
    def step(self, fed: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step: what `project` gave `[B, P]` and states `[B, S]` to the output `[B, U]` and the next states."""

    def call(self, inputs: tf.Tensor, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step from raw inputs `[B, D]`, as `keras.layers.RNN` calls it."""
        return self.step(self.project(inputs, training), states, training)

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """All steps: inputs `[T, B, D]` to outputs `[T, B, U]` and the states after each row's last real step.

        At padded steps the inputs must be finite and change nothing; the outputs are finite and mean nothing.
        A cell with a faster way than the loop overrides this.
        """

        def step(fed: Nest, states: Nest) -> tuple[tf.Tensor, Nest]:
            return self.step(fed, states, training)

        return loop(step, self.project(inputs, training), lengths, states)

    def get_initial_state(self, batch_size: Any = None) -> Nest:
        """Zero states `[B, S]`."""
        return [tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size]


class GatedCell(Cell):
    """A cell whose gates are linear in the input and the last output: `x kernel + h recurrent_kernel + bias`.

    Args:
      units: Width U of each gate, of the output and of the state.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """What the bias of each gate starts at, gates in the order in which they stand in the weights."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Makes a cell with one state, its last output."""
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
        """The input's part of all gates: `[..., D]` to `[..., gates * U]`."""
        return tf.matmul(inputs, self.kernel) + self.bias

    def gates(self, fed: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """The gates before their activations, each `[B, U]`, from `project`'s part and the last output."""
        return tf.split(fed + tf.matmul(h, self.recurrent_kernel), len(self.gate_biases), axis=1)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        return {**super().get_config(), "units": self.units}


class MemoryCell(GatedCell):
    """A gated cell with two states: the last output h and a cell state c."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Makes a cell with the states h and c."""
        super().__init__(units, **kwargs)
        self.state_size = [units, units]


def add_gate_bias(cell: Cell, gate_biases: tuple[float, ...], units: int) -> Any:
    """Gives `cell` a bias `[gates * U]` that starts at one value for each gate."""

    def first(shape: Any, dtype: Any = None) -> tf.Tensor:
        return tf.repeat(tf.constant(gate_biases, dtype), units)

    return cell.add_weight(shape=(len(gate_biases) * units,), initializer=first, name="bias")
