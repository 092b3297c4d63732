"""A moving average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf


class WeightAverages:
    """Follows weights as they are trained, and stands in for them where the model is judged.

    ::

        d       = min(decay, (1 + t) / (10 + t))        t: updates so far; what was there at the start fades fast
        average = d * average + (1 - d) * weight

    Source: Polyak and Juditsky 1992, "Acceleration of Stochastic Approximation by Averaging".

    Attributes:
      variables: The averages, one for each weight, and the number of updates.
    """

    def __init__(self, weights: Sequence[Any], decay: float) -> None:
        """Starts at the weights as they are; a decay of 0 keeps no averages."""
        self._weights = list(weights) if decay else []
        self._decay = decay
        self._averages = [_variable(weight) for weight in self._weights]
        self._updates = _variable(0.0)
        self.variables = [*self._averages, self._updates]

    def update(self) -> None:
        """Takes the weights in, after a step of training. Works in `tf.function`."""
        decay = tf.minimum(self._decay, (1 + self._updates) / (10 + self._updates))
        for average, weight in zip(self._averages, self._weights, strict=True):
            value = tf.convert_to_tensor(weight)
            average.assign_sub((1 - tf.cast(decay, value.dtype)) * (average - value))
        self._updates.assign_add(1.0)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Puts the averages in place of the weights until the block ends."""
        weights = [tf.identity(tf.convert_to_tensor(weight)) for weight in self._weights]
        for weight, average in zip(self._weights, self._averages, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(self._weights, weights, strict=True):
                weight.assign(value)


def _variable(value: Any) -> tf.Variable:
    """A variable that every replica sets to the same."""
    return tf.Variable(value, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
