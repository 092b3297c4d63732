"""Keras layers and functions that run recurrent cells over padded batches of sequences of different lengths.

The length of each row is required, and padding does not change the result. An example with `-` for padding::

    inputs  a b c    lengths 3    outputs  A B C    final states   after c
            d - -            1             D 0 0                   after d
            - - -            0             0 0 0                   initial states
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import refuse_keras_mask
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, Shape, loop_over_steps, mask_real_steps


@keras.saving.register_keras_serializable("tfx_sequence")
class DynamicRNN(keras.layers.Layer):
    """Runs a cell over the real steps of each row of a padded batch.

    Outputs at padded steps are exactly zero. The final states are those after the last real step, or the initial states
    for a row of length 0. Values of `inputs` at padded steps, including NaN, do not change any output or gradient.

    Args:
      cell: A cell of this package, or any Keras RNN cell. Its dtype policy is the default of the layer.
      time_major: Whether inputs and outputs are `[T, B, ...]` instead of `[B, T, ...]`. This saves two transpositions.
      trainable_initial_state: Whether the initial states are trainable weights, which start at zero. If False, the
        initial states are zero.
    """

    def __init__(
        self, cell: keras.layers.Layer, time_major: bool = False, trainable_initial_state: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": cell.dtype_policy, **kwargs})
        self.cell = cell
        self.time_major = time_major
        self.trainable_initial_state = trainable_initial_state
        # If there is a GPU, Keras compiles models with XLA by default, but the fused operations have no XLA kernels.
        self.supports_jit = False

    def build(self, input_shape: Shape) -> None:
        """Builds the cell for one step of the input."""
        if not self.cell.built:
            self.cell.build((input_shape[1 if self.time_major else 0], *input_shape[2:]))
        if self.trainable_initial_state:
            self.initial_states = [
                self.add_weight(shape=(size,), initializer="zeros", name="initial_state")
                for size in tf.nest.flatten(self.cell.state_size)
            ]

    def call(
        self,
        inputs: tf.Tensor,
        lengths: tf.Tensor,
        initial_state: Nest = None,
        training: bool = False,
        inputs_mask: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, Nest]:
        """Runs the cell over a batch.

        Args:
          inputs: `[B, T, D]`, or `[T, B, D]` if time-major; padded on the right.
          lengths: The number of real steps of each row, int `[B]`, each in 0..T.
          initial_state: A nest of `[B, S]` that matches the cell's `state_size`. If None, the trainable initial states
            or zeros.
          training: Whether dropout and similar regularization are on.
          inputs_mask: A mask of Keras, which is refused.

        Returns:
          Outputs `[B, T, U]`, or `[T, B, U]` if time-major; and the final states, a nest of `[B, S]`.

        Raises:
          ValueError: if `lengths` is None, or the inputs have a mask of Keras.
          TypeError: if `lengths` does not have an integer type.
          tf.errors.InvalidArgumentError: if `lengths` does not have shape `[B]`, or a length is not in 0..T.
        """
        refuse_keras_mask(self, inputs_mask)
        if not self.time_major:
            inputs = tf.transpose(inputs, [1, 0, 2])
        static_steps = inputs.shape[0]
        steps, batch = tf.unstack(tf.shape(inputs)[:2])
        lengths = _check_lengths(lengths, steps, batch)

        # Steps that are padding in all rows are cut off. At least one step is kept, because cuDNN and loops need it.
        max_length = tf.maximum(tf.reduce_max(lengths), 1)
        real = mask_real_steps(lengths, max_length)
        inputs = _resize_steps(inputs, max_length)
        # Multiplying by the mask would not remove NaN from the inputs and gradients, because NaN * 0 is NaN.
        inputs = tf.where(real, inputs, tf.zeros([], inputs.dtype))

        states = self._make_initial_states(initial_state, batch)
        outputs, states = _run_cell(self.cell, inputs, lengths, states, training)

        outputs = tf.where(real, outputs, tf.zeros([], outputs.dtype))
        outputs = tf.ensure_shape(_resize_steps(outputs, steps), [static_steps, None, None])
        if not self.time_major:
            outputs = tf.transpose(outputs, [1, 0, 2])
        return outputs, states

    def _make_initial_states(self, initial_state: Nest, batch: tf.Tensor) -> Nest:
        """Makes the initial states of all rows, in the structure of the cell's states."""
        zeros = self.cell.get_initial_state(batch_size=batch)
        if initial_state is not None:
            return tf.nest.pack_sequence_as(zeros, tf.nest.flatten(initial_state))
        if not self.trainable_initial_state:
            return zeros
        initial_states = []
        for state in self.initial_states:
            row = tf.convert_to_tensor(state)[tf.newaxis]
            initial_states.append(tf.tile(row, [batch, 1]))
        return tf.nest.pack_sequence_as(zeros, initial_states)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "time_major": self.time_major,
            "trainable_initial_state": self.trainable_initial_state,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DynamicRNN:
        """Makes the layer from the result of `get_config`."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class BidirectionalRNN(keras.layers.Layer):
    """Runs one cell forward and one cell backward over the real steps of each row of a padded batch.

    Padding is treated as in `DynamicRNN`. The backward outputs are returned in the order of the steps::

        steps                     a  b  c  -
        backward cell reads       c  b  a  -
        backward outputs          A  B  C  0

    Source: Schuster and Paliwal 1997, "Bidirectional Recurrent Neural Networks".

    Args:
      cell_fw: The cell that reads each row from its first real step to its last.
      cell_bw: The cell that reads each row from its last real step to its first. Must not be the same object as
        `cell_fw`.
      time_major: As in `DynamicRNN`.
      trainable_initial_state: As in `DynamicRNN`, for each direction.

    Raises:
      ValueError: if the two cells are the same object.
    """

    def __init__(
        self,
        cell_fw: keras.layers.Layer,
        cell_bw: keras.layers.Layer,
        time_major: bool = False,
        trainable_initial_state: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": cell_fw.dtype_policy, **kwargs})
        if cell_fw is cell_bw:
            raise ValueError("`cell_fw` and `cell_bw` must be two cells with their own weights, but are one object.")
        self.time_major = time_major
        self.forward = DynamicRNN(cell_fw, time_major, trainable_initial_state, name="forward")
        self.backward = DynamicRNN(cell_bw, time_major, trainable_initial_state, name="backward")
        self.supports_jit = False

    def build(self, input_shape: Shape) -> None:
        """Builds both directions."""
        self.forward.build(input_shape)
        self.backward.build(input_shape)

    def call(
        self,
        inputs: tf.Tensor,
        lengths: tf.Tensor,
        initial_state: Nest = None,
        training: bool = False,
        inputs_mask: tf.Tensor | None = None,
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], tuple[Nest, Nest]]:
        """Runs both cells over a batch.

        The arguments and errors are those of `DynamicRNN`, except that `initial_state` is a pair (forward, backward).

        Returns:
          Outputs (forward, backward), each `[B, T, U]`; and the final states (forward, backward). The final backward
          states are those after the first step of the row, which the backward cell reads last.
        """
        refuse_keras_mask(self, inputs_mask)
        state_fw, state_bw = initial_state or (None, None)
        out_fw, state_fw = self.forward(inputs, lengths, state_fw, training=training)
        out_bw, state_bw = self.backward(self._reverse_steps(inputs, lengths), lengths, state_bw, training=training)
        return (out_fw, self._reverse_steps(out_bw, lengths)), (state_fw, state_bw)

    def _reverse_steps(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Reverses the real steps of each row. Padding stays at the end."""
        time, batch = (0, 1) if self.time_major else (1, 0)
        return tf.reverse_sequence(steps, lengths, seq_axis=time, batch_axis=batch)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {
            **super().get_config(),
            "cell_fw": keras.saving.serialize_keras_object(self.forward.cell),
            "cell_bw": keras.saving.serialize_keras_object(self.backward.cell),
            "time_major": self.time_major,
            "trainable_initial_state": self.forward.trainable_initial_state,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BidirectionalRNN:
        """Makes the layer from the result of `get_config`."""
        cells = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("cell_fw", "cell_bw")}
        return cls(**{**config, **cells})


