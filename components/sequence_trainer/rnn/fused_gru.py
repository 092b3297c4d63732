"""The GRU over a whole sequence: TensorFlow's one-op step, with a backward pass of our own.

`GRUBlockCell` runs one step in one operation; TensorFlow has no gradient for it. The backward loop here multiplies for
the state alone; the gradients of the weights and of the inputs are large products after it. With B = 32, D = 150,
U = 128 this takes about three quarters of the time of the plain loop.

The outputs of two rows with 3 and 1 real steps; `h0` is the initial one, `-` what padding made::

    hs           entry  0   1   2         `[T, B, U]`
      row 0             a   b   c
      row 1             d   -   -
    hs_before    entry  0   1   2   3     `[T + 1, B, U]`: step t reads entry t and writes entry t + 1
      row 0             h0  a   b   c
      row 1             h0  d   -   -

The final state of a row is `hs_before[length]`: c and d here, and h0 for a row of length 0.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import forbid_second_derivative, real_steps

Gradient = Callable[..., tuple[tf.Tensor | None, ...]]


@tf.custom_gradient
def fused_gru(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    h: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tuple[tf.Tensor, tf.Tensor], Gradient]:
    """Runs a GRU over padded rows.

    Args:
      inputs: float32 `[T, B, D]`, finite at padded steps.
      lengths: int32 `[B]`, each within 0..T.
      h: Initial output `[B, U]`.
      kernel: `[D, 3U]`, gates in the order r, z, n, as in all weights here.
      recurrent_kernel: `[U, 3U]`.
      bias: `[3U]`.

    Returns:
      Outputs `[T, B, U]`, whose values at padded steps mean nothing, and h `[B, U]` after each last real step.
    """
    steps, units = tf.shape(inputs)[0], recurrent_kernel.shape[0]
    sizes = [2 * units, units]
    # The operation wants the weights of r and z apart from those of n, and those of the input above the state's.
    kernel_rz, kernel_n = tf.split(tf.concat([kernel, recurrent_kernel], 0), sizes, axis=1)
    bias_rz, bias_n = tf.split(bias, sizes)

    def forward(t: tf.Tensor, h: tf.Tensor, *arrays: tf.TensorArray) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        step = tf.raw_ops.GRUBlockCell(x=inputs[t], h_prev=h, w_ru=kernel_rz, w_c=kernel_n, b_ru=bias_rz, b_c=bias_n)
        return t + 1, step.h, *(array.write(t, value) for array, value in zip(arrays, step, strict=True))

    # What the operation returns of each step: the gates r, z, n and the output h.
    start = (tf.constant(0), h, *(tf.TensorArray(inputs.dtype, steps) for _ in range(4)))
    _, _, *arrays = tf.while_loop(lambda t, *_: t < steps, forward, start)
    *gates, hs = (array.stack() for array in arrays)
    hs_before = tf.concat([h[tf.newaxis], hs], 0)
    last = tf.stack([lengths, tf.range(tf.size(lengths))], 1)

    def grad(d_hs: tf.Tensor, d_h: tf.Tensor) -> tuple[tf.Tensor | None, ...]:
        r, z, n, before = forbid_second_derivative(*gates, hs_before[:-1])
        # Where a row is padding the factors are zero and z is one: d_h passes through to the last real step.
        real = real_steps(lengths, steps)
        factor_r = tf.where(real, before * r * (1 - r), tf.zeros_like(r))
        factor_z = tf.where(real, (before - n) * z * (1 - z), tf.zeros_like(z))
        factor_n = tf.where(real, (1 - z) * (1 - n * n), tf.zeros_like(n))
        keep = tf.where(real, z, tf.ones_like(z))
        recurrent_rz, recurrent_n = (tf.transpose(part) for part in tf.split(recurrent_kernel, sizes, axis=1))

        def backward(
            t: tf.Tensor, d_h: tf.Tensor, d_rz_array: tf.TensorArray, d_n_array: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
            d_h += d_hs[t]
            d_n = d_h * factor_n[t]
            d_rh = tf.matmul(d_n, recurrent_n)  # The gradient of r * h, which n reads.
            d_rz = tf.concat([d_rh * factor_r[t], d_h * factor_z[t]], 1)
            d_h = d_h * keep[t] + d_rh * r[t] + tf.matmul(d_rz, recurrent_rz)
            return t - 1, d_h, d_rz_array.write(t, d_rz), d_n_array.write(t, d_n)

        start = (steps - 1, d_h, *(tf.TensorArray(inputs.dtype, steps) for _ in range(2)))
        _, d_h, d_rz_array, d_n_array = tf.while_loop(lambda t, *_: t >= 0, backward, start)

        # All steps of all rows end to end, [T * B, ...]: one product for each matrix of weights.
        d_rz = tf.reshape(d_rz_array.stack(), [-1, 2 * units])
        d_n = tf.reshape(d_n_array.stack(), [-1, units])
        d_gates = tf.concat([d_rz, d_n], 1)
        d_recurrent_rz = tf.matmul(tf.reshape(before, [-1, units]), d_rz, transpose_a=True)
        d_recurrent_n = tf.matmul(tf.reshape(r * before, [-1, units]), d_n, transpose_a=True)
        d_inputs = tf.reshape(tf.matmul(d_gates, kernel, transpose_b=True), tf.shape(inputs))
        d_kernel = tf.matmul(tf.reshape(inputs, [-1, kernel.shape[0]]), d_gates, transpose_a=True)
        d_recurrent_kernel = tf.concat([d_recurrent_rz, d_recurrent_n], 1)
        return d_inputs, None, d_h, d_kernel, d_recurrent_kernel, tf.reduce_sum(d_gates, 0)

    return (hs, tf.gather_nd(hs_before, last)), grad
