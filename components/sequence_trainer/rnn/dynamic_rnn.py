"""Layers and functions that run a recurrent cell over padded batches of sequences of unequal length.

The length of each row is required, and padding changes nothing::

    inputs  a b c    lengths 3    outputs  A B C    final states   after c
            d - -            1             D 0 0                   after d
            - - -            0             0 0 0                   the initial ones
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, loop_over_steps, real_steps


@keras.saving.register_keras_serializable("tfx_sequence")
class DynamicRNN(keras.layers.Layer):
    """Runs a cell over each row of a padded batch, for as many steps as the row has.

    A padded step outputs exactly zero, and the final states are those of the last real step: the initial ones for a
    row of length zero. What stands in `inputs` at padded steps, NaN included, changes no number and no gradient.

    Args:
      cell: A cell of this package, or any Keras RNN cell. Its dtype policy is the layer's too, unless one is given.
      time_major: Whether inputs and outputs are `[T, B, ...]` in place of `[B, T, ...]`. Saves two transpositions.
      trainable_initial_state: Whether the states that a row starts from are weights, which start at zero; if not, they
        stay zero.
    """

    def __init__(
        self, cell: Any, time_major: bool = False, trainable_initial_state: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": cell.dtype_policy, **kwargs})
        self.cell = cell
        self.time_major = time_major
        self.trainable_initial_state = trainable_initial_state
        # Keras would compile a model for XLA where it finds a GPU, but the fused operations have no XLA kernel.
        self.supports_jit = False

    def build(self, input_shape: Any) -> None:
        """Builds the cell for one step of the input."""
        if not self.cell.built:
            self.cell.build((input_shape[1 if self.time_major else 0], *input_shape[2:]))
        if self.trainable_initial_state:
            self.initial_states = [
                self.add_weight(shape=(size,), initializer="zeros", name="initial_state")
                for size in tf.nest.flatten(self.cell.state_size)
            ]

    def call(
        self, inputs: tf.Tensor, lengths: tf.Tensor, initial_state: Nest = None, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Runs the cell.

        Args:
          inputs: `[B, T, D]`, or `[T, B, D]` if time-major; padded on the right.
          lengths: int `[B]`, the real steps of each row, each within 0..T. Zero is allowed.
          initial_state: Nest of `[B, S]` that matches the cell's `state_size`; zeros, or the weights, if None.
          training: Whether dropout and its like are on.

        Returns:
          Outputs `[B, T, U]`, or `[T, B, U]` if time-major, and the final states, a nest of `[B, S]`.

        Raises:
          ValueError: if `lengths` is None.
          TypeError: if `lengths` is not of an integer type.
          tf.errors.InvalidArgumentError: if `lengths` is not of shape `[B]`, or one is negative or greater than T.
        """
        if not self.time_major:
            inputs = tf.transpose(inputs, [1, 0, 2])
        static_steps = inputs.shape[0]
        steps, batch = tf.unstack(tf.shape(inputs)[:2])
        lengths = _check_lengths(lengths, steps, batch)

        # Steps that are padding in all rows are cut off, but one step always stays: cuDNN and loops need one.
        longest = tf.maximum(tf.reduce_max(lengths), 1)
        real = real_steps(lengths, longest)
        inputs = _resize_steps(inputs, longest)
        # Not a product with the mask: NaN times 0 is NaN, and so would be the gradient.
        inputs = tf.where(real, inputs, tf.zeros([], inputs.dtype))

        states = self._make_first_states(initial_state, batch)
        outputs, states = _run_cell(self.cell, inputs, lengths, states, training)

        outputs = tf.where(real, outputs, tf.zeros([], outputs.dtype))
        outputs = tf.ensure_shape(_resize_steps(outputs, steps), [static_steps, None, None])
        return outputs if self.time_major else tf.transpose(outputs, [1, 0, 2]), states

    def _make_first_states(self, initial_state: Nest, batch: tf.Tensor) -> Nest:
        """Makes the states that rows start from, in the cell's own structure."""
        zeros = self.cell.get_initial_state(batch_size=batch)
        if initial_state is not None:
            return tf.nest.pack_sequence_as(zeros, tf.nest.flatten(initial_state))
        if not self.trainable_initial_state:
            return zeros
        rows = [tf.convert_to_tensor(state)[tf.newaxis] for state in self.initial_states]
        return tf.nest.pack_sequence_as(zeros, [tf.tile(row, [batch, 1]) for row in rows])

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
        """Makes the layer from what `get_config` returned."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class BidirectionalRNN(keras.layers.Layer):
    """Reads each row from its first real step to its last, and from its last real step to its first.

    Both readings treat padding as `DynamicRNN` does. The backward outputs stand at the steps that they belong to::

        steps                  a  b  c  -
        the backward cell      c  b  a  -      reads, and outputs in this order
        backward outputs       A  B  C  0

    Source: Schuster and Paliwal 1997, "Bidirectional Recurrent Neural Networks".

    Args:
      cell_fw: The cell that reads forward.
      cell_bw: The cell that reads backward; another object than `cell_fw`.
      time_major: As in `DynamicRNN`.
      trainable_initial_state: As in `DynamicRNN`, for each direction.

    Raises:
      ValueError: if the two cells are one object.
    """

    def __init__(
        self,
        cell_fw: Any,
        cell_bw: Any,
        time_major: bool = False,
        trainable_initial_state: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"dtype": cell_fw.dtype_policy, **kwargs})
        if cell_fw is cell_bw:
            raise ValueError("`cell_fw` and `cell_bw` must be two cells, each with its weights, but are one object.")
        self.time_major = time_major
        self.forward = DynamicRNN(cell_fw, time_major, trainable_initial_state, name="forward")
        self.backward = DynamicRNN(cell_bw, time_major, trainable_initial_state, name="backward")
        self.supports_jit = False

    def build(self, input_shape: Any) -> None:
        """Builds both directions."""
        self.forward.build(input_shape)
        self.backward.build(input_shape)

    def call(
        self, inputs: tf.Tensor, lengths: tf.Tensor, initial_state: Nest = None, training: bool = False
    ) -> tuple[tuple[tf.Tensor, tf.Tensor], tuple[Nest, Nest]]:
        """Runs both cells. Arguments and errors are those of `DynamicRNN`; `initial_state` is a pair.

        Returns:
          Outputs (forward, backward), each `[B, T, U]`, and the final states (forward, backward). The backward states
          are those after the first step of the row, the last that the cell read.
        """
        state_fw, state_bw = initial_state or (None, None)
        out_fw, state_fw = self.forward(inputs, lengths, state_fw, training=training)
        out_bw, state_bw = self.backward(self._reverse(inputs, lengths), lengths, state_bw, training=training)
        return (out_fw, self._reverse(out_bw, lengths)), (state_fw, state_bw)

    def _reverse(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Reverses the real steps of each row, and leaves padding where it is."""
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
        """Makes the layer from what `get_config` returned."""
        cells = {name: keras.saving.deserialize_keras_object(config[name]) for name in ("cell_fw", "cell_bw")}
        return cls(**{**config, **cells})


