"""Unicode normalisation as graph ops. TensorFlow has none, and the op of TensorFlow Text is not in every server.

The algorithm is that of the standard, on the code points of all strings at once. For NFC, and the two strings "q" with
a dot above (U+0307) and then a dot below (U+0323), and U+1E0B (d with a dot above) with a dot below::

    string     0      0      0        1      1
    points     q      0307   0323     1E0B   0323
    decompose  q      0307   0323     d      0307   0323    each code point becomes those that it stands for
    order      q      0323   0307     d      0323   0307    the marks of a base by their class; equal ones stay in order
    compose    q      0323   0307     1E0D   0307           a mark that is not blocked joins its base, if there is a
                                                            composite of the two: d and 0323 are 1E0D

The tables are those of the Python that makes the graph, and are in the graph: serving needs no others.

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
"""Every code point is below 2**21, so two of them fit into one int64 key."""

_MAX_CLASSES = 256
"""Combining classes are from 0 to 254, so a base's number and a class fit into one key to sort by."""

# Hangul syllables have composites by arithmetic: a leading consonant and a vowel make an open syllable, and that and a
# trailing consonant make a closed one. The first trail code point stands for "no trailing consonant".
_LEADS, _VOWELS, _TRAILS, _SYLLABLES = 0x1100, 0x1161, 0x11A7, 0xAC00
_NUM_LEADS, _NUM_VOWELS, _NUM_TRAILS = 19, 21, 28
_NUM_SYLLABLES = _NUM_LEADS * _NUM_VOWELS * _NUM_TRAILS


class _Tables(NamedTuple):
    """The tables of one normal form. Code points and pairs are sorted, for binary search.

    Attributes:
      changing: The code points that decompose, `[K]`.
      parts: The code points that they decompose into, end to end, `[P]`.
      starts: The position of the first part of each, and at last the number of all parts, `[K + 1]`.
      marks: The code points that have a combining class, `[M]`.
      classes: Their classes, `[M]`.
      pairs: A first and a second code point, in one number each, `[C]`.
      composites: The code point that each pair composes to, `[C]`.
    """

    changing: _Ints
    parts: _Ints
    starts: _Ints
    marks: _Ints
    classes: _Ints
    pairs: _Ints
    composites: _Ints


def normalize(x: tf.Tensor, form: Form) -> tf.Tensor:
    """Brings strings `[N]` into a normal form, as `unicodedata.normalize` does.

    Bytes that are not UTF-8 become U+FFFD; so do noncharacters such as U+FDD0 with older versions of TensorFlow.
    """
    # Most strings are ASCII, which every form leaves as it is.
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
    every_char = [chr(point) for point in range(sys.maxunicode + 1)]
    decomposed_form: Literal["NFD", "NFKD"] = "NFD" if form == "NFC" else "NFKD"
    changing: dict[int, str] = {}
    marks: dict[int, int] = {}
    pairs: dict[int, int] = {}
    for char in every_char:
        decomposition = unicodedata.decomposition(char)
        if decomposition:
            parts = unicodedata.normalize(decomposed_form, char)
            if parts != char:
                changing[ord(char)] = parts
        if unicodedata.combining(char):
            marks[ord(char)] = unicodedata.combining(char)
        halves = decomposition.split()
        # `<compat> 0020 0308` is a decomposition that no pair composes to. A composite that NFC does not keep is one
        # that the standard excludes.
        is_pair = len(halves) == 2 and "<" not in halves[0]
        if is_pair and unicodedata.normalize("NFC", char) == char:
            pairs[int(halves[0], 16) << _CODE_POINT_BITS | int(halves[1], 16)] = ord(char)
    return _Tables(
        changing=np.array([*changing], np.int64),
        parts=np.array([ord(part) for parts in changing.values() for part in parts], np.int64),
        starts=np.cumsum([0, *map(len, changing.values())]),
        marks=np.array([*marks], np.int64),
        classes=np.array([*marks.values()], np.int64),
        pairs=np.array(sorted(pairs), np.int64),
        composites=np.array([pairs[pair] for pair in sorted(pairs)], np.int64),
    )


