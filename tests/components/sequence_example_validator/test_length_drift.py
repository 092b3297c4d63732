import random

import numpy as np
import pytest

from tfx_sequence.components.sequence_example_validator.length_drift import (
    LengthHistogram,
    measure_ks_distance,
    read_length_histogram,
)


def histogram(*buckets):
    return LengthHistogram(*np.array(buckets, float).T)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([(3, 3, 10)], [(3, 3, 7)], (0, 3)),
        ([(3, 3, 10)], [(9, 9, 7)], (1, 3)),
        ([(1, 1, 5), (2, 2, 5)], [(1, 1, 2), (2, 2, 8)], (0.3, 1)),
        ([(0, 10, 4)], [(0, 5, 4)], (0.5, 5)),
    ],
)
def test_distance_is_the_greatest_difference_of_shares(ours, theirs, expected):
    assert measure_ks_distance(histogram(*ours), histogram(*theirs)) == pytest.approx(expected)
    assert measure_ks_distance(histogram(*theirs), histogram(*ours)) == pytest.approx(expected)


def lengths(seed, most, count=500):
    return [random.Random(seed * 1000 + i).randint(1, most) for i in range(count)]


@pytest.mark.parametrize(("most", "other"), [(20, 20), (20, 40), (20, 10), (60, 55)])
def test_distance_of_statistics_is_near_that_of_the_lengths_themselves(statistics, most, other):
    ours, theirs = lengths(1, most), lengths(2, other)
    exact = max(abs(np.mean(np.array(ours) <= x) - np.mean(np.array(theirs) <= x)) for x in range(61))
    histograms = []
    for data in (ours, theirs):
        records = [({}, {"t": ["a"] * length}) for length in data]
        histograms.append(read_length_histogram(statistics(*records), "t"))
    distance, _ = measure_ks_distance(*histograms)
    assert distance == pytest.approx(exact, abs=0.1)


def test_histogram_counts_the_records(statistics):
    low, high, count = read_length_histogram(statistics(*(({}, {"n": [1] * n}) for n in (1, 2, 2, 7))), "n")
    assert (low.min(), high.max(), count.sum()) == (1, 7, 4)


def test_histogram_of_a_feature_that_is_not_there_is_none(statistics):
    assert read_length_histogram(statistics(({"id": "x"}, {"t": ["a"]})), "u") is None
    assert read_length_histogram(statistics(({"id": "x"}, {"t": ["a"]})), "id") is None
