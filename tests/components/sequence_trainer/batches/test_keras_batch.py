"""The arguments of `keras.Model.fit` that are made of a batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer import make_keras_batch

BATCH = {
    "tokens": tf.constant([[7, 3, 5], [4, 0, 0], [0, 0, 0]], tf.int64),
    "parts": tf.ones([3, 3, 2], tf.int64),
    "parts/lengths": tf.ones([3, 3], tf.int64),
    "tags": tf.constant([[2, 1, 2], [3, 9, 0], [9, 0, 0]], tf.int64),
    "intent": tf.constant([1, 2, 1], tf.int64),
    "pitch": tf.ones([3, 3]),
    "lengths": tf.constant([3, 1, 0], tf.int64),
}


def test_labels_of_steps_become_classes_and_padding_has_the_weight_0() -> None:
    x, y, weights = make_keras_batch(BATCH, ["tokens", "parts"], "tags")
    assert {name: value.shape for name, value in x.items()} == {
        name: BATCH[name].shape for name in ("tokens", "parts", "parts/lengths", "lengths")
    }
    np.testing.assert_array_equal(y, [[1, 0, 1], [2, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(weights, [[1, 1, 1], [1, 0, 0], [0, 0, 0]])


def test_labels_of_records_all_count() -> None:
    _, y, weights = make_keras_batch(BATCH, ["tokens"], "intent")
    np.testing.assert_array_equal(y, [0, 1, 0])
    np.testing.assert_array_equal(weights, [1, 1, 1])


@pytest.mark.parametrize(
    ("inputs", "label", "message"),
    [
        (["words"], "tags", r"the batch has no 'words'; it has tokens, parts"),
        (["tokens"], "tag", r"the batch has no 'tag'"),
        (["tokens"], "pitch", r"the label 'pitch' is float32 \(3, 3\), but must be ids, integers \[B, T\] or \[B\]"),
        (["tokens"], "parts", r"the label 'parts' is int64 \(3, 3, 2\), but must be ids"),
    ],
)
def test_what_is_not_there_or_no_id_is_refused(inputs: list[str], label: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_keras_batch(BATCH, inputs, label)
