"""Changes of strings, checked against those of Python."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.sequence_transform import fold_digits, lowercase, take_prefix, take_suffix

# TensorFlow ends a string at a NUL when it lowers it.
_texts = st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=6), max_size=5)
_LETTERS = "I\u0130i\u0131J\u0301\u0307\u012e\u00cc\u00cd\u0128\u03a3\u03c3\u00df\u01c4AZ"


@given(_texts, st.integers(1, 4))
def test_prefix_and_suffix_agree_with_python(values, length):
    x = tf.constant([value.encode() for value in values], tf.string, [len(values)])
    assert [value.decode() for value in take_prefix(x, length).numpy()] == [value[:length] for value in values]
    assert [value.decode() for value in take_suffix(x, length).numpy()] == [value[-length:] for value in values]


@given(_texts | st.lists(st.text(_LETTERS, max_size=4), max_size=5))
def test_lowercase_agrees_with_python(values):
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


@given(st.lists(st.text(max_size=6), max_size=5))
def test_fold_digits_changes_decimal_digits_alone(values):
    # Characters that newer versions of Unicode have added may be digits for one and nothing for the other.
    old = unicodedata.ucd_3_2_0
    values = [value for value in values if all(old.category(char) != "Cn" for char in value)]
    folded = [value.decode() for value in fold_digits([value.encode() for value in values] or [b""]).numpy()]
    expected = ["".join("0" if old.category(char) == "Nd" else char for char in value) for value in values]
    assert folded == (expected or [""])


@pytest.mark.parametrize("take_affix", [take_prefix, take_suffix])
def test_affixes_are_refused_when_they_have_no_characters(take_affix):
    with pytest.raises(ValueError, match="`length` must be at least 1, but is 0"):
        take_affix(tf.constant(["a"]), 0)
