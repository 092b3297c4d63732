"""The mean and the scale of numbers in batches are those of NumPy over all numbers at once."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_sequence.components.sequence_trainer.model.heads.number_statistics import NumberStatistics


@pytest.mark.parametrize("offset", [0, 1e12])
def test_number_statistics_equal_those_of_all_numbers_at_once(offset: float) -> None:
    random = np.random.default_rng(0)
    numbers = offset + random.normal(size=[100, 3]) * [1, 10, 1000]
    weights = random.integers(0, 4, 100)
    statistics = NumberStatistics(3)
    for rows in np.split(np.arange(100), [1, 5, 6, 60]):
        statistics.add(numbers[rows], weights[rows])
    repeated = np.repeat(numbers, weights, axis=0)
    np.testing.assert_allclose(statistics.mean, repeated.mean(0), rtol=1e-15, atol=1e-12)
    # At 1e12, float64 has steps of 1e-4.
    np.testing.assert_allclose(statistics.scale, repeated.std(0), rtol=1e-12 if offset == 0 else 1e-3)


def test_number_statistics_leave_out_what_is_not_a_finite_number() -> None:
    statistics = NumberStatistics(2)
    statistics.add(np.array([[1, np.nan], [np.inf, np.nan], [3, np.nan]]), np.ones(3))
    np.testing.assert_array_equal(statistics.mean, [2, 0])
    np.testing.assert_array_equal(statistics.scale, [1, 1])


def test_scale_is_one_when_the_mean_of_equal_numbers_is_rounded() -> None:
    # The mean of 0.1, 0.1 and 0.1 is not 0.1 in float64.
    statistics = NumberStatistics(1)
    for _ in range(5):
        statistics.add(np.full([3, 1], 0.1), np.ones(3))
    assert statistics.scale == [1]


def test_number_statistics_refuse_numbers_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"numbers \[4, 2\], but the numbers are \[4, 3\]"):
        NumberStatistics(2).add(np.zeros((4, 3)), np.ones(4))
