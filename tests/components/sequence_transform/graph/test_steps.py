"""Changes of steps, against Python lists."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform import (
    add_first_step,
    add_last_step,
    make_windows,
    take_next_steps,
    take_previous_steps,
    truncate,
)

_sequences = st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=4)
_nested = st.lists(st.lists(st.lists(st.integers(1, 9), max_size=2), max_size=3), max_size=3)


def ragged(rows, rank=1):
    return tf.ragged.constant(rows, tf.int64, ragged_rank=rank, row_splits_dtype=tf.int64)


@given(_sequences)
def test_next_and_previous_steps_are_those_beside(rows):
    assert take_next_steps(ragged(rows), 77).to_list() == [[*row[1:], 77] if row else [] for row in rows]
    assert take_previous_steps(ragged(rows), 88).to_list() == [[88, *row[:-1]] if row else [] for row in rows]


@given(_sequences)
def test_with_first_and_with_last_add_a_step_to_every_sequence(rows):
    assert add_first_step(ragged(rows), 88).to_list() == [[88, *row] for row in rows]
    assert add_last_step(ragged(rows), 77).to_list() == [[*row, 77] for row in rows]


@given(_sequences)
def test_a_language_models_targets_are_its_inputs_a_step_later(rows):
    inputs = add_first_step(ragged(rows), 88)
    targets = take_next_steps(inputs, 77)
    assert inputs.to_list() == [[88, *row] for row in rows]
    assert targets.to_list() == [[*row, 77] for row in rows]


@given(_nested, st.integers(1, 3))
def test_steps_of_several_values_are_kept_whole(rows, size):
    assert truncate(ragged(rows, 2), size).to_list() == [row[:size] for row in rows]
    assert add_first_step(ragged(rows, 2), 88).to_list() == [[[88], *row] for row in rows]
    assert add_last_step(ragged(rows, 2), 77).to_list() == [[*row, [77]] for row in rows]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_truncate_keeps_the_first_steps_and_the_width_of_vectors(size):
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, 2], tf.float32, 1, tf.int64)])
    def cut(x):
        y = truncate(x, size)
        assert y.shape.as_list() == [None, None, 2]
        return y

    values = np.arange(10, dtype=np.float32).reshape(5, 2)
    cut_values = cut(tf.RaggedTensor.from_row_lengths(values, np.array([3, 0, 2], np.int64)))
    for row, expected in zip(cut_values, (values[:3], values[:0], values[3:]), strict=True):
        np.testing.assert_array_equal(row, expected[:size])


def windows(row, size, stride):
    """In plain Python: every full window."""
    return [row[start : start + size] for start in range(0, len(row), stride) if start + size <= len(row)]


@given(st.lists(st.lists(st.integers(1, 9), max_size=9), max_size=4), st.integers(1, 4), st.integers(1, 5))
def test_window_gives_the_full_windows_and_nothing_of_shorter_sequences(rows, size, stride):
    found = make_windows(ragged(rows), size, stride)
    assert found.to_list() == [windows(row, size, stride) for row in rows]
    assert found.shape.as_list() == [len(rows), None, size]


def test_window_keeps_vectors_whole_and_knows_its_width_in_a_graph():
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, 2], tf.float32, 1, tf.int64)])
    def framed(x):
        y = make_windows(x, 3, 2)
        assert y.shape.as_list() == [None, None, 3, 2]
        return y

    values = np.arange(16, dtype=np.float32).reshape(8, 2)
    found = framed(tf.RaggedTensor.from_row_lengths(values, np.array([6, 0, 2], np.int64)))
    assert found.to_list() == [[values[0:3].tolist(), values[2:5].tolist()], [], []]


@pytest.mark.parametrize(("size", "stride", "name"), [(0, 1, "size"), (2, 0, "stride")])
def test_window_raises_when_size_or_stride_is_less_than_one(size, stride, name):
    with pytest.raises(ValueError, match=f"`{name}` must be at least 1, but is 0"):
        make_windows(ragged([[1]]), size, stride)
