"""Converts strings to a Unicode normal form (NFC or NFKC) with graph ops.

TensorFlow has no op for this, and the op of TensorFlow Text is not in every serving binary. The algorithm is the one of
the standard and works on the code points of all strings at once. An example for NFC has two strings: "q" with a dot
above (U+0307) and a dot below (U+0323), and "d with a dot above" (U+1E0B) with a dot below::

    string     0      0      0        1      1
    points     q      0307   0323     1E0B   0323
    decompose  q      0307   0323     d      0307   0323    1E0B is replaced by its decomposition, d and 0307
    order      q      0323   0307     d      0323   0307    the marks after a base are sorted by combining class
    compose    q      0323   0307     1E0D   0307           d and 0323 have the composite 1E0D, q and 0323 have none

A mark with the same class as the mark before it keeps its place, and cannot be composed with the base.

The tables come from the Python program that makes the graph and are stored in the graph. Serving needs no other tables.

Source: Unicode Standard Annex #15, "Unicode Normalization Forms"; for Hangul, The Unicode Standard, section 3.12.
"""

from __future__ import annotations

import functools
import sys
import unicodedata
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

Form = Literal["NFC", "NFKC"]

_Ints = np.ndarray[Any, np.dtype[np.int64]]

_CODE_POINT_BITS = 21
"""The number of bits of a code point. Two code points fit into one int64, which is the key of a pair."""

_MAX_CLASSES = 256
"""The number of combining classes, 0 to 254, rounded up. Marks are sorted by base number * _MAX_CLASSES + class."""

# The composites of Hangul are computed and not looked up. A leading consonant and a vowel make an open syllable. An
# open syllable and a trailing consonant make a closed syllable. The first trail code point means "no trailing
# consonant".
_LEADS, _VOWELS, _TRAILS, _SYLLABLES = 0x1100, 0x1161, 0x11A7, 0xAC00
_NUM_LEADS, _NUM_VOWELS, _NUM_TRAILS = 19, 21, 28
_NUM_SYLLABLES = _NUM_LEADS * _NUM_VOWELS * _NUM_TRAILS


class _Tables(NamedTuple):
    """The tables of one normal form. `changing`, `marks` and `pairs` are sorted, for binary search.

    Attributes:
      changing: The code points that decompose, `[K]`.
      parts: The decompositions of all code points in `changing`, one after another, `[P]`.
      starts: The position in `parts` of each decomposition, followed by the length of `parts`, `[K + 1]`.
      marks: The code points that have a combining class, `[M]`.
      classes: The combining classes of `marks`, `[M]`.
      pairs: Pairs of code points that compose, each pair as one number, `[C]`.
      composites: The composite of each pair, `[C]`.
    """

    changing: _Ints
    parts: _Ints
    starts: _Ints
    marks: _Ints
    classes: _Ints
    pairs: _Ints
    composites: _Ints


def normalize(x: tf.Tensor, form: Form) -> tf.Tensor:
    """Converts strings `[N]` to a normal form, as `unicodedata.normalize` does.

    Bytes that are not UTF-8 become U+FFFD. With older versions of TensorFlow, noncharacters such as U+FDD0 become
    U+FFFD as well.
    """
    # Most strings are ASCII, which no form changes. Only the other strings are converted.
    positions = tf.where(tf.logical_not(tf.strings.regex_full_match(x, "[[:ascii:]]*")))
    tables = _make_tables(form)
    decoded = tf.strings.unicode_decode(tf.gather_nd(x, positions), "UTF-8")
    points, rows = _decompose(tf.cast(decoded.values, tf.int64), decoded.value_rowids(), tables)
    points = _order_marks(points, rows, tables)
    points, rows = _compose(points, rows, tables)
    normal = tf.RaggedTensor.from_value_rowids(tf.cast(points, tf.int32), rows, decoded.nrows(), validate=False)
    return tf.tensor_scatter_nd_update(x, positions, tf.strings.unicode_encode(normal, "UTF-8"))


