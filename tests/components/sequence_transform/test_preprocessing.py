"""The default preprocessing_fn, outside of Transform."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_transform import (
    VocabularyConfig,
    drop_value_dimension,
    preprocess,
)
from tfx_sequence.schemas.spec import Feature, SequenceSpec


def ragged(*records, dtype=tf.string):
    return tf.ragged.constant(records, dtype, ragged_rank=2, row_splits_dtype=tf.int64)


def test_one_value_a_step_drops_the_dimension_of_values():
    steps = drop_value_dimension(ragged([["a"], ["b"]], [], [["c"]]), "tokens")
    assert steps.to_list() == [[b"a", b"b"], [], [b"c"]]
    vectors = drop_value_dimension(ragged([[1.0, 2.0], [3.0, 4.0]], [], dtype=tf.float32), "lpc", 2)
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
        return drop_value_dimension(x, "lpc", width)

    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"feature 'lpc' has a step .* hold {width} value"):
        steps(x)


def test_vector_width_is_static_in_a_graph():
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, None], tf.float32, 2, tf.int64)])
    def steps(x):
        values = drop_value_dimension(x, "lpc", 3)
        assert values.shape.as_list() == [None, None, 3]
        return values

    np.testing.assert_array_equal(steps(ragged([[1.0, 2.0, 3.0]], dtype=tf.float32)).flat_values, [[1, 2, 3]])


def test_preprocess_refuses_a_setting_that_does_not_fit():
    spec = SequenceSpec(features={"tokens": Feature(kind="token"), "scores": Feature(kind="float")})
    with pytest.raises(ValueError, match=r"settings of 'scores': only strings .* scores is a float with role 'input'"):
        preprocess({}, spec, {"scores": VocabularyConfig()})
    with pytest.raises(ValueError, match=r"settings of 'tokens', `share`: no other string input is called 'words'"):
        preprocess({}, spec, {"tokens": VocabularyConfig(share="words")})


LONG = "ab\u00e9\U0001f600" * 100


def hashed(records, nested=False, **settings):
    """The outputs of a feature whose ids are hashes, which need no pass over the data."""
    spec = SequenceSpec(features={"tokens": Feature(kind="token", nested=nested)})
    config = VocabularyConfig(hash_buckets=1000, **settings)
    # In a graph of its own: TFT would keep the domains of ids that are made eagerly for the next graph.
    outputs = tf.function(lambda x: preprocess({"tokens": x}, spec, {"tokens": config}))(ragged(*records))
    return {name: value.to_list() for name, value in outputs.items()}


@pytest.mark.parametrize("limit", [1, 6, None], ids=["1", "6", "default"])
def test_characters_after_the_limit_are_cut_off_and_the_value_itself_is_not(limit):
    records = [[[LONG], ["ab\u00e9"], [""]], [], [["x" * 100], ["\U0001f600" * 101]]]
    limits = {} if limit is None else {"max_characters": limit}
    outputs = hashed(records, characters=True, **limits)
    cut = [[[value[: limit or 100] for value in step] for step in record] for record in records]
    assert outputs["tokens_characters"] == hashed(cut, characters=True, max_characters=1000)["tokens_characters"]
    assert outputs["tokens"] == hashed(records)["tokens"]
    assert max(len(step) for record in outputs["tokens_characters"] for step in record) == (limit or 100)


@pytest.mark.parametrize("limit", [1, 3, None], ids=["1", "3", "default"])
def test_values_of_a_step_after_the_limit_are_cut_off(limit):
    records = [[["a"], [], ["b", "a", "c", "d"]], [], [[f"v{number}" for number in range(300)], ["a", "b"]]]
    limits = {} if limit is None else {"max_values": limit}
    cut = [[step[: limit or 256] for step in record] for record in records]
    assert hashed(records, nested=True, **limits) == hashed(cut, nested=True, max_values=1000)


def test_characters_that_are_no_utf8_are_counted_as_they_are_split():
    outputs = hashed([[[b"\xff\xfe" + b"a" * 9]]], characters=True, max_characters=3)
    replaced = hashed([[["\ufffd\ufffda"]]], characters=True)
    assert outputs["tokens_characters"] == replaced["tokens_characters"]
