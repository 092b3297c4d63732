"""The LSTM over a whole sequence: TensorFlow's one-op forward pass with a backward pass of our own.

`BlockLSTMV2` runs all steps in one operation. Its own gradient is not used: TensorFlow registers for it the one of
`BlockLSTM`, whose gates stand in another order, and `BlockLSTMGradV2` multiplies weight gradients step by step. Here
the backward loop has one matrix product a step, for the state alone, and the gradients of the weights and of the
inputs are three large products after it. With B = 32, D = 150, U = 128 this takes about half the time of both.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.first_order import first_order_only
from tfx_sequence.components.sequence_trainer.loop import real_steps

Gradient = Callable[..., tuple[tf.Tensor | None, ...]]


@tf.custom_gradient
def fused_lstm(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tuple[tf.Tensor, tf.Tensor, tf.Tensor], Gradient]:
    """Runs an LSTM without peepholes over padded rows.

    Args:
      inputs: float32 `[T, B, D]`, finite at padded steps.
      lengths: int32 `[B]`, each within 0..T.
      h: Initial output `[B, U]`.
      c: Initial cell state `[B, U]`.
      kernel: `[D, 4U]`, gates in the order i, f, g, o, as in all weights here.
      recurrent_kernel: `[U, 4U]`.
      bias: `[4U]`.

    Returns:
      Outputs `[T, B, U]`, whose values at padded steps mean nothing, and h and c `[B, U]` after each last real step.
    """
    no_peephole = tf.zeros([recurrent_kernel.shape[0]], inputs.dtype)
    forward = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(inputs, out_type=tf.int64)[0],
        x=inputs,
        cs_prev=c,
        h_prev=h,
        w=tf.concat([kernel, recurrent_kernel], 0),
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
    )
    hs_before = tf.concat([h[tf.newaxis], forward.h], 0)
    cs_before = tf.concat([c[tf.newaxis], forward.cs], 0)
    last = tf.stack([lengths, tf.range(tf.size(lengths))], 1)

    def grad(d_hs: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        i, f, g, o, tanh_c, before = first_order_only(
            forward.i, forward.f, forward.ci, forward.o, forward.co, cs_before[:-1]
        )
        # d(gate before its activation) = (d_c, d_c, d_c, d_h) * factors. Where a row is padding, the factors are zero
        # and f is one, so that d_c passes through to the last real step.
        factors = tf.concat([g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o)], 2)
        real = real_steps(lengths, tf.shape(inputs)[0])
        factors = tf.where(real, factors, tf.zeros_like(factors))
        through_c = tf.where(real, o * (1 - tanh_c * tanh_c), tf.zeros_like(o))
        keep = tf.where(real, f, tf.ones_like(f))
        # Entry t + 1 is the gradient after step t, entry 0 that of the initial state.
        d_outputs = tf.tensor_scatter_nd_add(tf.pad(d_hs, [[1, 0], [0, 0], [0, 0]]), last, d_h)
        transposed = tf.transpose(recurrent_kernel)

        def body(
            t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, d_gates: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
            d_h += d_outputs[t + 1]
            d_c += d_h * through_c[t]
            d_gate = tf.concat([d_c, d_c, d_c, d_h], 1) * factors[t]
            return t - 1, tf.matmul(d_gate, transposed), d_c * keep[t], d_gates.write(t, d_gate)

        steps = tf.shape(inputs)[0]
        start = (steps - 1, tf.zeros_like(d_h), d_c, tf.TensorArray(inputs.dtype, steps))
        _, d_h, d_c, d_gates = tf.while_loop(lambda t, *_: t >= 0, body, start)
        d_gate = tf.reshape(d_gates.stack(), [-1, bias.shape[0]])
        flat_inputs = tf.reshape(inputs, [-1, kernel.shape[0]])
        flat_hs = tf.reshape(hs_before[:-1], [-1, recurrent_kernel.shape[0]])
        return (
            tf.reshape(tf.matmul(d_gate, kernel, transpose_b=True), tf.shape(inputs)),
            None,
            d_h + d_outputs[0],
            d_c,
            tf.matmul(flat_inputs, d_gate, transpose_a=True),
            tf.matmul(flat_hs, d_gate, transpose_a=True),
            tf.reduce_sum(d_gate, 0),
        )

    return (forward.h, tf.gather_nd(hs_before, last), tf.gather_nd(cs_before, last)), grad
