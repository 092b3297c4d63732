"""The loop over steps that all recurrent cells share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Nest = Any
"""A tensor, or lists of tensors nested to any depth."""

Step = Callable[[Nest, Nest], tuple[tf.Tensor, Nest]]
"""(what one step reads [B, ...], states [B, ...]) -> (output [B, U], states [B, ...])."""


def real_steps(lengths: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """The mask of real steps, time-major: bool `[T, B, 1]` from int32 `[B]` lengths and the scalar T."""
    return tf.range(steps)[:, tf.newaxis, tf.newaxis] < lengths[:, tf.newaxis]


def loop(step: Step, inputs: Nest, lengths: tf.Tensor, states: Nest) -> tuple[tf.Tensor, Nest]:
    """Runs `step` over time, and keeps the states of a row as they are once the row has ended.

    ::

        outputs[t], new = step(inputs[t], states)
        states          = new where t < lengths, else states

    Args:
      step: What is done at each step.
      inputs: Nest of `[T, B, ...]`. Values at padded steps must be finite; they change nothing.
      lengths: int32 `[B]`, each within 0..T.
      states: Nest of `[B, ...]`; `step` must keep its structure, shapes and dtypes.

    Returns:
      Outputs `[T, B, U]`, finite and without meaning at padded steps, and the states after each row's last real step.
    """
    flat = tf.nest.flatten(inputs)
    steps = tf.shape(flat[0])[0]
    real = real_steps(lengths, steps)
    dtype = tf.nest.flatten(states)[0].dtype

    def body(t: tf.Tensor, outputs: tf.TensorArray, states: Nest) -> tuple[tf.Tensor, tf.TensorArray, Nest]:
        output, new = step(tf.nest.pack_sequence_as(inputs, [feed.read(t) for feed in feeds]), states)
        new = tf.nest.map_structure(lambda after, before: tf.where(real[t], after, before), new, states)
        return t + 1, outputs.write(t, output), new

    feeds = [tf.TensorArray(x.dtype, steps, element_shape=x.shape[1:]).unstack(x) for x in flat]
    start = (tf.constant(0), tf.TensorArray(dtype, steps), states)
    _, outputs, states = tf.while_loop(lambda t, *_: t < steps, body, start)
    return outputs.stack(), states