def dynamic_rnn(
    cell: Any,
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    initial_state: Nest = None,
    *,
    time_major: bool = False,
    training: bool = False,
) -> tuple[tf.Tensor, Nest]:
    """Runs a cell over a padded batch, as the layer `DynamicRNN` does. The weights are the cell's."""
    layer = DynamicRNN(cell, time_major)
    return layer(inputs, _as_tensor(lengths), initial_state, training=training)


def bidirectional_dynamic_rnn(
    cell_fw: Any,
    cell_bw: Any,
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    initial_state: Nest = None,
    *,
    time_major: bool = False,
    training: bool = False,
) -> tuple[tuple[tf.Tensor, tf.Tensor], tuple[Nest, Nest]]:
    """Runs two cells over a padded batch, as the layer `BidirectionalRNN` does. The weights are the cells'."""
    layer = BidirectionalRNN(cell_fw, cell_bw, time_major)
    return layer(inputs, _as_tensor(lengths), initial_state, training=training)


def _as_tensor(lengths: Any) -> Any:
    """Makes a tensor of a list, which Keras would take for a list of arguments."""
    return tf.convert_to_tensor(lengths) if isinstance(lengths, list | tuple) else lengths


def _run_cell(cell: Any, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool) -> tuple[tf.Tensor, Nest]:
    """Runs any cell over `[T, B, D]`: one of ours in its own way, one of Keras, which has no `unroll`, by the loop."""
    if hasattr(cell, "unroll"):
        return cell.unroll(inputs, lengths, states, training)
    return loop_over_steps(
        lambda step_inputs, states: cell(step_inputs, states, training=training), inputs, lengths, states
    )


def _check_lengths(lengths: Any, steps: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """Checks that there is a length within 0..T for each row, and returns them as int32 `[B]`."""
    if lengths is None:
        raise ValueError("`lengths` must give the number of real steps of each row, an int tensor [B], but is None.")
    lengths = tf.convert_to_tensor(lengths)
    if not lengths.dtype.is_integer:
        raise TypeError(f"`lengths` must be integers, but is of type {lengths.dtype.name}.")
    lengths = tf.cast(lengths, tf.int32)
    tf.debugging.assert_equal(tf.shape(lengths), [batch], "`lengths` must have one entry for each row of `inputs`")
    tf.debugging.assert_non_negative(lengths, "`lengths` must not be negative")
    tf.debugging.assert_less_equal(lengths, steps, "`lengths` must not be greater than T, the steps of `inputs`")
    return lengths


def _resize_steps(steps: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """Cuts `[T, B, D]` to `length` steps, or pads it with zeros to as many."""
    missing = tf.maximum(length - tf.shape(steps)[0], 0)
    return tf.pad(steps[:length], [[0, missing], [0, 0], [0, 0]])
