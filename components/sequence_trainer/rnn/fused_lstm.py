"""The LSTM over a whole sequence: TensorFlow's one-op forward pass, with a backward pass of our own.

`BlockLSTMV2` runs all steps in one operation. Its own gradient is not used: TensorFlow registers for it the one of
`BlockLSTM`, whose gates stand in another order, and `BlockLSTMGradV2` multiplies weight gradients step by step. Here
the backward loop has one matrix product a step, for the state alone, and the gradients of the weights and of the
inputs are three large products after it. With B = 32, D = 150, U = 128 this takes about half the time of both.

The outputs of two rows with 3 and 1 real steps; `h0` is the initial one, `-` what padding made::

    forward.h    entry  0   1   2         `[T, B, U]`
      row 0             a   b   c
      row 1             d   -   -
    hs           entry  0   1   2   3     `[T + 1, B, U]`: step t reads entry t and writes entry t + 1
      row 0             h0  a   b   c
      row 1             h0  d   -   -

The final state of a row is `hs[length]`: c and d here, and h0 for a row of length 0.
Cell states are kept alike, and so are the gradients of outputs and states.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import forbid_second_derivative, real_steps

Gradient = Callable[..., list[tf.Tensor | None]]


class Slopes(NamedTuple):
    """The factors by which gradients go back through each step, computed for all steps at once.

    Attributes:
      gates: `[T, B, 4U]`; the gradient of the gates before their activations is (d_c, d_c, d_c, d_h) * gates.
      h_to_c: `[T, B, U]`; d_h adds d_h * h_to_c to d_c.
      c_to_c: `[T, B, U]`; d_c before the step is d_c after it * c_to_c.
    """

    gates: tf.Tensor
    h_to_c: tf.Tensor
    c_to_c: tf.Tensor


def fused_lstm(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    peephole: tf.Tensor | None = None,
    cell_clip: float | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs an LSTM over padded rows.

    Args:
      inputs: float32 `[T, B, D]`, finite at padded steps.
      lengths: int32 `[B]`, each within 0..T.
      h: Initial output `[B, U]`.
      c: Initial cell state `[B, U]`.
      kernel: `[D, 4U]`, gates in the order i, f, g, o, as in all weights here.
      recurrent_kernel: `[U, 4U]`.
      bias: `[4U]`.
      peephole: `[3, U]` for the gates i, f, o; none if None.
      cell_clip: The largest absolute value of c; no bound if None.

    Returns:
      Outputs `[T, B, U]`, whose values at padded steps mean nothing, and h and c `[B, U]` after each last real step.
    """
    weights = [kernel, recurrent_kernel, bias, *([] if peephole is None else [peephole])]

    @tf.custom_gradient
    def run(inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *weights: tf.Tensor) -> tuple[Any, Gradient]:
        forward = _run_forward(inputs, h, c, *weights, cell_clip=cell_clip)
        hs = tf.concat([h[tf.newaxis], forward.h], 0)
        cs = tf.concat([c[tf.newaxis], forward.cs], 0)
        last = tf.stack([lengths, tf.range(tf.size(lengths))], 1)

        def grad(d_hs: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor) -> list[tf.Tensor | None]:
            slopes = _compute_slopes(forward, cs[:-1], lengths, cell_clip, *weights[3:])
            # The final h of a row is one of its outputs, so their gradients are added up. Entries are those of `hs`.
            d_hs = tf.tensor_scatter_nd_add(tf.pad(d_hs, [[1, 0], [0, 0], [0, 0]]), last, d_h)
            d_gates, d_h, d_c = _run_backward(slopes, d_hs[1:], d_c, weights[1])
            d_inputs = tf.reshape(tf.matmul(d_gates, weights[0], transpose_b=True), tf.shape(inputs))
            d_weights = _compute_weight_gradients(d_gates, inputs, hs[:-1], cs, len(weights))
            return [d_inputs, d_h + d_hs[0], d_c, *d_weights]

        return (forward.h, tf.gather_nd(hs, last), tf.gather_nd(cs, last)), grad

    return run(inputs, h, c, *weights)


