"""The pieces of a preprocessing_fn, outside of Transform."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform import (
    VocabularyConfig,
    lowercase,
    one_value_a_step,
    prefix,
    preprocess,
    suffix,
)
from tfx_sequence.components.sequence_transform.graph.graph_check import zero_if
from tfx_sequence.schemas.spec import Feature, SequenceSpec

# TensorFlow ends a string at a NUL when it lowers it.
_texts = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6), max_size=5)
_LETTERS = "I\u0130i\u0131J\u0301\u0307\u012e\u00cc\u00cd\u0128\u03a3\u03c3\u00df\u01c4AZ"


def ragged(*records, dtype=tf.string):
    return tf.ragged.constant(records, dtype, ragged_rank=2, row_splits_dtype=tf.int64)


@given(_texts, st.integers(1, 4))
def test_prefix_and_suffix_are_those_of_python(values, length):
    x = tf.constant([value.encode() for value in values], tf.string, [len(values)])
    assert [value.decode() for value in prefix(x, length).numpy()] == [value[:length] for value in values]
    assert [value.decode() for value in suffix(x, length).numpy()] == [value[-length:] for value in values]


@given(_texts | st.lists(st.text(_LETTERS, max_size=4), max_size=5))
def test_lowercase_is_that_of_python(values):
    x = tf.constant([value.encode() for value in values], tf.string, [len(values)])
    assert [value.decode() for value in lowercase(x).numpy()] == [value.lower() for value in values]


@pytest.mark.parametrize("locale", ["tr_TR.UTF-8", "lt_LT.UTF-8"])
def test_lowercase_does_not_depend_on_the_locale(locale):
    script = (
        "import tensorflow as tf\n"
        "from tfx_sequence.components.sequence_transform.graph.strings import lowercase\n"
        f"print(ascii(lowercase({_LETTERS!r} + 'I').numpy().decode()))\n"
    )
    env = {**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1"}
    shown = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True).stdout
    assert shown.strip() == ascii((_LETTERS + "I").lower())


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


def test_zero_if_fails_with_its_message_only_when_it_is_used():
    @tf.function
    def run(x, used):
        checked = zero_if(x > 0, "x must be positive")
        return x + checked if used else x

    assert run(tf.constant(3, tf.int64), True) == 3
    assert run(tf.constant(-3, tf.int64), False) == -3
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be positive"):
        run(tf.constant(-3, tf.int64), True)


def test_preprocess_refuses_a_setting_that_does_not_fit():
    spec = SequenceSpec(features={"tokens": Feature(kind="token"), "scores": Feature(kind="float")})
    with pytest.raises(ValueError, match=r"settings of 'scores': only strings .* scores is a float with role 'input'"):
        preprocess({}, spec, {"scores": VocabularyConfig()})
    with pytest.raises(ValueError, match=r"settings of 'tokens', `share`: no other string input is called 'words'"):
        preprocess({}, spec, {"tokens": VocabularyConfig(share="words")})
