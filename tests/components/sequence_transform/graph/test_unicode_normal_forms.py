"""Unicode normalisation in the graph, against Python's."""

from __future__ import annotations

import sys
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform import normalize

FORMS = ("NFC", "NFKC")
_EVERY = map(chr, range(sys.maxunicode + 1))
_CHARS = [char for char in _EVERY if unicodedata.category(char) not in ("Cn", "Co", "Cs")]
MARKS = [char for char in _CHARS if unicodedata.combining(char)]
CHANGING = [char for char in _CHARS if any(unicodedata.normalize(form, char) != char for form in ("NFD", "NFKD"))]
# Bases that join each other, Hangul of all kinds, composites that are excluded.
_BASES = "ae\u1100\u1161\u11a7\u11a8\uac00\uac01\u0cc6\u0cc2\u0cd5\u09c7\u09be\u0958\u2adc\ufb1d\u212b\u1e9b\u0344"
_texts = st.text(st.one_of(st.sampled_from(_BASES), st.sampled_from(MARKS), st.sampled_from(CHANGING)), max_size=8)
_plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cn"]), max_size=6)


def graph(form):
    return tf.function(lambda x: normalize(x, form), input_signature=[tf.TensorSpec([None], tf.string)])


GRAPHS = {form: graph(form) for form in FORMS}


def normalized(values, form):
    x = tf.constant([value.encode() for value in values], tf.string, [len(values)])
    return [value.decode() for value in GRAPHS[form](x).numpy()]


@pytest.mark.parametrize("form", FORMS)
def test_normalize_agrees_with_python_on_every_character(form):
    assert normalized(_CHARS, form) == [unicodedata.normalize(form, char) for char in _CHARS]


@pytest.mark.parametrize("form", FORMS)
def test_normalize_agrees_with_python_on_every_decomposition(form):
    values = [unicodedata.normalize("NFD", char) + "\u0323\u0301" for char in CHANGING]
    assert normalized(values, form) == [unicodedata.normalize(form, value) for value in values]


@settings(max_examples=300)
@given(st.lists(st.one_of(_texts, _plain), max_size=4), st.sampled_from(FORMS))
def test_normalize_agrees_with_python(values, form):
    assert normalized(values, form) == [unicodedata.normalize(form, value) for value in values]


def test_normalize_replaces_bytes_that_are_not_utf8():
    assert GRAPHS["NFC"](tf.constant([b"a\xffb", b"plain"])).numpy().tolist() == ["a\ufffdb".encode(), b"plain"]
