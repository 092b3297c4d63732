"""Unicode normalisation as graph ops: TensorFlow has none, and the op of TensorFlow Text is not in every server.

The algorithm is that of the standard, on the code points of all strings at once::

    decompose     every code point becomes those that it stands for
    order         marks on one base are sorted by their combining class; equal classes keep their order
    compose       from left to right, a mark that is not blocked joins its base, if the two have a composite

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

_BITS = 21
"""Of a code point."""

# Hangul syllables have composites by arithmetic: a leading consonant and a vowel, and a trailing consonant to those.
_LEADS, _VOWELS, _TRAILS, _SYLLABLES = 0x1100, 0x1161, 0x11A7, 0xAC00
_NUM_LEADS, _NUM_VOWELS, _NUM_TRAILS = 19, 21, 28
_NUM_SYLLABLES = _NUM_LEADS * _NUM_VOWELS * _NUM_TRAILS


class _Tables(NamedTuple):
    """Keys are sorted.

    Attributes:
      changing: The code points that decompose, `[K]`.
      parts: What they decompose into, end to end, `[P]`.
      starts: Where the parts of each begin, and at last where all end, `[K + 1]`.
      marks: The code points that have a combining class, `[M]`.
      classes: Their classes, `[M]`.
      pairs: First code point and second, in one number, `[C]`.
      composites: What they are together, `[C]`.
    """

    changing: _Ints
    parts: _Ints
    starts: _Ints
    marks: _Ints
    classes: _Ints
    pairs: _Ints
    composites: _Ints


def normalize(x: tf.Tensor, form: Form) -> tf.Tensor:
    """Strings `[N]` in the form of `unicodedata.normalize`.

    Bytes that are not UTF-8 become U+FFFD; so do noncharacters such as U+FDD0 with older versions of TensorFlow.
    """
    # Most strings are ASCII, which every form leaves as it is.
    places = tf.where(tf.logical_not(tf.strings.regex_full_match(x, "[[:ascii:]]*")))
    tables = _tables(form)
    decoded = tf.strings.unicode_decode(tf.gather_nd(x, places), "UTF-8")
    points, rows = _decomposed(tf.cast(decoded.values, tf.int64), decoded.value_rowids(), tables)
    points = _ordered(points, rows, tables)
    points, rows = _composed(points, rows, tables)
    made = tf.RaggedTensor.from_value_rowids(tf.cast(points, tf.int32), rows, decoded.nrows(), validate=False)
    return tf.tensor_scatter_nd_update(x, places, tf.strings.unicode_encode(made, "UTF-8"))


@functools.cache
def _tables(form: Form) -> _Tables:
    every = [chr(point) for point in range(sys.maxunicode + 1)]
    full: Literal["NFD", "NFKD"] = "NFD" if form == "NFC" else "NFKD"
    changing = {ord(char): unicodedata.normalize(full, char) for char in every if unicodedata.decomposition(char)}
    changing = {point: parts for point, parts in changing.items() if parts != chr(point)}
    marks = {ord(char): unicodedata.combining(char) for char in every if unicodedata.combining(char)}
    pairs: dict[int, int] = {}
    for char in every:
        parts = unicodedata.decomposition(char).split()
        # A composite that NFC does not keep is excluded from composition.
        if len(parts) == 2 and "<" not in parts[0] and unicodedata.normalize("NFC", char) == char:
            pairs[int(parts[0], 16) << _BITS | int(parts[1], 16)] = ord(char)
    return _Tables(
        np.array([*changing], np.int64),
        np.array([ord(part) for parts in changing.values() for part in parts], np.int64),
        np.cumsum([0, *map(len, changing.values())]),
        np.array([*marks], np.int64),
        np.array([*marks.values()], np.int64),
        np.array(sorted(pairs), np.int64),
        np.array([pairs[pair] for pair in sorted(pairs)], np.int64),
    )


def _find(keys: _Ints, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Where in the sorted keys each value is, and whether it is there."""
    places = tf.minimum(tf.searchsorted(keys, x, out_type=tf.int64), len(keys) - 1)
    return places, tf.equal(tf.gather(keys, places), x)


def _classes(points: tf.Tensor, tables: _Tables) -> tf.Tensor:
    places, found = _find(tables.marks, points)
    return tf.where(found, tf.gather(tables.classes, places), 0)


