"""Dynamic RNNs over padded batches: the length of each row is required, and padding changes nothing."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, loop, real_steps


def _unroll(cell: Any, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool) -> tuple[tf.Tensor, Nest]:
    """Runs any cell over `[T, B, D]`; Keras' own cells have only `__call__`."""
    if hasattr(cell, "unroll"):
        return cell.unroll(inputs, lengths, states, training)
    return loop(lambda fed, states: cell(fed, states, training=training), inputs, lengths, states)


def _checked_lengths(lengths: Any, steps: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
    """The lengths as int32 `[B]`, each within 0..T."""
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


def _of_length(steps: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    """`[T, B, D]` cut or padded to `length` steps."""
    missing = tf.maximum(length - tf.shape(steps)[0], 0)
    return tf.pad(steps[:length], [[0, missing], [0, 0], [0, 0]])


@keras.saving.register_keras_serializable("tfx_sequence")
class DynamicRNN(keras.layers.Layer):
    """Runs a cell over each row of a padded batch, for as many steps as the row has.

    A padded step outputs exactly zero, and the final states are those of the last real step: the initial ones for a
    row of length zero. What stands in `inputs` at padded steps, NaN included, changes no number and no gradient.

    Args:
      cell: A cell of this package, or any Keras RNN cell.
      time_major: Inputs and outputs are `[T, B, ...]` in place of `[B, T, ...]`. Saves two transpositions.
      trainable_initial_state: The states that a row starts from are weights, from zero; zeros that stay if False.
    """

    def __init__(
        self, cell: Any, time_major: bool = False, trainable_initial_state: bool = False, **kwargs: Any
    ) -> None:
        """Makes the layer; its dtype policy is that of the cell, unless given."""
        super().__init__(**{"dtype": cell.dtype_policy, **kwargs})
        self.cell = cell
        self.time_major = time_major
        self.trainable_initial_state = trainable_initial_state
        # Keras would compile a model for XLA where it finds a GPU; the block operations have no XLA kernel.
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
        total = inputs.shape[0]
        steps, batch = tf.unstack(tf.shape(inputs)[:2])
        lengths = _checked_lengths(lengths, steps, batch)
        # Steps that are padding in all rows are not computed, but one step always is: cuDNN and loops need one.
        longest = tf.maximum(tf.reduce_max(lengths), 1)
        real = real_steps(lengths, longest)
        inputs = _of_length(inputs, longest)
        inputs = tf.where(real, inputs, tf.zeros([], inputs.dtype))
        states = self._first_states(initial_state, batch)
        outputs, states = _unroll(self.cell, inputs, lengths, states, training)
        outputs = tf.where(real, outputs, tf.zeros([], outputs.dtype))
        outputs = tf.ensure_shape(_of_length(outputs, steps), [total, None, None])
        return outputs if self.time_major else tf.transpose(outputs, [1, 0, 2]), states

    def _first_states(self, given: Nest, batch: tf.Tensor) -> Nest:
        """The states that rows start from, in the cell's own structure."""
        zeros = self.cell.get_initial_state(batch_size=batch)
        if given is not None:
            return tf.nest.pack_sequence_as(zeros, tf.nest.flatten(given))
        if not self.trainable_initial_state:
            return zeros
        rows = [tf.convert_to_tensor(state)[tf.newaxis] for state in self.initial_states]
        return tf.nest.pack_sequence_as(zeros, [tf.tile(row, [batch, 1]) for row in rows])

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the layer from."""
        return {
            **super().get_config(),
            "cell": keras.saving.serialize_keras_object(self.cell),
            "time_major": self.time_major,
            "trainable_initial_state": self.trainable_initial_state,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DynamicRNN:
        """Makes the layer that `get_config` described."""
        return cls(**{**config, "cell": keras.saving.deserialize_keras_object(config["cell"])})


@keras.saving.register_keras_serializable("tfx_sequence")
class BidirectionalRNN(keras.layers.Layer):
    """Reads each row from its first real step to its last, and from its last real step to its first.

    Both readings have the contract of `DynamicRNN`; the backward outputs stand at the steps that they belong to
    (Schuster and Paliwal 1997, "Bidirectional Recurrent Neural Networks").

    Args:
      cell_fw: The cell that reads forward.
      cell_bw: The cell that reads backward; another object than `cell_fw`.
      time_major: As in `DynamicRNN`.
      trainable_initial_state: As in `DynamicRNN`, for each direction.
    """

    def __init__(
        self,
        cell_fw: Any,
        cell_bw: Any,
        time_major: bool = False,
        trainable_initial_state: bool = False,
        **kwargs: Any,
    ) -> None:
        """Makes one `DynamicRNN` for each direction."""
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
        """Runs both cells; arguments as in `DynamicRNN`, `initial_state` a pair (forward, backward).

        Returns:
          Outputs (forward, backward), each `[B, T, U]`, and the final states (forward, backward). The backward states
          are those after the first step of the row, the last that the cell read.
        """
        state_fw, state_bw = initial_state or (None, None)
        out_fw, state_fw = self.forward(inputs, lengths, state_fw, training=training)
        out_bw, state_bw = self.backward(self._reverse(inputs, lengths), lengths, state_bw, training=training)
        return (out_fw, self._reverse(out_bw, lengths)), (state_fw, state_bw)

    def _reverse(self, steps: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """The real steps of each row in reverse, padding left where it is."""
        time, batch = (0, 1) if self.time_major else (1, 0)
        return tf.reverse_sequence(steps, lengths, seq_axis=time, batch_axis=batch)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the layer from."""
        return {
            **super().get_config(),
            "cell_fw": keras.saving.serialize_keras_object(self.forward.cell),
            "cell_bw": keras.saving.serialize_keras_object(self.backward.cell),
            "time_major": self.time_major,
            "trainable_initial_state": self.forward.trainable_initial_state,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> BidirectionalRNN:
        """Makes the layer that `get_config` described."""
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
    """`DynamicRNN` as a function: see there. The weights are the cell's."""
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
    """`BidirectionalRNN` as a function: see there. The weights are the cells'."""
    layer = BidirectionalRNN(cell_fw, cell_bw, time_major)
    return layer(inputs, _as_tensor(lengths), initial_state, training=training)


def _as_tensor(lengths: Any) -> Any:
    """A list as a tensor: Keras takes a list for many arguments."""
    return tf.convert_to_tensor(lengths) if isinstance(lengths, list | tuple) else lengths