@functools.cache
def _make_tables(form: Form) -> _Tables:
    """Makes the tables of a form from those of Python."""
    decomposed_form: Literal["NFD", "NFKD"] = "NFD" if form == "NFC" else "NFKD"
    changing: dict[int, str] = {}
    marks: dict[int, int] = {}
    pairs: dict[int, int] = {}
    for char in map(chr, range(sys.maxunicode + 1)):
        if unicodedata.combining(char):
            marks[ord(char)] = unicodedata.combining(char)
        if not unicodedata.decomposition(char):
            continue
        parts = unicodedata.normalize(decomposed_form, char)
        if parts != char:
            changing[ord(char)] = parts
        pair = _find_pair(char)
        if pair is not None:
            pairs[pair] = ord(char)
    return _Tables(
        changing=np.array([*changing], np.int64),
        parts=np.array([ord(part) for parts in changing.values() for part in parts], np.int64),
        starts=np.cumsum([0, *map(len, changing.values())]),
        marks=np.array([*marks], np.int64),
        classes=np.array([*marks.values()], np.int64),
        pairs=np.array(sorted(pairs), np.int64),
        composites=np.array([pairs[pair] for pair in sorted(pairs)], np.int64),
    )


def _find_pair(char: str) -> int | None:
    """Returns the key of the pair of code points that compose to `char`; None if no pair does."""
    halves = unicodedata.decomposition(char).split()
    # In a decomposition such as `<font> 0041`, the first part is a tag, and the character has no pair.
    is_pair = len(halves) == 2 and "<" not in halves[0]
    # The standard excludes some composites. NFC decomposes them.
    if not is_pair or unicodedata.normalize("NFC", char) != char:
        return None
    return int(halves[0], 16) << _CODE_POINT_BITS | int(halves[1], 16)