def dynamic_rnn(
    cell: keras.layers.Layer,
    inputs: tf.Tensor,
    lengths: tf.Tensor | Sequence[int],
    initial_state: Nest = None,
    *,
    time_major: bool = False,
    training: bool = False,
) -> tuple[tf.Tensor, Nest]:
    """Runs a cell over a padded batch, as the layer `DynamicRNN` does. The cell owns the weights."""
    layer = DynamicRNN(cell, time_major)
    return layer(inputs, _convert_lengths(lengths), initial_state, training=training)


def bidirectional_dynamic_rnn(
    cell_fw: keras.layers.Layer,
    cell_bw: keras.layers.Layer,
    inputs: tf.Tensor,
    lengths: tf.Tensor | Sequence[int],
    initial_state: Nest = None,
    *,
    time_major: bool = False,
    training: bool = False,
) -> tuple[tuple[tf.Tensor, tf.Tensor], tuple[Nest, Nest]]:
    """Runs two cells over a padded batch, as the layer `BidirectionalRNN` does. The cells own the weights."""
    layer = BidirectionalRNN(cell_fw, cell_bw, time_major)
    return layer(inputs, _convert_lengths(lengths), initial_state, training=training)


def _convert_lengths(lengths: tf.Tensor | Sequence[int]) -> tf.Tensor:
    """Converts a list to a tensor, because Keras would treat each number of the list as an argument of its own."""
    return tf.convert_to_tensor(lengths) if isinstance(lengths, list | tuple) else lengths


