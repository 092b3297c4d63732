"""Defines WeightAverages, the moving averages of a model's weights, which are often better than the last weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


class WeightAverages:
    """The moving averages of weights over the updates of a training.

    ::

        d       = min(decay, (1 + t) / (10 + t))        t: the number of updates so far
        average = d * average + (1 - d) * weight

    The decay is smaller during the first updates, so that the untrained weights soon have little influence.

    This is the exponential form of the average of Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation
    by Averaging", with the warm-up of `tf.train.ExponentialMovingAverage(decay, num_updates=t)`.

    Args:
      weights: The weights. The averages start with their values.
      decay: The share of an average that is kept at each update, at least 0 and below 1. If it is 0, there are no
        averages.

    Raises:
      ValueError: if `decay` is out of range.

    Attributes:
      variables: One average per weight, and the number of updates.
    """

    def __init__(self, weights: Sequence[keras.Variable], decay: float) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"`decay` must be at least 0 and less than 1, but is {decay}")
        self._weights = list(weights) if decay else []
        self._decay = decay
        self._averages = [_make_variable(weight) for weight in self._weights]
        self._num_updates = _make_variable(0.0)  # A float, because the decay is computed from it.
        self.variables = [*self._averages, self._num_updates]

    def update(self) -> None:
        """Moves each average towards its weight, after an update of the weights. It works in `tf.function`."""
        current_decay = tf.minimum(self._decay, (1 + self._num_updates) / (10 + self._num_updates))
        for average, weight in zip(self._averages, self._weights, strict=True):
            value = tf.convert_to_tensor(weight)
            # average - (1 - d) * (average - weight) equals the formula of the class. It changes the variable in place.
            average.assign_sub((1 - tf.cast(current_decay, value.dtype)) * (average - value))
        self._num_updates.assign_add(1.0)

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """Replaces the weights by their averages within the block, and restores the weights at its end."""
        values = [tf.identity(tf.convert_to_tensor(weight)) for weight in self._weights]
        try:
            for weight, average in zip(self._weights, self._averages, strict=True):
                weight.assign(average)
            yield
        finally:
            for weight, value in zip(self._weights, values, strict=True):
                weight.assign(value)


def _make_variable(value: keras.Variable | float) -> tf.Variable:
    """Makes a variable for which the value of the first replica is used, because all replicas set the same value."""
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
