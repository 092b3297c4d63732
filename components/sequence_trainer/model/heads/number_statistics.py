"""Computes the mean and the scale of numbers that arrive in batches, such as the labels of the train split."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class NumberStatistics:
    """Accumulates the mean and the standard deviation of W kinds of numbers, in float64.

    The squares are those of differences from a mean, so that nothing is lost if the numbers are large and close to each
    other. Two batches a and b of the sizes n are merged by::

        mean    = mean_a + d * n_b / (n_a + n_b)                              d = mean_b - mean_a
        squares = squares_a + squares_b + d^2 * n_a * n_b / (n_a + n_b)

    Source: Chan, Golub and LeVeque 1979, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances".

    Args:
      width: The number W of kinds.
    """

    def __init__(self, width: int) -> None:
        self._weight = np.zeros(width)
        self._mean = np.zeros(width)
        self._squares = np.zeros(width)
        self._minimum = np.full(width, np.inf)
        self._maximum = np.full(width, -np.inf)

    def add(self, numbers: npt.NDArray[Any], weights: npt.NDArray[Any]) -> None:
        """Adds numbers. NaN and infinite numbers are left out.

        Args:
          numbers: `[N, W]`, of any type.
          weights: How often each row counts, `[N]`.

        Raises:
          ValueError: if the numbers or the weights have another shape.
        """
        exact = np.asarray(numbers, np.float64)
        if exact.shape != (len(weights), len(self._mean)):
            raise ValueError(
                f"{len(weights)} weights and {len(self._mean)} kinds need numbers [{len(weights)}, {len(self._mean)}], "
                f"but the numbers are {list(exact.shape)}"
            )
        counts = np.isfinite(exact) & (weights > 0)[:, None]
        row_weights = np.where(counts, weights[:, None], 0.0)
        values = np.where(counts, exact, 0.0)
        weight = row_weights.sum(0)
        mean = _divide((row_weights * values).sum(0), weight)
        squares = (row_weights * (values - mean) ** 2).sum(0)

        difference = mean - self._mean
        share = _divide(weight, self._weight + weight)
        self._squares += squares + difference**2 * self._weight * share
        self._mean += difference * share
        self._weight += weight
        self._minimum = np.minimum(self._minimum, np.where(counts, exact, np.inf).min(0, initial=np.inf))
        self._maximum = np.maximum(self._maximum, np.where(counts, exact, -np.inf).max(0, initial=-np.inf))

    @property
    def mean(self) -> Floats:
        """The mean of each kind, `[W]`; 0 for a kind without numbers."""
        return self._mean.copy()

    @property
    def scale(self) -> Floats:
        """The standard deviation of each kind, `[W]`; 1 for a kind that never changes, or without numbers."""
        deviation = np.sqrt(_divide(self._squares, self._weight))
        # A deviation that is only a rounding error must not be a scale, so the range decides what never changes.
        changes = (self._minimum < self._maximum) & (deviation > 0)
        return np.where(changes, deviation, 1.0)


def _divide(dividend: Floats, divisor: Floats) -> Floats:
    """Divides each element; the result is 0 where the divisor is 0."""
    return np.divide(dividend, divisor, out=np.zeros_like(dividend), where=divisor != 0)
