"""Plans of batches: every record once, within the budget, with little padding."""

import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tfx_sequence.components.sequence_trainer.batches.planning import (
    compute_chunk_size,
    compute_padding_efficiency,
    find_bucket_boundaries,
    plan_batches,
)

_lengths = st.lists(st.integers(0, 40), min_size=1, max_size=60).map(np.array)


@given(
    _lengths,
    st.integers(1, 100),
    st.integers(1, 20),
    st.booleans(),
    st.lists(st.integers(1, 30), unique=True),
    st.integers(1, 4),
)
def test_plan_batches_takes_every_record_once_and_keeps_budget_and_boundaries(
    lengths, budget, chunk, shuffle, ends, group
):
    boundaries = sorted(ends)
    generator = np.random.default_rng(0) if shuffle else None
    batches = plan_batches(lengths, budget, chunk_size=chunk, generator=generator, boundaries=boundaries, group=group)
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        steps = [max(1, lengths[record]) for record in batch]
        assert len(batch) == 1 or len(batch) * max(steps) <= budget
        assert len({sum(step > boundary for boundary in boundaries) for step in steps}) == 1


def test_plan_batches_cuts_longest_first_as_computed_by_hand():
    lengths = np.array([3, 1, 7, 2, 6])
    batches = plan_batches(lengths, 14)
    assert [list(lengths[batch]) for batch in batches] == [[7, 6], [3, 2, 1]]
    padded = [7, 7, 3, 3, 3]
    assert compute_padding_efficiency(lengths, padded) == 19 / 23


def test_plan_batches_gives_a_record_beyond_the_budget_its_own_batch():
    batches = plan_batches(np.array([2, 50, 2]), 8)
    assert [list(batch) for batch in batches] == [[1], [0, 2]]