def _run_forward(
    inputs: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
    peephole: tf.Tensor | None = None,
    *,
    cell_clip: float | None,
) -> Any:
    """Runs all steps.

    Returns:
      The gates i, f, ci (g) and o, the states cs and h, and co (tanh of cs), each `[T, B, U]`.
    """
    no_peephole = tf.zeros([recurrent_kernel.shape[0]], inputs.dtype)
    peep_i, peep_f, peep_o = [no_peephole] * 3 if peephole is None else tf.unstack(peephole)
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(inputs, out_type=tf.int64)[0],
        x=inputs,
        cs_prev=c,
        h_prev=h,
        w=tf.concat([kernel, recurrent_kernel], 0),
        wci=peep_i,
        wcf=peep_f,
        wco=peep_o,
        b=bias,
        cell_clip=cell_clip or 0.0,  # 0 is no bound.
        use_peephole=peephole is not None,
    )


def _compute_slopes(
    forward: Any, before: tf.Tensor, lengths: tf.Tensor, cell_clip: float | None, peephole: tf.Tensor | None = None
) -> Slopes:
    """Computes the slopes of every step, from its gates and from the cell state before it `[T, B, U]`."""
    i, f, g, o, c, tanh_c, before = forbid_second_derivative(
        forward.i, forward.f, forward.ci, forward.o, forward.cs, forward.co, before
    )
    # Where a row is padding all slopes are zero, but d_c goes through to the last real step. A cell state that was
    # clipped does not move with what it was made of.
    real = real_steps(lengths, tf.shape(i)[0])
    moves = real if cell_clip is None else real & (tf.abs(c) < cell_clip)
    to_i = tf.where(moves, g * i * (1 - i), 0.0)
    to_f = tf.where(moves, before * f * (1 - f), 0.0)
    to_g = tf.where(moves, i * (1 - g * g), 0.0)
    to_o = tf.where(real, tanh_c * o * (1 - o), 0.0)
    h_to_c = tf.where(real, o * (1 - tanh_c * tanh_c), 0.0)
    c_to_c = tf.where(moves, f, tf.cast(~real, f.dtype))
    if peephole is not None:
        peep_i, peep_f, peep_o = tf.unstack(peephole)
        h_to_c += to_o * peep_o
        c_to_c += to_i * peep_i + to_f * peep_f
    return Slopes(tf.concat([to_i, to_f, to_g, to_o], 2), h_to_c, c_to_c)


def _run_backward(
    slopes: Slopes, d_hs: tf.Tensor, d_c: tf.Tensor, recurrent_kernel: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs the recurrence backwards.

    Returns:
      The gradients of all gates, `[T * B, 4U]`, and of the states that the first step read, h and c, each `[B, U]`.
    """
    transposed = tf.transpose(recurrent_kernel)

    def body(
        t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, array: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
        d_h += d_hs[t]
        d_c += d_h * slopes.h_to_c[t]
        d_gates = tf.concat([d_c, d_c, d_c, d_h], 1) * slopes.gates[t]
        return t - 1, tf.matmul(d_gates, transposed), d_c * slopes.c_to_c[t], array.write(t, d_gates)

    steps = tf.shape(d_hs)[0]
    start = (steps - 1, tf.zeros_like(d_c), d_c, tf.TensorArray(d_c.dtype, steps))
    _, d_h, d_c, array = tf.while_loop(lambda t, *_: t >= 0, body, start)
    return tf.reshape(array.stack(), [-1, recurrent_kernel.shape[1]]), d_h, d_c


def _compute_weight_gradients(
    d_gates: tf.Tensor, inputs: tf.Tensor, hs_before: tf.Tensor, cs: tf.Tensor, count: int
) -> list[tf.Tensor]:
    """Computes the gradients of kernel, recurrent kernel and bias, and of the peepholes if `count` is four.

    All steps of all rows are laid end to end, `[T * B, ...]`, so that each matrix takes one product.
    """
    flat_inputs = tf.reshape(inputs, [-1, inputs.shape[2]])
    flat_hs = tf.reshape(hs_before, [-1, hs_before.shape[2]])
    d_kernel = tf.matmul(flat_inputs, d_gates, transpose_a=True)
    d_recurrent_kernel = tf.matmul(flat_hs, d_gates, transpose_a=True)
    gradients = [d_kernel, d_recurrent_kernel, tf.reduce_sum(d_gates, 0)]
    if count == 4:
        d_i, d_f, _, d_o = tf.split(d_gates, 4, axis=1)
        # The gates i and f see the cell state before the step, o the one after it.
        before = tf.reshape(cs[:-1], [-1, cs.shape[2]])
        after = tf.reshape(cs[1:], [-1, cs.shape[2]])
        d_peepholes = [tf.reduce_sum(part, 0) for part in (d_i * before, d_f * before, d_o * after)]
        gradients.append(tf.stack(d_peepholes))
    return gradients
