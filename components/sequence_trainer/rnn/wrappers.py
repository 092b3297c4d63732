"""Wrappers: what is put around a cell. Each is a cell itself, so that they nest."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest


class Wrapper(Cell):
    """A cell around a cell; as it stands, it changes nothing.

    A subclass that works outside the recurrence overrides `before`, `aside` and `after`. They get one step `[B, ...]`
    or all of them `[T, B, ...]`, and the wrapped cell keeps its faster way through the sequence::

        fed            = cell.project(before(inputs))
        output, states = cell.step(fed, states)
        output         = after(output, aside(inputs))

    Args:
      cell: The cell that is wrapped, one of this package.
    """

    def __init__(self, cell: Cell, **kwargs: Any) -> None:
        """Wraps `cell`; the dtype policy is the cell's, unless given."""
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

    def before(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """What the wrapped cell reads in place of `inputs`."""
        return inputs

    def aside(self, inputs: tf.Tensor, training: bool) -> Nest:
        """What `after` needs beside the output: a nest of `[..., B, N]`."""
        return []

    def after(self, output: tf.Tensor, aside: Nest) -> tf.Tensor:
        """What this cell gives in place of the wrapped cell's output."""
        return output

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """The wrapped cell's part, and what `after` needs."""
        return [self.cell.project(self.before(inputs, training), training), self.aside(inputs, training)]

    def step(self, fed: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step."""
        fed, aside = fed
        output, states = self.cell.step(fed, states, training)
        return self.after(output, aside), states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """All steps, the wrapped cell's own way."""
        outputs, states = self.cell.unroll(self.before(inputs, training), lengths, states, training)
        return self.after(outputs, self.aside(inputs, training)), states

    def get_initial_state(self, batch_size: Any = None) -> Nest:
        """The wrapped cell's."""
        return self.cell.get_initial_state(batch_size=batch_size)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        return {**super().get_config(), "cell": keras.saving.serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Wrapper:
        """Makes the cell that `get_config` described."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class ResidualWrapper(Wrapper):
    """Adds the input to the output, which must be as wide.

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition"; in RNNs, Wu et al. 2016, "Google's Neural
    Machine Translation System".
    """

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped cell."""
        _check_width(self, input_shape)
        super().build(input_shape)

    def aside(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """The input."""
        return inputs

    def after(self, output: tf.Tensor, aside: tf.Tensor) -> tf.Tensor:
        """The sum."""
        return output + aside


@keras.saving.register_keras_serializable("tfx_sequence")
class HighwayWrapper(Wrapper):
    """Mixes input and output, which must be as wide: `carry * x + (1 - carry) * output`, `carry = sigmoid(x W + b)`.

    The bias starts at 1, so that a new cell carries its input. Source: Srivastava et al. 2015, "Highway Networks".
    """

    def build(self, input_shape: Any) -> None:
        """Builds the wrapped cell and the gate."""
        _check_width(self, input_shape)
        super().build(input_shape)
        width = self.output_size
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="carry_kernel")
        self.bias = self.add_weight(shape=(width,), initializer="ones", name="carry_bias")

    def aside(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """The input and the gate."""
        return [inputs, tf.sigmoid(tf.matmul(inputs, self.kernel) + self.bias)]

    def after(self, output: tf.Tensor, aside: list[tf.Tensor]) -> tf.Tensor:
        """The mixture."""
        inputs, carry = aside
        return carry * inputs + (1 - carry) * output


def _check_width(wrapper: Wrapper, input_shape: Any) -> None:
    if input_shape[-1] != wrapper.output_size:
        raise ValueError(
            f"{type(wrapper).__name__} needs inputs as wide as the cell's output, {wrapper.output_size}, but they have "
            f"width {input_shape[-1]}. Wrap a cell with {input_shape[-1]} units, or project the inputs first."
        )