def _decomposed(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    places, found = _find(tables.changing, points)
    # Behind the parts stand the points themselves, for those that do not change.
    values = tf.concat([tables.parts, points], axis=0)
    own = len(tables.parts) + tf.range(tf.size(points, out_type=tf.int64))
    starts = tf.where(found, tf.gather(tables.starts, places), own)
    ends = tf.where(found, tf.gather(tables.starts, places + 1), own + 1)
    picked = tf.ragged.range(starts, ends)
    return tf.gather(values, picked.values), tf.gather(rows, picked.value_rowids())


def _ordered(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tf.Tensor:
    classes = _classes(points, tables)
    bases = tf.cumsum(tf.cast(tf.equal(classes, 0), tf.int64))
    bases += rows * (tf.size(points, out_type=tf.int64) + 1)  # Marks that begin a string have no base before it.
    return tf.gather(points, tf.argsort(bases * 256 + classes, stable=True))


def _composed(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """In each round, the first pair of every string that is left to compose."""

    def round_(
        points: tf.Tensor, rows: tf.Tensor, passed: tf.Tensor, _: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        bases, composites = _joined(points, rows, tables)
        candidates = tf.where(tf.logical_and(composites >= 0, tf.logical_not(passed)))[:, 0]
        of_rows = tf.gather(rows, candidates)
        first = tf.concat([tf.ones([1], tf.bool), of_rows[1:] > of_rows[:-1]], axis=0)[: tf.size(candidates)]
        taken, of_rows = tf.boolean_mask(candidates, first), tf.boolean_mask(of_rows, first)
        points = tf.tensor_scatter_nd_update(
            points, tf.gather(bases, taken)[:, tf.newaxis], tf.gather(composites, taken)
        )
        count = tf.reduce_max(tf.concat([[-1], rows], axis=0)) + 1
        last = tf.tensor_scatter_nd_update(tf.fill([count], tf.constant(-1, tf.int64)), of_rows[:, tf.newaxis], taken)
        places = tf.range(tf.size(points, out_type=tf.int64))
        passed = tf.logical_or(passed, places <= tf.gather(last, rows))
        kept = tf.tensor_scatter_nd_update(
            tf.ones_like(points, tf.bool), taken[:, tf.newaxis], tf.zeros_like(taken, tf.bool)
        )
        parts = (tf.boolean_mask(part, kept) for part in (points, rows, passed))
        return (*parts, tf.size(taken) > 0)

    points, rows, *_ = tf.while_loop(
        lambda *state: state[-1],
        round_,
        (points, rows, tf.zeros_like(points, tf.bool), tf.size(points) > 0),
        shape_invariants=(tf.TensorShape([None]),) * 3 + (tf.TensorShape([]),),
    )
    return points, rows


def _joined(points: tf.Tensor, rows: tf.Tensor, tables: _Tables) -> tuple[tf.Tensor, tf.Tensor]:
    """For each point the place of its base, and what the two are together; -1 if nothing."""
    classes = _classes(points, tables)
    starters = tf.cast(tf.equal(classes, 0), tf.int64)
    places = tf.range(tf.size(points, out_type=tf.int64))
    before = tf.cumsum(starters, exclusive=True)
    bases = tf.gather(tf.concat([[0], tf.where(starters > 0)[:, 0]], axis=0), before)
    there = tf.logical_and(before > 0, tf.equal(tf.gather(rows, bases), rows))
    # Between a base and its mark stand only marks of lower classes, or nothing: otherwise it is blocked.
    previous = tf.concat([[0], classes[:-1]], axis=0)[: tf.size(points)]
    free = tf.logical_or(tf.equal(bases, places - 1), previous < classes)
    first = tf.gather(points, bases)
    place, found = _find(tables.pairs, tf.bitwise.left_shift(first, tf.constant(_BITS, tf.int64)) + points)
    composites = tf.where(found, tf.gather(tables.composites, place), _syllables(first, points))
    return bases, tf.where(tf.logical_and(there, free), composites, -1)


def _syllables(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    lead, vowel, trail, syllable = first - _LEADS, second - _VOWELS, second - _TRAILS, first - _SYLLABLES
    open_syllable = _SYLLABLES + (lead * _NUM_VOWELS + vowel) * _NUM_TRAILS
    is_open = _within(lead, 0, _NUM_LEADS) & _within(vowel, 0, _NUM_VOWELS)
    closes = _within(syllable, 0, _NUM_SYLLABLES) & _within(trail, 1, _NUM_TRAILS)
    closes &= tf.equal(tf.math.floormod(syllable, _NUM_TRAILS), 0)
    return tf.where(is_open, open_syllable, tf.where(closes, first + trail, -1))


def _within(x: tf.Tensor, low: int, end: int) -> tf.Tensor:
    return tf.logical_and(x >= low, x < end)