def _run_cell(
    cell: keras.layers.Layer, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool
) -> tuple[tf.Tensor, Nest]:
    """Runs a cell over all steps `[T, B, D]`. Keras cells have no `unroll`, so they run in a loop."""
    if hasattr(cell, "unroll"):
        return cell.unroll(inputs, lengths, states, training)

    def run_step(step_inputs: Nest, states: Nest) -> tuple[tf.Tensor, Nest]:
        return cell(step_inputs, states, training=training)

    return loop_over_steps(run_step, inputs, lengths, states)


def _check_lengths(lengths: tf.Tensor | None, steps: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Checks that each row has a length in 0..T, and returns the lengths as int32 `[B]`.

    Raises:
      ValueError: if there are no lengths.
      TypeError: if they are not integers.
      tf.errors.InvalidArgumentError: if there is not one per row, or one is not in 0..T.
    """
    if lengths is None:
        raise ValueError("`lengths` must be an int tensor [B], the number of real steps of each row, but is None.")
    lengths = tf.convert_to_tensor(lengths)
    if not lengths.dtype.is_integer:
        raise TypeError(f"`lengths` must be integers, but has type {lengths.dtype.name}.")
    lengths = tf.cast(lengths, tf.int32)
    tf.debugging.assert_equal(tf.shape(lengths), [batch], "`lengths` must have one entry for each row of `inputs`")
    tf.debugging.assert_non_negative(lengths, "`lengths` must not be negative")
    tf.debugging.assert_less_equal(lengths, steps, "`lengths` must not be greater than T, the steps of `inputs`")
    return lengths


def _resize_steps(steps: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Cuts off or adds steps of zeros at the end, so that `[T, B, D]` becomes `[length, B, D]`."""
    missing = tf.maximum(length - tf.shape(steps)[0], 0)
    return tf.pad(steps[:length], [[0, missing], [0, 0], [0, 0]])
