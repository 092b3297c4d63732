"""Finds and counts the spans in batches of tag sequences. `schemas/tags.py` defines the schemes of tags.

Predicted tags may break the rules of their scheme. Two neighbouring steps are joined if they have the same type, the
first is B or I, and the second is I or E. The scheme determines which runs of joined steps are spans::

    tags      I-PER I-PER I-LOC O B-LOC B-PER E-PER I-PER S-PER
    lenient   [         ] [   ]   [   ] [         ] [   ] [   ]    all runs except O
    BIOES                               [         ]       [   ]    runs that start with B or S and end with E or S

    tags      I-PER I-PER I-LOC O B-LOC B-PER I-PER B-PER I-LOC
    BIO                           [   ] [         ] [   ]          runs that start with B

`lenient` finds the same spans as CoNLL's evaluation and seqeval's default mode. `BIO` and `BIOES` find the same spans
as seqeval's strict mode with IOB2 and IOBES.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask
from tfx_sequence.schemas.tags import TagSet


class TagSpans(NamedTuple):
    """The spans of a batch, whose rows are concatenated: each attribute is `[B * T]`.

    An example with two rows of three steps, where step 5 is padding::

        steps     0     1     2     3     4     5
        tags      B-PER I-PER O     I-PER B-LOC -
        starts    True  False False True  True  False
        ends      1     1     2     3     4     5
        types     1     1     -1    1     0     -1

    Attributes:
      starts: Whether a span starts at the step, bool.
      ends: The last step of the run to which the step belongs, int64. A step outside of all spans is a run of one step.
      types: The type of the step's tag as an index into the types of the tag set, int32; -1 for O and for padding.
    """

    starts: tf.Tensor
    ends: tf.Tensor
    types: tf.Tensor


def find_spans(tags: tf.Tensor, lengths: tf.Tensor, tag_set: TagSet) -> TagSpans:
    """Finds the spans in a batch of tag sequences.

    Args:
      tags: The ids of the tags, `[B, T]` with T at least 1.
      lengths: The number of real steps of each sequence, `[B]`.
      tag_set: The tags of all ids, and how spans are found.
    """
    mask = step_mask(lengths, tf.shape(tags)[1])
    index = classes(tags, mask)
    outside = tf.reshape(~mask | tf.gather(tag_set.is_outside, index), [-1])
    opens = mask & tf.gather(tag_set.opens, index)
    continues = mask & tf.gather(tag_set.continues, index)
    types = tf.where(mask, tf.gather(tag_set.type, index), -1)

    same_type = types[:, :-1] == types[:, 1:]
    # The first step of a row is never joined: the step before it in the flat batch belongs to another row.
    joined = tf.pad(opens[:, :-1] & continues[:, 1:] & same_type, [[0, 0], [1, 0]])
    joined, types = tf.reshape(joined, [-1]), tf.reshape(types, [-1])

    # Runs are numbered from 0 in the order of their first steps. Each run ends where the next run begins.
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


def count_spans(
    labels: TagSpans, predictions: TagSpans, step_weights: tf.Tensor, num_types: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Counts the spans of each type.

    A predicted span is correct if a true span has the same first step, last step and type.

    Args:
      labels: The true spans.
      predictions: The predicted spans.
      step_weights: The weight of each step, float64 `[B, T]`. A span counts as the mean weight of its steps.
      num_types: The number of types.

    Returns:
      The weights of correct spans, of predicted spans, and of true spans, float64 `[3, num_types]`. Then the number of
      true spans, int64 `[num_types]`.
    """
    true_weights, predicted_weights = _weigh_spans(labels, step_weights), _weigh_spans(predictions, step_weights)
    is_correct = labels.starts & predictions.starts
    is_correct &= (labels.ends == predictions.ends) & (labels.types == predictions.types)
    correct = _sum_by_type(labels.types, is_correct, true_weights, num_types)
    predicted = _sum_by_type(predictions.types, predictions.starts, predicted_weights, num_types)
    true = _sum_by_type(labels.types, labels.starts, true_weights, num_types)
    num_true = tf.math.bincount(tf.boolean_mask(labels.types, labels.starts), None, num_types, num_types, tf.int64)
    return tf.stack([correct, predicted, true]), num_true


def _weigh_spans(spans: TagSpans, step_weights: tf.Tensor) -> tf.Tensor:
    """Returns the mean weight from each step to the last step of its run, float64 `[B * T]`."""
    flat = tf.reshape(step_weights, [-1])
    sums_before = tf.concat([[0.0], tf.cumsum(flat)], 0)
    first = tf.range(tf.size(flat, tf.int64))
    after = spans.ends + 1
    return (tf.gather(sums_before, after) - sums_before[:-1]) / tf.cast(after - first, tf.float64)


def _sum_by_type(types: tf.Tensor, is_counted: tf.Tensor, weights: tf.Tensor, num_types: int) -> tf.Tensor:
    """Adds up the weights of the counted steps of each type, float64 `[num_types]`."""
    counted_weights = tf.boolean_mask(weights, is_counted)
    return tf.math.bincount(tf.boolean_mask(types, is_counted), counted_weights, num_types, num_types)
