"""The default preprocessing_fn, outside of Transform."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_transform import (
    VocabularyConfig,
    one_value_a_step,
    preprocess,
)
from tfx_sequence.schemas.spec import Feature, SequenceSpec


def ragged(*records, dtype=tf.string):
    return tf.ragged.constant(records, dtype, ragged_rank=2, row_splits_dtype=tf.int64)


def test_one_value_a_step_drops_the_dimension_of_values():
    steps = one_value_a_step(ragged([["a"], ["b"]], [], [["c"]]), "tokens")
    assert steps.to_list() == [[b"a", b"b"], [], [b"c"]]
    vectors = one_value_a_step(ragged([[1.0, 2.0], [3.0, 4.0]], [], dtype=tf.float32), "lpc", 2)
    assert vectors.flat_values.shape == (2, 2)
    assert vectors.row_lengths().numpy().tolist() == [2, 0]


@pytest.mark.parametrize(
    ("x", "width"),
    [
        (ragged([["a"], []]), 1),
        (ragged([["a", "b"]]), 1),
        (ragged([["a"], [], ["b", "c"]]), 1),
        (ragged([[1.0, 2.0], [3.0]], dtype=tf.float32), 2),
        (ragged([[1.0], [2.0, 3.0, 4.0]], dtype=tf.float32), 2),
    ],
)
def test_one_value_a_step_refuses_a_step_of_another_size(x, width):
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, None], x.dtype, 2, tf.int64)])
    def steps(x):
        return one_value_a_step(x, "lpc", width)

    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"feature 'lpc' has a step .* hold {width} value"):
        steps(x)


def test_vector_width_is_static_in_a_graph():
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, None], tf.float32, 2, tf.int64)])
    def steps(x):
        values = one_value_a_step(x, "lpc", 3)
        assert values.shape.as_list() == [None, None, 3]
        return values

    np.testing.assert_array_equal(steps(ragged([[1.0, 2.0, 3.0]], dtype=tf.float32)).flat_values, [[1, 2, 3]])


def test_preprocess_refuses_a_setting_that_does_not_fit():
    spec = SequenceSpec(features={"tokens": Feature(kind="token"), "scores": Feature(kind="float")})
    with pytest.raises(ValueError, match=r"settings of 'scores': only strings .* scores is a float with role 'input'"):
        preprocess({}, spec, {"scores": VocabularyConfig()})
    with pytest.raises(ValueError, match=r"settings of 'tokens', `share`: no other string input is called 'words'"):
        preprocess({}, spec, {"tokens": VocabularyConfig(share="words")})
