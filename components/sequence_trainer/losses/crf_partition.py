"""Computes the log-partition function of a linear-chain CRF, log Z, with a hand-written gradient.

Z is the sum of exp(score) over all label sequences. The forward algorithm computes it step by step (Rabiner 1989, "A
Tutorial on Hidden Markov Models"), here for the logits x_t of n steps::

    e_t = exp(x_t)                   E = exp(transitions)
    a_0 = exp(start) * e_0
    a_t = (a_(t-1) @ E) * e_t
    Z   = a_(n-1) . exp(end)

Each a_t is scaled to sum to 1, and log Z is computed from the logarithms of the scales. So each step costs one matrix
product of `[B, C]` and `[C, C]` and no exponentials. A recursion in log space would cost B * C * C exponentials per
step. The computation is in float64, where it is exact if scores differ by less than about 700. A label whose score is
further below the best score counts as impossible.

The gradient of log Z is the probability of each label at each step, and of each pair of labels at each transition. A
second recursion, backward in time, computes these probabilities. Automatic differentiation would have to store every
step of the forward loop and run it again.

An example with two sequences, of 3 steps and of 1 step. Tensors are time-major, and `.` is False or padding::

    t              0          1          2
    sequence 0     e_0 --E--> e_1 --E--> e_2 --> exp(end)
    sequence 1     e_0 --> exp(end)      .
    real           T T        T .        T .
    is_last        . T        . .        T .

Three tensors `[T, B, C]` hold one value for each label at each step t:

- `forward[t]`: the probability of the label, given the steps up to t. It is computed from the first step to the last.
- `backward[t]`: how likely the steps after t are, given the label. It is computed from the last step to the first.
- `marginals[t]`: the probability of the label, given all steps. It is `forward[t] * backward[t]`, scaled to sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask

_TINY = np.finfo(np.float64).tiny
"""The lower bound of divisors and of arguments of logarithms. It keeps results finite if scores are too far apart."""

_Gradients = tuple[tf.Tensor, None, tf.Tensor, tf.Tensor, tf.Tensor]


class _Terms(NamedTuple):
    """One tensor for each kind of term in the score of a label sequence, or the exponentials or gradients of the terms.

    Attributes:
      steps: The terms of each step, time-major `[T, B, C]`.
      transitions: The terms of each label (rows) and the label after it (columns), `[C, C]`.
      start: The terms of the first label, `[C]`.
      end: The terms of the last label, `[C]`.
    """

    steps: tf.Tensor
    transitions: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor


@tf.custom_gradient
def compute_log_partition(
    logits: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor, start: tf.Tensor, end: tf.Tensor
) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Gradients]]:
    """Computes log Z: the logarithm of the sum of exp(score) over all C ** length label sequences.

    Args:
      logits: `[B, T, C]` with T at least 1. Values at padded steps must be finite.
      lengths: The number of real steps of each sequence, integers `[B]`.
      transitions: The score of each label (rows) being followed by each label (columns), `[C, C]`.
      start: The score of each label at the first step, `[C]`.
      end: The score of each label at the last real step, `[C]`.

    Returns:
      log Z of each sequence, `[B]`; 0 for a sequence of length 0. It has a first derivative only.
    """
    dtype = logits.dtype
    steps = tf.transpose(logits, [1, 0, 2])
    scores = _Terms(*_cast_all([steps, transitions, start, end], tf.float64))
    real = tf.transpose(make_step_mask(lengths, tf.shape(logits)[1]))  # [T, B]
    is_last = real & ~tf.concat([real[1:], tf.zeros_like(real[:1])], 0)  # [T, B], True at the last real step

    maxima = _find_maxima(scores)
    # The maximum is subtracted first. So no exponential is greater than 1, and none can overflow.
    factors = _subtract_and_exponentiate(scores, maxima)
    forward, scales = _run_forward(factors)
    log_z = _compute_log_z(forward, scales, factors.end, maxima, real, is_last)

    def compute_gradients(upstream: tf.Tensor) -> _Gradients:
        d_scores = _compute_gradients(factors, forward, real, is_last, tf.cast(upstream, tf.float64))
        d_steps, d_transitions, d_start, d_end = _cast_all(d_scores, dtype)
        return tf.transpose(d_steps, [1, 0, 2]), None, d_transitions, d_start, d_end

    return tf.cast(log_z, dtype), compute_gradients


def _cast_all(values: Iterable[tf.Tensor], dtype: tf.DType) -> list[tf.Tensor]:
    """Casts tensors to `dtype`."""
    return [tf.cast(value, dtype) for value in values]


def _subtract_and_exponentiate(scores: _Terms, maxima: _Terms) -> _Terms:
    """Computes `exp(score - maximum)` for each kind of term."""
    return _Terms(
        steps=tf.exp(scores.steps - maxima.steps),
        transitions=tf.exp(scores.transitions - maxima.transitions),
        start=tf.exp(scores.start - maxima.start),
        end=tf.exp(scores.end - maxima.end),
    )


def _find_maxima(scores: _Terms) -> _Terms:
    """Returns the greatest score of each step, `[T, B, 1]`, of the transitions, `[1, 1]`, of start and end, `[1]`."""
    return _Terms(
        steps=tf.reduce_max(scores.steps, 2, keepdims=True),
        transitions=tf.reduce_max(scores.transitions, [0, 1], keepdims=True),
        start=tf.reduce_max(scores.start, 0, keepdims=True),
        end=tf.reduce_max(scores.end, 0, keepdims=True),
    )


def _run_forward(factors: _Terms) -> tuple[tf.Tensor, tf.Tensor]:
    """Runs the forward recursion.

    Returns:
      The probability of each label given the steps so far, `[T, B, C]`, and the scale of each step, `[T, B]`.
    """
    steps = tf.shape(factors.steps)[0]
    shares = tf.TensorArray(tf.float64, steps, element_shape=factors.steps.shape[1:])
    scales = tf.TensorArray(tf.float64, steps, element_shape=factors.steps.shape[1:2])

    def run_step(
        t: tf.Tensor, prior: tf.Tensor, shares: tf.TensorArray, scales: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray, tf.TensorArray]:
        share = prior * factors.steps[t]
        scale = tf.maximum(tf.reduce_sum(share, -1), _TINY)
        share /= scale[:, None]
        return t + 1, share @ factors.transitions, shares.write(t, share), scales.write(t, scale)

    prior = tf.broadcast_to(factors.start, tf.shape(factors.steps)[1:])
    _, _, shares, scales = tf.while_loop(lambda t, *_: t < steps, run_step, [0, prior, shares, scales])
    return shares.stack(), scales.stack()


def _compute_log_z(
    forward: tf.Tensor, scales: tf.Tensor, end: tf.Tensor, maxima: _Terms, real: tf.Tensor, is_last: tf.Tensor
) -> tf.Tensor:
    """Computes log Z from the scales and the maxima that the forward recursion took out of the scores.

    For each sequence, log Z is the sum of these terms:

    - for each real step: the logarithm of its scale, and its maximum;
    - for each two neighbouring real steps: the maximum of the transitions;
    - for the first step: the maximum of the start scores;
    - for the last real step: the logarithm of the forward probabilities times exp(end), and the maximum of the end
      scores.

    Returns:
      log Z of each sequence, `[B]`.
    """
    log_scales = tf.math.log(scales) + maxima.steps[:, :, 0]
    log_end = tf.math.log(tf.maximum(tf.linalg.matvec(forward, end), _TINY)) + maxima.end
    # After each real step comes a transition, except after the last real step.
    log_of_steps = log_scales + tf.where(is_last, log_end, maxima.transitions)
    return tf.reduce_sum(tf.where(real, log_of_steps, 0), 0) + tf.where(real[0], maxima.start, 0)


def _compute_gradients(
    factors: _Terms, forward: tf.Tensor, real: tf.Tensor, is_last: tf.Tensor, upstream: tf.Tensor
) -> _Terms:
    """Computes the gradients of all scores from the gradients of log Z, `upstream` `[B]`."""
    backward = _run_backward(factors, is_last)
    marginals = forward * backward
    marginals = tf.math.divide_no_nan(marginals, tf.reduce_sum(marginals, -1, keepdims=True))
    weights = upstream * tf.cast(real, tf.float64)  # [T, B], 0 at padded steps
    d_steps = marginals * weights[:, :, None]
    # A transition counts if the step that it leads to is real.
    d_transitions = _count_transitions(forward, backward * factors.steps, factors.transitions, weights[1:])
    d_start = tf.reduce_sum(d_steps[0], 0)
    d_end = tf.reduce_sum(tf.where(is_last[:, :, None], d_steps, 0), [0, 1])
    return _Terms(d_steps, d_transitions, d_start, d_end)


def _run_backward(factors: _Terms, is_last: tf.Tensor) -> tf.Tensor:
    """Runs the backward recursion: how likely the steps after each step are, given its label, `[T, B, C]`.

    Each step's values are known up to a common factor, which the scaling of the marginals removes.
    """
    steps = tf.shape(factors.steps)[0]
    likelihoods = tf.TensorArray(tf.float64, steps, element_shape=factors.steps.shape[1:])

    def run_step(
        t: tf.Tensor, after: tf.Tensor, likelihoods: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        # The recursion of a sequence starts at its last real step. Values from the padded steps after it are dropped.
        likelihood = tf.where(is_last[t][:, None], factors.end, after)
        before = tf.matmul(likelihood * factors.steps[t], factors.transitions, transpose_b=True)
        before = tf.math.divide_no_nan(before, tf.reduce_sum(before, -1, keepdims=True))
        return t - 1, before, likelihoods.write(t, likelihood)

    # The first value is used at padded steps only, where any finite value will do.
    after = tf.broadcast_to(factors.end, tf.shape(factors.steps)[1:])
    _, _, likelihoods = tf.while_loop(lambda t, *_: t >= 0, run_step, [steps - 1, after, likelihoods])
    return likelihoods.stack()


def _count_transitions(forward: tf.Tensor, reached: tf.Tensor, transitions: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Computes the expected number of times that each transition is used, `[C, C]`.

    Args:
      forward: The probability of each label given the steps so far, `[T, B, C]`.
      reached: How likely a step and the steps after it are, given the step's label, `[T, B, C]`.
      transitions: The exponentials of the transition scores, `[C, C]`.
      weights: The weight of each transition in the sum, `[T - 1, B]`; 0 for a transition into a padded step.
    """
    num_labels = transitions.shape[0]
    source, target = forward[:-1], reached[1:]
    total = tf.reduce_sum(tf.linalg.matmul(source, transitions) * target, -1)  # [T - 1, B]
    source *= tf.math.divide_no_nan(weights, total)[:, :, None]
    flat_source = tf.reshape(source, [-1, num_labels])
    flat_target = tf.reshape(target, [-1, num_labels])
    return transitions * tf.matmul(flat_source, flat_target, transpose_a=True)
