"""Changes strings with graph ops, whose result is the same in training and serving and on every machine."""

from __future__ import annotations

import tensorflow as tf

# The result of `tf.strings.lower` depends on the locale of the process. A model trained under a Turkish or Lithuanian
# locale would therefore get other strings when it is served under another locale. Only the letters in this table depend
# on the locale, and `lowercase` replaces them before it calls `tf.strings.lower`.
_LOCALE_DEPENDENT = (
    ("\u0130", "i\u0307"),
    ("I", "i"),
    ("J", "j"),
    ("\u012e", "\u012f"),
    ("\u00cc", "\u00ec"),
    ("\u00cd", "\u00ed"),
    ("\u0128", "\u0129"),
)


def lowercase(x: tf.Tensor) -> tf.Tensor:
    """Converts strings to Unicode lower case as `str.lower` does, under every locale."""
    for upper, lower in _LOCALE_DEPENDENT:
        x = tf.strings.regex_replace(x, upper, lower)
    return tf.strings.lower(x, encoding="utf-8")


def fold_digits(x: tf.Tensor) -> tf.Tensor:
    """Replaces every decimal digit by 0, in all scripts."""
    return tf.strings.regex_replace(x, r"\p{Nd}", "0")


def take_prefix(x: tf.Tensor, length: int) -> tf.Tensor:
    """Takes the first `length` characters of each string. A shorter string is not changed.

    Raises:
      ValueError: if `length` is less than 1.
    """
    _check_length(length)
    return tf.strings.substr(x, 0, length, unit="UTF8_CHAR")


def take_suffix(x: tf.Tensor, length: int) -> tf.Tensor:
    """Takes the last `length` characters of each string. A shorter string is not changed.

    Raises:
      ValueError: if `length` is less than 1.
    """
    _check_length(length)
    start = tf.maximum(tf.strings.length(x, unit="UTF8_CHAR") - length, 0)
    return tf.strings.substr(x, start, tf.fill(tf.shape(start), length), unit="UTF8_CHAR")


def split_characters(x: tf.Tensor) -> tf.RaggedTensor:
    """Splits strings `[N]` into characters (code points) `[N, (C)]`. Invalid UTF-8 becomes U+FFFD."""
    return tf.strings.unicode_split(x, "UTF-8")


def _check_length(length: int) -> None:
    """Raises a ValueError if an affix would have no characters."""
    if length < 1:
        raise ValueError(f"`length` must be at least 1, but is {length}")
