"""The steps that a transform adds to every sequence are found by the graph itself, whatever made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.added_steps import find_added_steps


def _add(before: list[int], after: list[int], max_steps: int = 9) -> Callable[[tf.Tensor], Mapping[str, Any]]:
    """Makes a transform of records that are only their lengths. Each step becomes the id 7."""

    def transform(records: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        lengths = tf.minimum(tf.strings.to_number(records, tf.int64), max_steps)
        steps = tf.RaggedTensor.from_row_lengths(tf.fill([tf.reduce_sum(lengths)], 7), lengths)
        begin, end = (tf.RaggedTensor.from_tensor(tf.constant([ids, ids], tf.int32)) for ids in (before, after))
        return {"ids": tf.concat([begin, steps, end], axis=1)}

    return transform


def _make_example(length: int) -> bytes:
    return str(length).encode()


@pytest.mark.parametrize("max_steps", [1, 9])
@pytest.mark.parametrize(
    ("before", "after"), [([], []), ([1], []), ([], [2]), ([1], [2]), ([1, 3], [2]), ([7], []), ([1], [1])], ids=str
)
def test_added_steps_are_counted_before_and_after(before: list[int], after: list[int], max_steps: int) -> None:
    added = find_added_steps(_add(before, after, max_steps), _make_example)
    assert added == (len(before), len(after))


def test_vectors_and_nested_steps_are_compared_whole() -> None:
    def transform(records: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        ids = _add([1], [2])(records)["ids"]
        letters = tf.RaggedTensor.from_row_lengths(tf.repeat(ids.values, 2), tf.fill([5], tf.constant(2, tf.int64)))
        vectors = tf.stack([tf.zeros([5]), tf.cast(ids.values, tf.float32)], 1)
        return {"vectors": ids.with_values(vectors), "letters": ids.with_values(letters)}

    assert find_added_steps(transform, _make_example) == (1, 1)


def test_numbers_that_are_equal_at_all_steps_move_no_step() -> None:
    def transform(records: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        ids = _add([1], [2])(records)["ids"]
        return {"numbers": ids.with_values(tf.zeros_like(ids.values)), "ids": ids}

    assert find_added_steps(transform, _make_example) == (1, 1)


def test_steps_that_do_not_follow_the_raw_ones_are_not_known() -> None:
    def make_windows(records: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        return {"ids": tf.RaggedTensor.from_row_lengths(tf.zeros([0]), tf.zeros_like(records, tf.int64))}

    def refuse_empty(records: tf.Tensor) -> dict[str, tf.RaggedTensor]:
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(records != b"0"), ["empty"])]):
            return {name: tf.identity(value) for name, value in _add([], [])(records).items()}

    assert find_added_steps(make_windows, _make_example) is None
    assert find_added_steps(refuse_empty, _make_example) is None