@given(_lengths, st.integers(1, 100), st.integers(1, 20), st.booleans())
def test_plan_batches_counts_the_steps_of_one_window_at_a_time(lengths, budget, window, shuffle):
    generator = np.random.default_rng(0) if shuffle else None
    batches = plan_batches(lengths, budget, generator=generator, window=window)
    assert sorted(itertools.chain(*batches)) == list(range(len(lengths)))
    for batch in batches:
        steps = [max(1, lengths[record]) for record in batch]
        windows = [-(-step // window) for step in steps]
        assert len(batch) == 1 or len(batch) * min(max(steps), window) <= budget
        assert max(windows) <= 2 * min(windows)


def test_plan_batches_of_windows_are_those_cut_by_hand():
    lengths = np.array([9, 80, 2, 90, 8, 9])
    batches = plan_batches(lengths, 40, window=10)
    assert [list(lengths[batch]) for batch in batches] == [[90, 80], [9, 9, 8, 2]]


def test_plan_batches_of_a_window_as_long_as_all_records_are_those_without_windows():
    lengths = np.random.default_rng(0).integers(0, 30, 200)
    plans = [plan_batches(lengths, 100, generator=np.random.default_rng(1), window=window) for window in (None, 30)]
    assert [list(batch) for batch in plans[0]] == [list(batch) for batch in plans[1]]


def test_plan_batches_counts_an_empty_record_as_one_step():
    assert [len(batch) for batch in plan_batches(np.zeros(5, int), 2)] == [2, 2, 1]


def test_plan_batches_mixes_records_anew_but_repeats_itself_when_the_seed_is_the_same():
    lengths = np.random.default_rng(0).integers(1, 30, 500)

    def plan(seed):
        return [tuple(batch) for batch in plan_batches(lengths, 200, generator=np.random.default_rng(seed))]

    assert plan(1) == plan(1)
    assert set(plan(1)).isdisjoint(plan(2))


@pytest.mark.parametrize("devices", [2, 8])
def test_plan_batches_gives_devices_batches_of_similar_lengths(devices):
    # Lengths from 5 to 200. A device needs time in proportion to the longest record of its batch.
    lengths = np.exp(np.random.default_rng(0).uniform(np.log(5), np.log(201), 5000)).astype(int)

    def wait(group):
        generator = np.random.default_rng(1)
        longest = [max(lengths[batch]) for batch in plan_batches(lengths, 2048, generator=generator, group=group)]
        updates = [longest[at : at + devices] for at in range(0, len(longest), devices)]
        return 1 - sum(longest) / sum(devices * max(update) for update in updates)

    assert wait(1) > 0.2
    assert wait(devices) < 0.07


def test_plan_batches_puts_the_smaller_group_last_and_permutes_the_others():
    lengths = np.arange(1, 12)
    batches = plan_batches(lengths, 1, generator=np.random.default_rng(0), group=3)
    longest = [lengths[batch][0] for batch in batches]
    groups = [longest[at : at + 3] for at in range(0, 11, 3)]
    assert groups[-1] == [2, 1]
    assert sorted(groups[:-1]) == [[5, 4, 3], [8, 7, 6], [11, 10, 9]]
    assert groups[:-1] != [[11, 10, 9], [8, 7, 6], [5, 4, 3]]


def test_plan_batches_keeps_efficiency_above_095_when_chunks_are_sorted():
    lengths = np.random.default_rng(0).geometric(1 / 15, 20_000)
    batches = plan_batches(lengths, 2048, generator=np.random.default_rng(1))
    padded = [lengths[batch].max() for batch in batches for _ in batch]
    assert compute_padding_efficiency(lengths, padded) > 0.95


def test_chunk_size_fills_64_batches_of_the_mean_length():
    assert compute_chunk_size(np.array([5, 15]), 100) == 640
    assert compute_chunk_size(np.array([], int), 1) == 64


@given(st.lists(st.integers(0, 12), min_size=1, max_size=30), st.integers(1, 4))
def test_bucket_boundaries_pad_no_more_than_any_other_choice(lengths, buckets):
    def padded(boundaries):
        return sum(min(boundary for boundary in boundaries if boundary >= length) for length in lengths)

    boundaries = find_bucket_boundaries(lengths, buckets)
    assert list(boundaries) == sorted(set(boundaries))
    assert len(boundaries) <= buckets
    distinct = sorted({max(1, length) for length in lengths})
    choices = [
        choice
        for size in range(1, buckets + 1)
        for choice in itertools.combinations(distinct, size)
        if choice[-1] == distinct[-1]
    ]
    assert padded(boundaries) == min(map(padded, choices))


def test_bucket_boundaries_are_those_computed_by_hand():
    # One bucket pads to 9 * 6 = 54, {2, 9} to 2 * 4 + 9 * 2 = 26, and each length on its own to nothing.
    assert find_bucket_boundaries([1, 2, 2, 2, 8, 9], 1) == (9,)
    assert find_bucket_boundaries([1, 2, 2, 2, 8, 9], 2) == (2, 9)
    assert find_bucket_boundaries([1, 2, 2, 2, 8, 9], 9) == (1, 2, 8, 9)


def test_bucket_boundaries_hold_the_longest_when_there_are_very_many_lengths():
    boundaries = find_bucket_boundaries(np.arange(5000), 4)
    assert len(boundaries) == 4
    assert boundaries[-1] == 4999
    # Evenly spread lengths make evenly spread buckets.
    np.testing.assert_allclose(boundaries, [1250, 2500, 3750, 5000], rtol=0.01)


@pytest.mark.parametrize(("lengths", "buckets"), [([], 3), ([4], 0)])
def test_bucket_boundaries_refuse_when_there_is_nothing_to_bound(lengths, buckets):
    with pytest.raises(ValueError, match=f"given {len(lengths)} lengths and {buckets} buckets"):
        find_bucket_boundaries(lengths, buckets)


@pytest.mark.parametrize("name", ["batch_tokens", "chunk_size", "group", "window"])
def test_plan_batches_refuses_a_number_below_one(name):
    arguments = {"batch_tokens": 8, name: 0}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, but is 0"):
        plan_batches(np.array([3, 1]), **arguments)


def test_padding_efficiency_is_one_when_there_is_nothing():
    assert compute_padding_efficiency([], []) == 1.0
