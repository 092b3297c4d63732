"""The normaliser of a linear-chain CRF, summed over all label sequences, with a gradient of its own.

The partition function Z is the sum of exp(score) over all label sequences. The recursion over time (Rabiner 1989, "A
Tutorial on Hidden Markov Models", with its scaling)::

    a_0 = exp(start) * e_0           e_t = exp(x_t)
    a_t = (a_(t-1) @ E) * e_t        E = exp(transitions)
    Z   = a_(n-1) . exp(end)

works on probabilities, scaled to sum to 1 at each step, so that a step costs one matrix product of `[B, C]` and
`[C, C]` and no exponential; in log space it would cost B * C * C of them. It runs in float64, where it is exact for
scores up to about 700 apart. Labels further below the best one lose their share.

The gradient of log Z is the probability of each label at each step, and of each pair of labels at each transition. A
recursion backwards gives all of them, where differentiating the loop would have to keep and replay every step of it.

Two sequences of 3 steps and of 1 step, time-major; `.` is padding::

    t              0          1          2
    sequence 0     e_0 --E--> e_1 --E--> e_2 --> exp(end)
    sequence 1     e_0 --> exp(end)      .
    real           T T        T .        T .
    is_last        . T        . .        T .
    forward[t]     how the paths up to step t divide over the labels         computed from left to right
    backward[t]    how likely all after step t is, from each label on        from right to left, anew where is_last
    marginals[t]   forward[t] * backward[t], scaled to sum to 1: the probability of each label at step t
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask

_TINY = np.finfo(np.float64).tiny
"""A lower bound of divisors and of arguments of logarithms: scores too far apart for float64 give finite results."""

_Gradients = tuple[tf.Tensor, None, tf.Tensor, tf.Tensor, tf.Tensor]


@tf.custom_gradient
def log_partition(
    logits: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor, start: tf.Tensor, end: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Gradients]]:
    """Computes log Z, the log-sum of the exponentiated scores of all C ** length label sequences.

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
    is_last = real & ~tf.concat([real[1:], tf.zeros_like(real[:1])], 0)  # [T, B], True at the last real step
    emitted, emitted_top = _exp_below_top(tf.transpose(logits, [1, 0, 2]), [2])
    moves, moves_top = _exp_below_top(transitions, [0, 1])
    first, first_top = _exp_below_top(start, [0])
    last, last_top = _exp_below_top(end, [0])

    forward, scales = _run_forward(emitted, moves, first)
    # log Z is the sum of the logarithms of all scales, and of all that was taken off before the exponentials.
    log_z_of_steps = tf.math.log(scales) + emitted_top[:, :, 0]
    log_end = tf.math.log(tf.maximum(tf.linalg.matvec(forward, last), _TINY)) + last_top
    log_z_of_steps += tf.where(is_last, log_end, moves_top)
    log_z = tf.reduce_sum(tf.where(real, log_z_of_steps, 0), 0) + tf.where(real[0], first_top, 0)

    def gradient(upstream: tf.Tensor) -> _Gradients:
        upstream = tf.cast(upstream, tf.float64)
        backward = _run_backward(emitted, moves, last, is_last)
        marginals = forward * backward
        marginals = tf.math.divide_no_nan(marginals, tf.reduce_sum(marginals, -1, keepdims=True))
        d_steps = marginals * (upstream * tf.cast(real, tf.float64))[:, :, None]  # [T, B, C]
        d_logits = tf.transpose(d_steps, [1, 0, 2])
        d_transitions = _count_pairs(forward, backward * emitted, moves, upstream * tf.cast(real[1:], tf.float64))
        d_end = tf.reduce_sum(tf.where(is_last[:, :, None], d_steps, 0), [0, 1])
        d_start = tf.reduce_sum(d_steps[0], 0)
        d_logits, d_transitions, d_start, d_end = (
            tf.cast(part, dtype) for part in (d_logits, d_transitions, d_start, d_end)
        )
        return d_logits, None, d_transitions, d_start, d_end

    return tf.cast(log_z, dtype), gradient


def _exp_below_top(scores: tf.Tensor, axis: list[int]) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes off the top score, so that no exponential is greater than 1.

    Returns:
      `exp(scores - top)`, and the top: `[..., 1]`, or a scalar if it is over all axes.
    """
    top = tf.reduce_max(scores, axis, keepdims=True)
    return tf.exp(scores - top), top if len(axis) < scores.shape.rank else tf.reshape(top, [])


def _run_forward(emitted: tf.Tensor, moves: tf.Tensor, first: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the share of each label, given the steps so far, `[T, B, C]`, and each step's scale, `[T, B]`."""
    steps = tf.shape(emitted)[0]
    shares = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:])
    scales = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:2])

    def body(
        t: tf.Tensor, prior: tf.Tensor, shares: tf.TensorArray, scales: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        share = prior * emitted[t]
        scale = tf.maximum(tf.reduce_sum(share, -1), _TINY)
        share /= scale[:, None]
        return t + 1, share @ moves, shares.write(t, share), scales.write(t, scale)

    prior = tf.broadcast_to(first, tf.shape(emitted)[1:])
    _, _, shares, scales = tf.while_loop(lambda t, *_: t < steps, body, [0, prior, shares, scales])
    return shares.stack(), scales.stack()


def _run_backward(emitted: tf.Tensor, moves: tf.Tensor, last: tf.Tensor, is_last: tf.Tensor) -> tf.Tensor:
    """Computes how likely the steps to come are after each label, up to a factor for each step, `[T, B, C]`."""
    steps = tf.shape(emitted)[0]
    likelihoods = tf.TensorArray(tf.float64, steps, element_shape=emitted.shape[1:])

    def body(
        t: tf.Tensor, after: tf.Tensor, likelihoods: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        # A sequence begins here, whatever its padded steps after it gave.
        likelihood = tf.where(is_last[t][:, None], last, after)
        before = tf.matmul(likelihood * emitted[t], moves, transpose_b=True)
        before = tf.math.divide_no_nan(before, tf.reduce_sum(before, -1, keepdims=True))
        return t - 1, before, likelihoods.write(t, likelihood)

    after = tf.broadcast_to(last, tf.shape(emitted)[1:])  # For padded steps: anything finite will do.
    _, _, likelihoods = tf.while_loop(lambda t, *_: t >= 0, body, [steps - 1, after, likelihoods])
    return likelihoods.stack()


def _count_pairs(forward: tf.Tensor, reached: tf.Tensor, moves: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Computes the expected number of each transition, `[C, C]`.

    Args:
      forward: The share of each label at each step, `[T, B, C]`.
      reached: How likely each step and those after it are with each label, `[T, B, C]`.
      moves: The exponentials of the transitions, `[C, C]`.
      weights: What each transition counts, `[T - 1, B]`; 0 into a padded step.
    """
    labels = moves.shape[0]
    source, target = forward[:-1], reached[1:]
    total = tf.reduce_sum(tf.linalg.matmul(source, moves) * target, -1)  # [T - 1, B]
    source *= tf.math.divide_no_nan(weights, total)[:, :, None]
    return moves * tf.matmul(tf.reshape(source, [-1, labels]), tf.reshape(target, [-1, labels]), transpose_a=True)
