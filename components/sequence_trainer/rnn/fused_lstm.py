"""Runs an LSTM over whole sequences: TensorFlow's fused forward pass, with a hand-written backward pass.

The operation `BlockLSTMV2` runs all steps at once. Its registered gradient cannot be used, because it is the gradient
of `BlockLSTM`, which has the gates in another order. `BlockLSTMGradV2` would be right, but it multiplies the gradients
of the weights step by step.

The backward loop in this module needs one matrix product per step, for the gradient of the state. The gradients of the
weights and of the inputs are three large matrix products after the loop. With B = 32, D = 150, U = 128 this takes about
half the time of either gradient above.

An example of the outputs of two rows, with 3 real steps and 1 real step. `h0` is the initial output, and `-` is a
meaningless output at a padded step::

    forward.h    entry  0   1   2         `[T, B, U]`
      row 0             a   b   c
      row 1             d   -   -
    hs           entry  0   1   2   3     `[T + 1, B, U]`: step t reads entry t and writes entry t + 1
      row 0             h0  a   b   c
      row 1             h0  d   -   -

The final output of a row is `hs[length]`: c and d here, and h0 for a row of length 0. Cell states have the same layout,
and so have the gradients of outputs and cell states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import forbid_second_derivative, mask_real_steps

BlockLSTMResult = Any
"""The named tuple that `BlockLSTMV2` returns, each part `[T, B, U]`: the gates i, f, ci (which is g) and o, the states
cs (which is c) and h, and co, which is tanh(c)."""

Gradient = Callable[..., list[tf.Tensor | None]]


class LSTMWeights(NamedTuple):
    """The weights of an LSTM. All of them hold the gates in the order i, f, g, o.

    Attributes:
      kernel: The weights of the inputs, `[D, 4U]`.
      recurrent_kernel: The weights of the last output, `[U, 4U]`.
      bias: `[4U]`.
      peephole: The peephole weights of the gates i, f, o, `[3, U]`; no peepholes if None.
    """

    kernel: tf.Tensor
    recurrent_kernel: tf.Tensor
    bias: tf.Tensor
    peephole: tf.Tensor | None = None


class LSTMSlopes(NamedTuple):
    """The derivatives of each step, which are computed for all steps at once before the backward loop.

    d_h and d_c are the gradients of the output and of the cell state of a step.

    Attributes:
      gates: `[T, B, 4U]`. The gradient of the gates before their activations is (d_c, d_c, d_c, d_h) * gates.
      h_to_c: `[T, B, U]`. The output depends on the cell state, which adds d_h * h_to_c to d_c.
      c_to_c: `[T, B, U]`. The gradient of the cell state before the step is d_c * c_to_c.
    """

    gates: tf.Tensor
    h_to_c: tf.Tensor
    c_to_c: tf.Tensor


def run_fused_lstm(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    states: Sequence[tf.Tensor],
    weights: LSTMWeights,
    cell_clip: float | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs an LSTM over padded rows.

    Args:
      inputs: float32 `[T, B, D]`. Values at padded steps must be finite.
      lengths: The number of real steps of each row, int32 `[B]`, each in 0..T.
      states: The initial output h and the initial cell state c, each `[B, U]`.
      weights: The weights.
      cell_clip: The maximum absolute value of c; no maximum if None.

    Returns:
      Outputs `[T, B, U]`, which are meaningless at padded steps; and h and c `[B, U]` after each row's last real step.
    """

    @tf.custom_gradient
    def run_with_gradients(
        inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor, *weight_tensors: tf.Tensor
    ) -> tuple[tuple[tf.Tensor, tf.Tensor, tf.Tensor], Gradient]:
        weights = LSTMWeights(*weight_tensors)
        forward = _run_forward(inputs, h, c, weights, cell_clip)
        hs = tf.concat([h[tf.newaxis], forward.h], 0)
        cs = tf.concat([c[tf.newaxis], forward.cs], 0)
        last = tf.stack([lengths, tf.range(tf.size(lengths))], 1)

        def compute_gradients(d_hs: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor) -> list[tf.Tensor | None]:
            slopes = _compute_slopes(forward, cs[:-1], lengths, weights.peephole, cell_clip)
            # The final h of a row is one of its outputs, so both gradients are added up. The padded `d_hs` has the
            # layout of `hs`. Its entry 0 is for rows of length 0, whose final h is the initial output.
            d_hs = tf.tensor_scatter_nd_add(tf.pad(d_hs, [[1, 0], [0, 0], [0, 0]]), last, d_h)
            d_gates, d_h, d_c = _run_backward(slopes, d_hs[1:], d_c, weights.recurrent_kernel)
            d_inputs = tf.reshape(tf.matmul(d_gates, weights.kernel, transpose_b=True), tf.shape(inputs))
            has_peepholes = weights.peephole is not None
            d_weights = _compute_weight_gradients(d_gates, inputs, hs[:-1], cs, has_peepholes=has_peepholes)
            return [d_inputs, d_h + d_hs[0], d_c, *d_weights]

        return (forward.h, tf.gather_nd(hs, last), tf.gather_nd(cs, last)), compute_gradients

    # TensorFlow computes one gradient for each argument, and None cannot have one.
    weight_tensors = [weight for weight in weights if weight is not None]
    return run_with_gradients(inputs, *states, *weight_tensors)


