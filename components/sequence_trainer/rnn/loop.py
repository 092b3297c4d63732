"""The loop over steps that all recurrent cells share, and what their fused operations need beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Nest = Any
"""A tensor, or lists of tensors nested to any depth."""

Step = Callable[[Nest, Nest], tuple[tf.Tensor, Nest]]
"""(what one step reads [B, ...], states [B, ...]) -> (output [B, U], states [B, ...])."""


def real_steps(lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Returns the time-major mask of real steps: bool `[T, B, 1]` from int32 `[B]` lengths and the scalar T."""
    return tf.range(steps)[:, tf.newaxis, tf.newaxis] < lengths[:, tf.newaxis]


def loop_over_steps(step: Step, inputs: Nest, lengths: tf.Tensor, states: Nest) -> tuple[tf.Tensor, Nest]:
    """Runs `step` over time, and keeps the states of a row as they are once the row has ended.

    ::

        outputs[t], new = step(inputs[t], states)
        states          = new where t < lengths, else states

    Args:
      step: Computes one step.
      inputs: Nest of `[T, B, ...]`. Values at padded steps must be finite; they change nothing.
      lengths: int32 `[B]`, each within 0..T.
      states: Nest of `[B, ...]`; `step` must keep its structure, shapes and dtypes.

    Returns:
      Outputs `[T, B, U]`, finite and without meaning at padded steps, and the states after each row's last real step.
    """
    flat_inputs = tf.nest.flatten(inputs)
    steps = tf.shape(flat_inputs[0])[0]
    real = real_steps(lengths, steps)
    output_dtype = tf.nest.flatten(states)[0].dtype
    arrays = [tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x) for x in flat_inputs]

    def body(t: tf.Tensor, outputs: tf.TensorArray, states: Nest) -> tuple[tf.Tensor, tf.TensorArray, Nest]:
        inputs_at_t = tf.nest.pack_sequence_as(inputs, [array.read(t) for array in arrays])
        output, new_states = step(inputs_at_t, states)
        new_states = tf.nest.map_structure(lambda new, old: tf.where(real[t], new, old), new_states, states)
        return t + 1, outputs.write(t, output), new_states

    start = (tf.constant(0), tf.TensorArray(output_dtype, steps), states)
    _, outputs, states = tf.while_loop(lambda t, *_: t < steps, body, start)
    return outputs.stack(), states


def forbid_second_derivative(*values: tf.Tensor) -> list[tf.Tensor]:
    """Returns the values for use in a hand-written gradient, whose own gradient is then refused instead of wrong."""
    message = "The fused LSTM and GRU have no second derivative: give the cell dtype='float64', which runs the loop."
    return [tf.raw_ops.PreventGradient(input=value, message=message) for value in values]
