"""Cell wrappers, which change the inputs and outputs of another cell.

A wrapper is a cell too, so wrappers can be nested.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, Shape


class Wrapper(Cell):
    """The base class of wrappers. By itself, it does not change the wrapped cell.

    A subclass overrides the methods `change_inputs`, `make_extras` and `change_outputs`, which are called like this::

        projected      = cell.project(change_inputs(inputs))
        output, states = cell.step(projected, states)
        output         = change_outputs(output, make_extras(inputs))

    These methods take one step `[B, ...]` or all steps `[T, B, ...]`. So the wrapped cell can still use its fastest
    implementation for whole sequences. A subclass that changes the recurrence must override `unroll` too.

    Args:
      cell: The wrapped cell, which must be a cell of this package. Its dtype policy is the wrapper's default.

    Raises:
      TypeError: if `cell` is not a cell of this package.
    """

    def __init__(self, cell: Cell, **kwargs: Any) -> None:
        if not isinstance(cell, Cell):
            raise TypeError(f"{type(self).__name__} wraps a cell of this package, but got {type(cell).__name__}.")
        super().__init__(**{"dtype": cell.dtype_policy, **kwargs})
        self.cell = cell
        self.state_size = cell.state_size
        self.output_size = cell.output_size

    def build(self, input_shape: Shape) -> None:
        """Builds the wrapped cell."""
        if not self.cell.built:
            self.cell.build(input_shape)
            self.cell.built = True

    def change_inputs(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Computes the inputs of the wrapped cell from the inputs of the wrapper."""
        return inputs

    def make_extras(self, inputs: tf.Tensor, training: bool) -> Nest:
        """Computes the second argument of `change_outputs` from the inputs, a nest of `[..., B, N]`."""
        return []

    def change_outputs(self, outputs: tf.Tensor, extras: Nest) -> tf.Tensor:
        """Computes the outputs of the wrapper from the outputs of the wrapped cell."""
        return outputs

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Returns a list of the wrapped cell's projection and the extras of `make_extras`."""
        return [self.cell.project(self.change_inputs(inputs, training), training), self.make_extras(inputs, training)]

    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step; see `Cell.step`."""
        projected, extras = projected
        output, states = self.cell.step(projected, states, training)
        return self.change_outputs(output, extras), states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps as the wrapped cell does; see `Cell.unroll`."""
        outputs, states = self.cell.unroll(self.change_inputs(inputs, training), lengths, states, training)
        return self.change_outputs(outputs, self.make_extras(inputs, training)), states

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> Nest:
        """Returns the initial states of the wrapped cell."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Wrapper:
        """Makes the cell from the result of `get_config`."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class ResidualWrapper(Wrapper):
    """Adds the input to the output. Both must have the same width.

    Sources: He et al. 2015, "Deep Residual Learning for Image Recognition"; Wu et al. 2016, "Google's Neural Machine
    Translation System" (in RNNs).
    """

    def build(self, input_shape: Shape) -> None:
        """Builds the wrapped cell.

        Raises:
          ValueError: if inputs and outputs differ in width.
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
    """Computes a gated mean of the input and the output, which must have the same width.

    ::

        carry   = sigmoid(x W + b)
        output' = carry * x + (1 - carry) * output

    The bias starts at 1, so a new cell passes most of its input through. Source: Srivastava et al. 2015, "Highway
    Networks".
    """

    def build(self, input_shape: Shape) -> None:
        """Builds the wrapped cell and the gate.

        Raises:
          ValueError: if inputs and outputs differ in width.
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
        """Computes the mean of input and output, weighted by the gate."""
        inputs, carry = extras
        return carry * inputs + (1 - carry) * outputs


def _check_width(wrapper: Wrapper, input_shape: Shape) -> None:
    """Raises a ValueError if inputs and outputs differ in width."""
    width = input_shape[-1]
    if width != wrapper.output_size:
        raise ValueError(
            f"{type(wrapper).__name__} needs inputs as wide as the cell's output, {wrapper.output_size}, but their "
            f"width is {width}. Wrap a cell with {width} units, or project the inputs first."
        )
