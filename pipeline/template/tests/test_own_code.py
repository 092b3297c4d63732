"""Tests the code of this project. Run `python -m pytest` in the folder of the project."""

import tensorflow as tf
from own_code import word_size


def test_word_size_counts_characters_not_bytes():
    words = tf.ragged.constant([["four", "çay"], []])
    assert word_size(words).to_list() == [[0.5, 0.375], []]
