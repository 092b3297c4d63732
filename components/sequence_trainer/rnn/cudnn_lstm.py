"""Runs an LSTM over whole sequences with cuDNN, for training on a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.fused_lstm import LSTMWeights


def run_cudnn_lstm(
    inputs: tf.Tensor, lengths: tf.Tensor, states: Sequence[tf.Tensor], weights: LSTMWeights
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Runs an LSTM without peepholes and clipping over padded rows.

    The arguments and results are those of `run_fused_lstm`, but the dtype may also be float16 or float64.
    """
    h, c = states
    bias = weights.bias
    # cuDNN expects all weights in one vector: eight transposed matrices, four [U, D] and four [U, U], then one bias per
    # matrix. Our LSTM has only four biases, so the biases of the recurrent matrices are zero.
    matrices = tf.split(weights.kernel, 4, axis=1) + tf.split(weights.recurrent_kernel, 4, axis=1)
    flat_matrices = [tf.reshape(tf.transpose(matrix), [-1]) for matrix in matrices]
    outputs, last_h, last_c, _, _ = tf.raw_ops.CudnnRNNV3(
        input=inputs,
        input_h=h[tf.newaxis],
        input_c=c[tf.newaxis],
        params=tf.concat([*flat_matrices, bias, tf.zeros_like(bias)], 0),
        # cuDNN refuses rows without steps. Such a row runs over one padded step, and its initial states are put back
        # below.
        sequence_lengths=tf.maximum(lengths, 1),
        rnn_mode="lstm",
        time_major=True,
    )
    has_steps = lengths[:, tf.newaxis] > 0
    return outputs, tf.where(has_steps, last_h[0], h), tf.where(has_steps, last_c[0], c)