def _run_forward(
    inputs: tf.Tensor, h: tf.Tensor, c: tf.Tensor, weights: LSTMWeights, cell_clip: float | None
) -> BlockLSTMResult:
    """Runs all steps in one operation."""
    if weights.peephole is None:
        # The operation needs a tensor, but does not use it.
        peep_i = peep_f = peep_o = tf.zeros([weights.recurrent_kernel.shape[0]], inputs.dtype)
    else:
        peep_i, peep_f, peep_o = tf.unstack(weights.peephole)
    return tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.shape(inputs, out_type=tf.int64)[0],
        x=inputs,
        cs_prev=c,
        h_prev=h,
        w=tf.concat([weights.kernel, weights.recurrent_kernel], 0),
        wci=peep_i,
        wcf=peep_f,
        wco=peep_o,
        b=weights.bias,
        cell_clip=cell_clip or 0.0,  # 0 means no clipping.
        use_peephole=weights.peephole is not None,
    )


def _compute_slopes(
    forward: BlockLSTMResult,
    c_before: tf.Tensor,
    lengths: tf.Tensor,
    peephole: tf.Tensor | None,
    cell_clip: float | None,
) -> LSTMSlopes:
    """Computes the derivatives of all steps.

    Args:
      forward: The result of `_run_forward`.
      c_before: The cell state before each step, `[T, B, U]`.
      lengths: The number of real steps of each row, int32 `[B]`.
      peephole: The peephole weights, `[3, U]`, or None.
      cell_clip: The maximum absolute value of c, or None.
    """
    i, f, g, o, c, tanh_c, c_before = forbid_second_derivative(
        forward.i, forward.f, forward.ci, forward.o, forward.cs, forward.co, c_before
    )
    real = mask_real_steps(lengths, tf.shape(i)[0])
    # A cell state that was clipped is constant, so its derivatives are zero.
    is_free = real if cell_clip is None else real & (tf.abs(c) < cell_clip)
    to_i = tf.where(is_free, g * i * (1 - i), 0.0)
    to_f = tf.where(is_free, c_before * f * (1 - f), 0.0)
    to_g = tf.where(is_free, i * (1 - g * g), 0.0)
    to_o = tf.where(real, tanh_c * o * (1 - o), 0.0)
    h_to_c = tf.where(real, o * (1 - tanh_c * tanh_c), 0.0)
    # At padded steps all derivatives are zero except this one, which is 1. It passes d_c on to the last real step.
    c_to_c = tf.where(is_free, f, tf.cast(~real, f.dtype))
    if peephole is not None:
        peep_i, peep_f, peep_o = tf.unstack(peephole)
        h_to_c += to_o * peep_o
        c_to_c += to_i * peep_i + to_f * peep_f
    return LSTMSlopes(tf.concat([to_i, to_f, to_g, to_o], 2), h_to_c, c_to_c)


def _run_backward(
    slopes: LSTMSlopes, d_hs: tf.Tensor, d_c: tf.Tensor, recurrent_kernel: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs the backward loop.

    Args:
      slopes: The derivatives of all steps.
      d_hs: The gradients of all outputs, `[T, B, U]`.
      d_c: The gradient of the final cell state, `[B, U]`.
      recurrent_kernel: `[U, 4U]`.

    Returns:
      The gradients of the gates of all steps before their activations, `[T * B, 4U]`; and the gradients of the initial
      h and c, each `[B, U]`.
    """
    transposed_kernel = tf.transpose(recurrent_kernel)

    def run_step(
        t: tf.Tensor, d_h: tf.Tensor, d_c: tf.Tensor, d_gates_array: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.TensorArray]:
        d_h += d_hs[t]
        d_c += d_h * slopes.h_to_c[t]
        d_gates = tf.concat([d_c, d_c, d_c, d_h], 1) * slopes.gates[t]
        d_h_before = tf.matmul(d_gates, transposed_kernel)
        d_c_before = d_c * slopes.c_to_c[t]
        return t - 1, d_h_before, d_c_before, d_gates_array.write(t, d_gates)

    steps = tf.shape(d_hs)[0]
    start = (steps - 1, tf.zeros_like(d_c), d_c, tf.TensorArray(d_c.dtype, steps))
    _, d_h, d_c, d_gates_array = tf.while_loop(lambda t, *_: t >= 0, run_step, start)
    d_gates = tf.reshape(d_gates_array.stack(), [-1, recurrent_kernel.shape[1]])
    return d_gates, d_h, d_c


def _compute_weight_gradients(
    d_gates: tf.Tensor, inputs: tf.Tensor, hs_before: tf.Tensor, cs: tf.Tensor, *, has_peepholes: bool
) -> list[tf.Tensor]:
    """Computes the gradients of the kernel, the recurrent kernel, the bias, and the peepholes if there are any.

    The steps of all rows are concatenated to `[T * B, ...]`, so each matrix needs one product.
    """
    flat_inputs = tf.reshape(inputs, [-1, inputs.shape[2]])
    flat_hs = tf.reshape(hs_before, [-1, hs_before.shape[2]])
    d_kernel = tf.matmul(flat_inputs, d_gates, transpose_a=True)
    d_recurrent_kernel = tf.matmul(flat_hs, d_gates, transpose_a=True)
    gradients = [d_kernel, d_recurrent_kernel, tf.reduce_sum(d_gates, 0)]
    if has_peepholes:
        d_i, d_f, _, d_o = tf.split(d_gates, 4, axis=1)
        # The gates i and f read the cell state before the step, and o reads the cell state after it.
        c_before = tf.reshape(cs[:-1], [-1, cs.shape[2]])
        c_after = tf.reshape(cs[1:], [-1, cs.shape[2]])
        d_peepholes = tf.stack([d_i * c_before, d_f * c_before, d_o * c_after])
        gradients.append(tf.reduce_sum(d_peepholes, 1))
    return gradients
