"""The loop over steps that runs recurrent cells, and helpers for the fused LSTM and GRU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Nest = Any
"""A tensor, or lists of tensors that are nested to any depth, as in `tf.nest`."""

Shape = tuple[int | None, ...]
"""The static shape of a tensor, where None is a size that is not known yet."""

Step = Callable[[Nest, Nest], tuple[tf.Tensor, Nest]]
"""A function that computes one step: (inputs [B, ...], states [B, ...]) -> (output [B, U], states [B, ...])."""


def mask_real_steps(lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Returns the mask of the real steps, time-major.

    Args:
      lengths: The number of real steps of each row, int32 `[B]`.
      steps: The number of steps T, an int32 scalar.

    Returns:
      Whether each step is not padding, bool `[T, B, 1]`.
    """
    return tf.range(steps)[:, tf.newaxis, tf.newaxis] < lengths[:, tf.newaxis]


def loop_over_steps(step: Step, inputs: Nest, lengths: tf.Tensor, states: Nest) -> tuple[tf.Tensor, Nest]:
    """Runs `step` over time. The states of a row no longer change after its last real step.

    ::

        outputs[t], new_states = step(inputs[t], states)
        states                 = new_states where t < lengths, else states

    Args:
      step: Computes one step.
      inputs: A nest of `[T, B, ...]`. Values at padded steps must be finite, but do not change the result.
      lengths: The number of real steps of each row, int32 `[B]`, each in 0..T.
      states: A nest of `[B, ...]`. `step` must return states with the same structure, shapes and dtypes.

    Returns:
      Outputs `[T, B, U]`, which are finite but meaningless at padded steps; and the states after each row's last real
      step.
    """
    flat_inputs = tf.nest.flatten(inputs)
    steps = tf.shape(flat_inputs[0])[0]
    real = mask_real_steps(lengths, steps)
    output_dtype = tf.nest.flatten(states)[0].dtype
    input_arrays = [tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x) for x in flat_inputs]

    def run_step(t: tf.Tensor, outputs: tf.TensorArray, states: Nest) -> tuple[tf.Tensor, tf.TensorArray, Nest]:
        flat_inputs_at_t = [array.read(t) for array in input_arrays]
        output, new_states = step(tf.nest.pack_sequence_as(inputs, flat_inputs_at_t), states)
        new_states = tf.nest.map_structure(lambda new, old: tf.where(real[t], new, old), new_states, states)
        return t + 1, outputs.write(t, output), new_states

    start = (tf.constant(0), tf.TensorArray(output_dtype, steps), states)
    _, outputs, states = tf.while_loop(lambda t, *_: t < steps, run_step, start)
    return outputs.stack(), states


def forbid_second_derivative(*values: tf.Tensor) -> list[tf.Tensor]:
    """Returns copies of the values that raise an error if they are differentiated.

    A hand-written gradient uses them, because its own gradient would be wrong.
    """
    message = "The fused LSTM and GRU have no second derivative. Use dtype='float64' for the cell, which runs a loop."
    return [tf.raw_ops.PreventGradient(input=value, message=message) for value in values]
