"""Spans of tag sequences, found for a whole padded batch at once. `schemas/tags.py` has the schemes of tags.

Predicted tags need not follow any rule. Steps join if they have one type, the first is B or I and the second I or E; a
scheme says which runs of joined steps are spans::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    lenient   [         ] [   ]   [   ] [         ] [   ] [   ]    every run but O
    BIOES                               [         ]       [   ]    those that start with B or S and end with E or S

    tags      I-PER I-PER I-LOC O B-LOC B-PER I-PER B-PER I-LOC
    BIO                           [   ] [         ] [   ]          those that start with B

`lenient` is what CoNLL's evaluation and seqeval's default mode count; `BIO` and `BIOES` are seqeval's strict mode with
IOB2 and IOBES.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask
from tfx_sequence.schemas.tags import TagSet


class TagSpans(NamedTuple):
    """The spans of a batch, its rows laid end to end: all are `[B * T]`.

    ::

        steps     0     1     2     3     4     5        two rows of three steps; 5 is padding
        tags      B-PER I-PER O     I-PER B-LOC -
        starts    True  False False True  True  False
        ends      1     1     2     3     4     5
        types     1     1     -1    1     0     -1

    Attributes:
      starts: Whether a span starts at the step, bool.
      ends: The last step of the run that the step is in, int64. A step outside of all spans is a run of its own.
      types: The type of the step's tag, an index into the types of the tag set, int32; -1 for O and for padding.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    types: tf.Tensor


def find_spans(tags: tf.Tensor, lengths: tf.Tensor, tag_set: TagSet) -> TagSpans:
    """Finds the spans of tag ids `[B, T]`, T at least 1, of sequences of these lengths `[B]`."""
    mask = step_mask(lengths, tf.shape(tags)[1])
    index = classes(tags, mask)
    outside = tf.reshape(~mask | tf.gather(tag_set.is_outside, index), [-1])
    opens = mask & tf.gather(tag_set.opens, index)
    continues = mask & tf.gather(tag_set.continues, index)
    types = tf.where(mask, tf.gather(tag_set.type, index), -1)

    same_type = types[:, :-1] == types[:, 1:]
    # The first step of a row joins nothing: what stands before it in the flat batch is another row's.
    joined = tf.pad(opens[:, :-1] & continues[:, 1:] & same_type, [[0, 0], [1, 0]])
    joined, types = tf.reshape(joined, [-1]), tf.reshape(types, [-1])

    # Runs are numbered from 0 in the order of their first steps; a run ends before the next one begins.
    run = tf.cumsum(tf.cast(~joined, tf.int64)) - 1
    first_steps = tf.where(~joined)[:, 0]
    last_steps = tf.concat([first_steps[1:], [tf.size(joined, tf.int64)]], 0) - 1
    ends = tf.gather(last_steps, run)

    starts = ~joined & ~outside
    if tag_set.scheme.is_strict:
        starts &= ~tf.reshape(continues, [-1])
    if tag_set.scheme.must_close:
        starts &= tf.gather(~tf.reshape(opens, [-1]), ends)
    return TagSpans(starts, ends, types)


def count_spans(labels: TagSpans, predictions: TagSpans, num_types: int) -> tf.Tensor:
    """Counts the spans of each type that were found, that were predicted, and that there are: int64 `[3, num_types]`.

    A span is found if there is a predicted one with its first step, its last step and its type.
    """
    found = labels.starts & predictions.starts
    found &= (labels.ends == predictions.ends) & (labels.types == predictions.types)
    counts = [
        tf.math.bincount(tf.boolean_mask(types, is_counted), None, num_types, num_types, tf.int64)
        for is_counted, types in (
            (found, labels.types),
            (predictions.starts, predictions.types),
            (labels.starts, labels.types),
        )
    ]
    return tf.stack(counts)
