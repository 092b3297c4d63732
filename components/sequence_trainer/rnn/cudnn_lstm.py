"""The LSTM over a whole sequence by cuDNN, for training on a GPU."""

from __future__ import annotations

import tensorflow as tf


def cudnn_lstm(
    inputs: tf.Tensor,
    lengths: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kernel: tf.Tensor,
    recurrent_kernel: tf.Tensor,
    bias: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs an LSTM without options over padded rows; arguments and results as in `fused_lstm`.

    cuDNN takes rows padded on the right with at least one step: a row of length zero runs over one step of padding,
    and its states are put back.
    """
    # Eight matrices [U, D] and [U, U], then eight biases; cuDNN has one more bias, for the state, which stays zero.
    matrices = tf.split(kernel, 4, axis=1) + tf.split(recurrent_kernel, 4, axis=1)
    flat = [tf.reshape(tf.transpose(matrix), [-1]) for matrix in matrices]
    outputs, last_h, last_c, _, _ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=h[tf.newaxis],
        input_c=c[tf.newaxis],
        params=tf.concat([*flat, bias, tf.zeros_like(bias)], 0),
        sequence_lengths=tf.maximum(lengths, 1),
        rnn_mode="lstm",
        time_major=True,
    )
    started = lengths[:, tf.newaxis] > 0
    return outputs, tf.where(started, last_h[0], h), tf.where(started, last_c[0], c)
