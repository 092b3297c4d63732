"""Keeps a moving average of the weights, which is often a better model than the last weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf


class WeightAverages:
    """Averages of weights over the updates of a training.

    ::

        d       = min(decay, (1 + t) / (10 + t))        t: updates so far; the untrained weights at the start fade fast
        average = d * average + (1 - d) * weight

    Source: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging".

    Args:
      weights: The weights; the averages start at their values.
      decay: How much of an average is kept at each update. With 0 there are no averages.

    Attributes:
      variables: One average for each weight, and the number of updates.
    """

    def __init__(self, weights: Sequence[Any], decay: float) -> None:
        self._weights = list(weights) if decay else []
        self._decay = decay
        self._averages = [_make_variable(weight) for weight in self._weights]
        self._updates = _make_variable(0.0)
        self.variables = [*self._averages, self._updates]

    def update(self) -> None:
        """Moves each average towards its weight, after an update of the weights. Works in `tf.function`."""
        decay = tf.minimum(self._decay, (1 + self._updates) / (10 + self._updates))
        for average, weight in zip(self._averages, self._weights, strict=True):
            value = tf.convert_to_tensor(weight)
            # average - (1 - d) * (average - weight), which is the formula above.
            average.assign_sub((1 - tf.cast(decay, value.dtype)) * (average - value))
        self._updates.assign_add(1.0)

    @contextlib.contextmanager
    def swap_in(self) -> Iterator[None]:
        """Gives the weights the values of their averages until the block ends."""
        values = [tf.identity(tf.convert_to_tensor(weight)) for weight in self._weights]
        for weight, average in zip(self._weights, self._averages, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(self._weights, values, strict=True):
                weight.assign(value)


def _make_variable(value: Any) -> tf.Variable:
    """Makes a variable that every replica sets to the same value, so that one of them may do it."""
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