def _search_sorted(keys: _Ints, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the position of each value in the sorted keys, and whether the keys contain the value.

    The position is only meaningful if the keys contain the value.
    """
    positions = tf.minimum(tf.searchsorted(keys, x, out_type=tf.int64), len(keys) - 1)
    return positions, tf.equal(tf.gather(keys, positions), x)


def _find_classes(points: tf.Tensor, tables: _Tables) -> tf.Tensor:
    """Returns the combining class of each code point, which is 0 for a base."""
    positions, is_mark = _search_sorted(tables.marks, points)
    return tf.where(is_mark, tf.gather(tables.classes, positions), 0)


def _decompose(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces code points by their decompositions.

    Args:
      points: The code points of all strings, one string after another, int64 `[P]`.
      rows: The number of the string of each code point, int64 `[P]`.
      tables: The tables of the normal form.

    Returns:
      The new code points and their rows, int64 `[Q]`.
    """
    positions, is_changing = _search_sorted(tables.changing, points)
    # All results are gathered from one list: the parts of decompositions, followed by the points, for those that do not
    # change.
    values = tf.concat([tables.parts, points], axis=0)
    unchanged_positions = len(tables.parts) + tf.range(tf.size(points, out_type=tf.int64))
    starts = tf.where(is_changing, tf.gather(tables.starts, positions), unchanged_positions)
    limits = tf.where(is_changing, tf.gather(tables.starts, positions + 1), unchanged_positions + 1)
    sources = tf.ragged.range(starts, limits)
    return tf.gather(values, sources.values), tf.gather(rows, sources.value_rowids())


def _order_marks(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tf.Tensor:
    """Sorts the marks after each base by their combining class, and keeps the order of marks of one class."""
    classes = _find_classes(points, tables)
    base_numbers = tf.cumsum(tf.cast(tf.equal(classes, 0), tf.int64))
    # Marks at the start of a string have no base. Without the number of the string in the key, they would be sorted
    # together with the marks of the string before.
    base_numbers += rows * (tf.size(points, out_type=tf.int64) + 1)
    return tf.gather(points, tf.argsort(base_numbers * _MAX_CLASSES + classes, stable=True))


def _compose(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Composes pairs from left to right. Each round composes the first pair that is left in every string.

    round 1     d  0323  0307     a  0301     the first pair of each string is composed: d 0323, a 0301
    round 2     1E0D     0307     00E1        positions up to a composed mark are not tried again
    """

    def compose_first_pairs(
        points: tf.Tensor, rows: tf.Tensor, is_passed: tf.Tensor, _: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        bases, composites = _find_composites(points, rows, tables)
        candidates = tf.where(tf.logical_and(composites >= 0, tf.logical_not(is_passed)))[:, 0]
        marks, rows_of_marks = _select_first_per_row(candidates, tf.gather(rows, candidates))
        # The composite replaces the base, and the mark is dropped.
        points = tf.tensor_scatter_nd_update(
            points, tf.gather(bases, marks)[:, tf.newaxis], tf.gather(composites, marks)
        )
        num_rows = tf.reduce_max(tf.concat([[-1], rows], axis=0)) + 1
        last_marks = tf.tensor_scatter_nd_update(
            tf.fill([num_rows], tf.constant(-1, tf.int64)), rows_of_marks[:, tf.newaxis], marks
        )
        positions = tf.range(tf.size(points, out_type=tf.int64))
        is_passed = tf.logical_or(is_passed, positions <= tf.gather(last_marks, rows))
        is_kept = tf.tensor_scatter_nd_update(
            tf.ones_like(points, tf.bool), marks[:, tf.newaxis], tf.zeros_like(marks, tf.bool)
        )
        points = tf.boolean_mask(points, is_kept)
        rows = tf.boolean_mask(rows, is_kept)
        is_passed = tf.boolean_mask(is_passed, is_kept)
        has_composed = tf.size(marks) > 0
        return points, rows, is_passed, has_composed

    points, rows, *_ = tf.while_loop(
        lambda *state: state[-1],
        compose_first_pairs,
        (points, rows, tf.zeros_like(points, tf.bool), tf.size(points) > 0),
        shape_invariants=(tf.TensorShape([None]),) * 3 + (tf.TensorShape([]),),
    )
    return points, rows


def _select_first_per_row(positions: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the first position in each row, and the row. Positions are sorted by row."""
    is_new_row = rows[1:] > rows[:-1]
    # The slice makes the mask empty if there are no positions.
    is_first = tf.concat([tf.ones([1], tf.bool), is_new_row], axis=0)[: tf.size(positions)]
    return tf.boolean_mask(positions, is_first), tf.boolean_mask(rows, is_first)


def _find_composites(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the position of the base before each code point, and the composite of the two, or -1 if there is none."""
    classes = _find_classes(points, tables)
    is_base = tf.cast(tf.equal(classes, 0), tf.int64)
    positions = tf.range(tf.size(points, out_type=tf.int64))
    bases_before = tf.cumsum(is_base, exclusive=True)
    # A code point without a base before it gets the position 0, and `has_base` is False for it.
    bases = tf.gather(tf.concat([[0], tf.where(is_base > 0)[:, 0]], axis=0), bases_before)
    has_base = tf.logical_and(bases_before > 0, tf.equal(tf.gather(rows, bases), rows))
    # A mark is blocked unless it follows its base directly or all marks between them have lower classes.
    previous_classes = tf.concat([[0], classes[:-1]], axis=0)[: tf.size(points)]
    is_free = tf.logical_or(tf.equal(bases, positions - 1), previous_classes < classes)
    base_points = tf.gather(points, bases)
    pairs = tf.bitwise.left_shift(base_points, tf.constant(_CODE_POINT_BITS, tf.int64)) + points
    pair_positions, is_pair = _search_sorted(tables.pairs, pairs)
    composites = tf.where(is_pair, tf.gather(tables.composites, pair_positions), _compose_hangul(base_points, points))
    return bases, tf.where(tf.logical_and(has_base, is_free), composites, -1)


def _compose_hangul(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns the Hangul syllable that two code points make, or -1 if they make none."""
    lead = first - _LEADS
    vowel = second - _VOWELS
    makes_open_syllable = _is_within(lead, 0, _NUM_LEADS) & _is_within(vowel, 0, _NUM_VOWELS)
    open_syllable = _SYLLABLES + (lead * _NUM_VOWELS + vowel) * _NUM_TRAILS

    syllable = first - _SYLLABLES
    trail = second - _TRAILS
    # A trailing consonant can follow only an open syllable, which is one of every `_NUM_TRAILS` syllables.
    is_open_syllable = tf.equal(tf.math.floormod(syllable, _NUM_TRAILS), 0)
    makes_closed_syllable = (
        _is_within(syllable, 0, _NUM_SYLLABLES) & is_open_syllable & _is_within(trail, 1, _NUM_TRAILS)
    )
    closed_syllable = first + trail
    return tf.where(makes_open_syllable, open_syllable, tf.where(makes_closed_syllable, closed_syllable, -1))


def _is_within(x: tf.Tensor, low: int, end: int) -> tf.Tensor:
    """Returns whether `low <= x < end`."""
    return tf.logical_and(x >= low, x < end)