def _find_in(keys: _Ints, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the position of each value in the sorted keys, and whether it is there."""
    positions = tf.minimum(tf.searchsorted(keys, x, out_type=tf.int64), len(keys) - 1)
    return positions, tf.equal(tf.gather(keys, positions), x)


def _find_classes(points: tf.Tensor, tables: _Tables) -> tf.Tensor:
    """Returns the combining class of each code point; 0 for a base."""
    positions, is_mark = _find_in(tables.marks, points)
    return tf.where(is_mark, tf.gather(tables.classes, positions), 0)


def _decompose(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    positions, is_changing = _find_in(tables.changing, points)
    # One list to gather from: all parts, and behind them the points themselves, for those that do not change.
    values = tf.concat([tables.parts, points], axis=0)
    own_positions = len(tables.parts) + tf.range(tf.size(points, out_type=tf.int64))
    starts = tf.where(is_changing, tf.gather(tables.starts, positions), own_positions)
    limits = tf.where(is_changing, tf.gather(tables.starts, positions + 1), own_positions + 1)
    picked = tf.ragged.range(starts, limits)
    return tf.gather(values, picked.values), tf.gather(rows, picked.value_rowids())


def _order_marks(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tf.Tensor:
    classes = _find_classes(points, tables)
    base_numbers = tf.cumsum(tf.cast(tf.equal(classes, 0), tf.int64))
    # Marks that begin a string have no base before them, so the string counts too, or they would move to another one.
    base_numbers += rows * (tf.size(points, out_type=tf.int64) + 1)
    return tf.gather(points, tf.argsort(base_numbers * _MAX_CLASSES + classes, stable=True))


def _compose(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Composes pairs from left to right: in each round the first pair that is left in every string.

    round 1     d  0323  0307     a  0301     the first pair of each string: d 0323, a 0301
    round 2     1E0D     0307     00E1        positions up to a composed mark are passed, and not tried again
    """

    def compose_first_pairs(
        points: tf.Tensor, rows: tf.Tensor, is_passed: tf.Tensor, _: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        bases, composites = _find_composites(points, rows, tables)
        candidates = tf.where(tf.logical_and(composites >= 0, tf.logical_not(is_passed)))[:, 0]
        rows_of_candidates = tf.gather(rows, candidates)
        is_new_row = rows_of_candidates[1:] > rows_of_candidates[:-1]
        # The slice is for no candidates at all, of which there is no first one either.
        is_first = tf.concat([tf.ones([1], tf.bool), is_new_row], axis=0)[: tf.size(candidates)]
        marks = tf.boolean_mask(candidates, is_first)
        rows_of_marks = tf.boolean_mask(rows_of_candidates, is_first)
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
        kept = (tf.boolean_mask(x, is_kept) for x in (points, rows, is_passed))
        return (*kept, tf.size(marks) > 0)

    points, rows, *_ = tf.while_loop(
        lambda *state: state[-1],
        compose_first_pairs,
        (points, rows, tf.zeros_like(points, tf.bool), tf.size(points) > 0),
        shape_invariants=(tf.TensorShape([None]),) * 3 + (tf.TensorShape([]),),
    )
    return points, rows


def _find_composites(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns for each point the position of its base, and the code point that the two compose to, or -1."""
    classes = _find_classes(points, tables)
    is_base = tf.cast(tf.equal(classes, 0), tf.int64)
    positions = tf.range(tf.size(points, out_type=tf.int64))
    bases_before = tf.cumsum(is_base, exclusive=True)
    # The 0 in front stands for "no base before", which `has_base` then takes out.
    bases = tf.gather(tf.concat([[0], tf.where(is_base > 0)[:, 0]], axis=0), bases_before)
    has_base = tf.logical_and(bases_before > 0, tf.equal(tf.gather(rows, bases), rows))
    # Between a base and its mark stand only marks of lower classes, or nothing: otherwise the mark is blocked.
    previous_classes = tf.concat([[0], classes[:-1]], axis=0)[: tf.size(points)]
    is_free = tf.logical_or(tf.equal(bases, positions - 1), previous_classes < classes)
    base_points = tf.gather(points, bases)
    pairs = tf.bitwise.left_shift(base_points, tf.constant(_CODE_POINT_BITS, tf.int64)) + points
    pair_positions, is_pair = _find_in(tables.pairs, pairs)
    composites = tf.where(is_pair, tf.gather(tables.composites, pair_positions), _compose_hangul(base_points, points))
    return bases, tf.where(tf.logical_and(has_base, is_free), composites, -1)


def _compose_hangul(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Returns the Hangul syllable of each two code points, or -1."""
    lead, vowel, trail, syllable = first - _LEADS, second - _VOWELS, second - _TRAILS, first - _SYLLABLES
    open_syllable = _SYLLABLES + (lead * _NUM_VOWELS + vowel) * _NUM_TRAILS
    is_open = _is_within(lead, 0, _NUM_LEADS) & _is_within(vowel, 0, _NUM_VOWELS)
    closes = _is_within(syllable, 0, _NUM_SYLLABLES) & _is_within(trail, 1, _NUM_TRAILS)
    # Only an open syllable takes a trailing consonant: one of every `_NUM_TRAILS`.
    closes &= tf.equal(tf.math.floormod(syllable, _NUM_TRAILS), 0)
    return tf.where(is_open, open_syllable, tf.where(closes, first + trail, -1))


def _is_within(x: tf.Tensor, low: int, end: int) -> tf.Tensor:
    return tf.logical_and(x >= low, x < end)
