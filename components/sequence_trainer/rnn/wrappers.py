"""Wrappers: cells that change what another cell reads and outputs. Each is a cell itself, so that they nest."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest


class Wrapper(Cell):
    """A cell around a cell; as it stands, it changes nothing.

    A subclass that changes inputs and outputs, and not the recurrence, overrides the three methods below. They get one
    step `[B, ...]` or all of them `[T, B, ...]`, and the wrapped cell keeps its faster way through the sequence::

        projected      = cell.project(change_inputs(inputs))
        output, states = cell.step(projected, states)
        output         = change_outputs(output, make_extras(inputs))

    Args:
      cell: The cell that is wrapped, one of this package. Its dtype policy is the wrapper's too, unless one is given.

    Raises:
      TypeError: if `cell` is no cell of this package.
    """

    def __init__(self, cell: Cell, **kwargs: Any) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"{type(self).__name__} wraps a cell of this package, but got {type(cell).__name__}.")
        super().__init__(**{"dtype": cell.dtype_policy, **kwargs})
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped cell."""
        if not self.cell.built:
            self.cell.build(input_shape)
            self.cell.built = True

    def change_inputs(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns what the wrapped cell reads in place of `inputs`."""
        return inputs

    def make_extras(self, inputs: tf.Tensor, training: bool) -> Nest:
        """Computes what `change_outputs` needs beside the outputs: a nest of `[..., B, N]`."""
        return []

    def change_outputs(self, outputs: tf.Tensor, extras: Nest) -> tf.Tensor:
        """Returns the wrapper's outputs, from those of the wrapped cell."""
        return outputs

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Computes the wrapped cell's part of all steps, and the extras of all steps."""
        return [self.cell.project(self.change_inputs(inputs, training), training), self.make_extras(inputs, training)]

    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step; see `Cell.step`."""
        projected, extras = projected
        output, states = self.cell.step(projected, states, training)
        return self.change_outputs(output, extras), states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps in the wrapped cell's own way; see `Cell.unroll`."""
        outputs, states = self.cell.unroll(self.change_inputs(inputs, training), lengths, states, training)
        return self.change_outputs(outputs, self.make_extras(inputs, training)), states

    def get_initial_state(self, batch_size: Any = None) -> Nest:
        """Returns the states that the wrapped cell starts from."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Wrapper:
        """Makes the cell from what `get_config` returned."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class ResidualWrapper(Wrapper):
    """Adds the input to the output, which must be as wide.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition"; in RNNs, Wu et al. 2016, "Google's Neural
    Machine Translation System".
    """

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped cell.

        Raises:
          ValueError: if inputs and outputs are not equally wide.
        """
        _check_width(self, input_shape)
        super().build(input_shape)

    def make_extras(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Returns the input."""
        return inputs

    def change_outputs(self, outputs: tf.Tensor, extras: tf.Tensor) -> tf.Tensor:
        """Adds the input to the output."""
        return outputs + extras


@keras.saving.register_keras_serializable("tfx_sequence")
class HighwayWrapper(Wrapper):
    """Mixes input and output, which must be as wide: `carry * x + (1 - carry) * output`, `carry = sigmoid(x W + b)`.

    The bias starts at 1, so that a new cell carries most of its input. Source: Srivastava et al. 2015, "Highway
    Networks".
    """

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped cell and the gate.

        Raises:
          ValueError: if inputs and outputs are not equally wide.
        """
        _check_width(self, input_shape)
        super().build(input_shape)
        width = self.output_size
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="carry_kernel")
        self.bias = self.add_weight(shape=(width,), initializer="ones", name="carry_bias")

    def make_extras(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Returns the input and the gate."""
        return [inputs, tf.sigmoid(tf.matmul(inputs, self.kernel) + self.bias)]

    def change_outputs(self, outputs: tf.Tensor, extras: list[tf.Tensor]) -> tf.Tensor:
        """Mixes input and output by the gate."""
        inputs, carry = extras
        return carry * inputs + (1 - carry) * outputs


def _check_width(wrapper: Wrapper, input_shape: Any) -> None:
    if input_shape[-1] != wrapper.output_size:
        raise ValueError(
            f"{type(wrapper).__name__} needs inputs as wide as the cell's output, {wrapper.output_size}, but they have "
            f"width {input_shape[-1]}. Wrap a cell with {input_shape[-1]} units, or project the inputs first."
        )
