"""Changes of strings as graph ops, with the same result at training and at serving, on every machine."""

from __future__ import annotations

import tensorflow as tf

# `tf.strings.lower` follows the locale of the process, so a model trained under a Turkish or Lithuanian locale would
# see other strings when served under another one. These are the letters that locales differ in: they are replaced
# first.
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
    """Converts strings to Unicode lower case as `str.lower` does, whatever the locale."""
    for upper, lower in _LOCALE_DEPENDENT:
        x = tf.strings.regex_replace(x, upper, lower)
    return tf.strings.lower(x, encoding="utf-8")


def fold_digits(x: tf.Tensor) -> tf.Tensor:
    """Replaces every decimal digit, of any script, by 0."""
    return tf.strings.regex_replace(x, r"\p{Nd}", "0")


def prefix(x: tf.Tensor, length: int) -> tf.Tensor:
    """Takes the first `length` characters of each string, or all of a shorter one."""
    return tf.strings.substr(x, 0, length, unit="UTF8_CHAR")


def suffix(x: tf.Tensor, length: int) -> tf.Tensor:
    """Takes the last `length` characters of each string, or all of a shorter one."""
    start = tf.maximum(tf.strings.length(x, unit="UTF8_CHAR") - length, 0)
    return tf.strings.substr(x, start, tf.fill(tf.shape(start), length), unit="UTF8_CHAR")


def characters(x: tf.Tensor) -> tf.RaggedTensor:
    """Splits each string into characters (code points), `[N]` to `[N, (C)]`; invalid UTF-8 becomes U+FFFD."""
    return tf.strings.unicode_split(x, "UTF-8")
