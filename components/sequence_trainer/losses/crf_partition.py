"""The log-sum of the exponentiated scores of all label sequences, with a gradient of its own.

The recursion over time (Rabiner 1989, "A Tutorial on Hidden Markov Models", with its scaling)::

    a_0 = exp(start) * e_0           e_t = exp(x_t)
    a_t = (a_(t-1) @ E) * e_t        E = exp(transitions)
    Z   = a_(n-1) . exp(end)

works on probabilities, scaled to sum to 1 at each step, so that a step costs one matrix product of `[B, C]` and
`[C, C]` and no exponential; in log space it would cost B * C * C of them. It runs in float64, where it is exact for
scores up to about 700 apart; of labels further below the best one the share is lost.

The gradient of log Z is the probability of each label at each step and of each pair at each transition. A recursion
backwards gives all of them, where differentiating the loop would have to keep and replay every step of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask

# Of scores too far apart for float64 the result is wrong, but finite.
_TINY = np.finfo(np.float64).tiny

_Gradients = tuple[tf.Tensor, None, tf.Tensor, tf.Tensor, tf.Tensor]


@tf.custom_gradient
def log_partition(
    logits: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor, start: tf.Tensor, end: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Gradients]]:
    """The log-sum of the exponentiated scores of all C ** length label sequences.

    Args:
      logits: `[B, T, C]` with T at least 1, finite at padded steps too.
      lengths: Real steps of each sequence, integers `[B]`.
      transitions: The score of the second label after the first, `[C, C]`.
      start: The score of each label at the first step, `[C]`.
      end: The score of each label at the last real step, `[C]`.

    Returns:
      `[B]`, 0 for a sequence of length 0. It can be differentiated once.
    """
    dtype = logits.dtype
    logits, transitions, start, end = (tf.cast(part, tf.float64) for part in (logits, transitions, start, end))
    real = tf.transpose(step_mask(lengths, tf.shape(logits)[1]))  # [T, B]
    final = real & ~tf.concat([real[1:], tf.zeros_like(real[:1])], 0)  # [T, B], True at the last real step
    emitted, emitted_top = _exp(tf.transpose(logits, [1, 0, 2]), [2])
    moves, moves_top = _exp(transitions, [0, 1])
    first, first_top = _exp(start, [0])
    last, last_top = _exp(end, [0])

    forward, scales = _forward(emitted, moves, first)
    steps = tf.math.log(scales) + emitted_top[:, :, 0]
    ending = tf.math.log(tf.maximum(tf.linalg.matvec(forward, last), _TINY)) + last_top
    steps += tf.where(final, ending, moves_top)
    log_z = tf.reduce_sum(tf.where(real, steps, 0), 0) + tf.where(real[0], first_top, 0)

    def gradient(upstream: tf.Tensor) -> _Gradients:
        upstream = tf.cast(upstream, tf.float64)
        backward = _backward(emitted, moves, last, final)
        share = forward * backward
        share = tf.math.divide_no_nan(share, tf.reduce_sum(share, -1, keepdims=True))
        share *= (upstream * tf.cast(real, tf.float64))[:, :, None]  # [T, B, C]
        pairs = _pairs(forward, backward * emitted, moves, upstream * tf.cast(real[1:], tf.float64))
        at_end = tf.reduce_sum(tf.where(final[:, :, None], share, 0), [0, 1])
        parts = (tf.transpose(share, [1, 0, 2]), pairs, tf.reduce_sum(share[0], 0), at_end)
        by_logits, by_transitions, by_start, by_end = (tf.cast(part, dtype) for part in parts)
        return by_logits, None, by_transitions, by_start, by_end

    return tf.cast(log_z, dtype), gradient


def _exp(scores: tf.Tensor, axis: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """The exponential of what is left below the top score, and the top: `[..., 1]`, or a scalar if over all axes."""
    top = tf.reduce_max(scores, axis, keepdims=True)
    return tf.exp(scores - top), top if len(axis) < scores.shape.rank else tf.reshape(top, [])


def _forward(emitted: tf.Tensor, moves: tf.Tensor, first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The share of each label, given the steps so far, `[T, B, C]`, and each step's scale, `[T, B]`."""
    steps = tf.shape(emitted)[0]
    shares = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:])
    scales = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:2])

    def add(
        t: tf.Tensor, prior: tf.Tensor, shares: tf.TensorArray, scales: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        share = prior * emitted[t]
        scale = tf.maximum(tf.reduce_sum(share, -1), _TINY)
        share /= scale[:, None]
        return t + 1, share @ moves, shares.write(t, share), scales.write(t, scale)

    prior = tf.broadcast_to(first, tf.shape(emitted)[1:])
    _, _, shares, scales = tf.while_loop(lambda t, *_: t < steps, add, [0, prior, shares, scales])
    return shares.stack(), scales.stack()


def _backward(emitted: tf.Tensor, moves: tf.Tensor, last: tf.Tensor, final: tf.Tensor) -> tf.Tensor:
    """How likely the steps to come are after each label, up to a factor for each step, `[T, B, C]`."""
    steps = tf.shape(emitted)[0]
    likelihoods = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:])

    def add(t: tf.Tensor, after: tf.Tensor, likelihoods: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        likelihood = tf.where(final[t][:, None], last, after)
        before = tf.matmul(likelihood * emitted[t], moves, transpose_b=True)
        before = tf.math.divide_no_nan(before, tf.reduce_sum(before, -1, keepdims=True))
        return t - 1, before, likelihoods.write(t, likelihood)

    after = tf.broadcast_to(last, tf.shape(emitted)[1:])  # Of padded steps: anything finite will do
    _, _, likelihoods = tf.while_loop(lambda t, *_: t >= 0, add, [steps - 1, after, likelihoods])
    return likelihoods.stack()


def _pairs(forward: tf.Tensor, to: tf.Tensor, moves: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The expected number of each transition, `[C, C]`: of real ones `weights` `[T - 1, B]` is not 0."""
    labels = moves.shape[0]
    source, target = forward[:-1], to[1:]
    total = tf.reduce_sum(tf.linalg.matmul(source, moves) * target, -1)  # [T - 1, B]
    source *= tf.math.divide_no_nan(weights, total)[:, :, None]
    return moves * tf.matmul(tf.reshape(source, [-1, labels]), tf.reshape(target, [-1, labels]), transpose_a=True)
