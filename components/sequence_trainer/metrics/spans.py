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

from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask
from tfx_sequence.schemas.tags import TagSet


class TagSpans(NamedTuple):
    """The spans of a batch, whose rows are concatenated: each attribute is `[B * T]`.

    An example with two rows of three steps, where step 5 is padding::

        steps     0     1     2     3     4     5
        tags      B-PER I-PER O     I-PER B-LOC -
        is_start  True  False False True  True  False
        run_ends  1     1     2     3     4     5
        types     1     1     -1    1     0     -1

    Attributes:
      is_start: Whether a span starts at the step, bool.
      run_ends: The last step of the run to which the step belongs, int64. A step outside of all spans is a run of one
        step.
      types: The type of the step's tag as an index into the types of the tag set, int32; -1 for O and for padding.
    """

    is_start: tf.Tensor
    run_ends: tf.Tensor
    types: tf.Tensor


def find_spans(tags: tf.Tensor, lengths: tf.Tensor, tag_set: TagSet) -> TagSpans:
    """Finds the spans in a batch of tag sequences.

    Args:
      tags: The ids of the tags, `[B, T]` with T at least 1.
      lengths: The number of real steps of each sequence, `[B]`.
      tag_set: The tags of all ids, and how spans are found.
    """
    mask = make_step_mask(lengths, tf.shape(tags)[1])
    # The properties of each step's tag, `[B, T]`.
    tag_indices = convert_to_classes(tags, mask)
    is_outside = ~mask | tf.gather(tag_set.is_outside, tag_indices)
    is_open_after = mask & tf.gather(tag_set.is_open_after, tag_indices)
    continues_span = mask & tf.gather(tag_set.continues_span, tag_indices)
    types = tf.where(mask, tf.gather(tag_set.type_indices, tag_indices), -1)

    # The first step of a row is never joined: the step before it in the flat batch belongs to another row.
    has_same_type = types[:, :-1] == types[:, 1:]
    joins_step_before = tf.pad(is_open_after[:, :-1] & continues_span[:, 1:] & has_same_type, [[0, 0], [1, 0]])

    # From here on, the rows are concatenated, `[B * T]`.
    is_run_start = ~_flatten(joins_step_before)
    run_ends = _find_run_ends(is_run_start)
    is_start = is_run_start & ~_flatten(is_outside)
    if tag_set.scheme.is_strict:
        is_start &= ~_flatten(continues_span)
    if tag_set.scheme.must_close:
        is_start &= tf.gather(~_flatten(is_open_after), run_ends)
    return TagSpans(is_start, run_ends, _flatten(types))


def _flatten(rows: tf.Tensor) -> tf.Tensor:
    """Concatenates the rows of `[B, T]`."""
    return tf.reshape(rows, [-1])


def _find_run_ends(is_run_start: tf.Tensor) -> tf.Tensor:
    """Returns the last step of the run of each step, int64 `[B * T]`, given whether a run starts at each step."""
    # Runs are numbered from 0 in the order of their first steps. Each run ends where the next run begins.
    run_of_step = tf.cumsum(tf.cast(is_run_start, tf.int64)) - 1
    first_steps = tf.where(is_run_start)[:, 0]
    last_steps = tf.concat([first_steps[1:], [tf.size(is_run_start, tf.int64)]], 0) - 1
    return tf.gather(last_steps, run_of_step)


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
    true_weights = _average_to_run_end(step_weights, labels.run_ends)
    predicted_weights = _average_to_run_end(step_weights, predictions.run_ends)
    is_correct = labels.is_start & predictions.is_start
    is_correct &= (labels.run_ends == predictions.run_ends) & (labels.types == predictions.types)
    # A correct span has the same steps as the true span, so the two have the same weight.
    correct_sums = _sum_by_type(labels.types, is_correct, true_weights, num_types)
    predicted_sums = _sum_by_type(predictions.types, predictions.is_start, predicted_weights, num_types)
    true_sums = _sum_by_type(labels.types, labels.is_start, true_weights, num_types)
    true_types = tf.boolean_mask(labels.types, labels.is_start)
    num_true = tf.math.bincount(true_types, minlength=num_types, maxlength=num_types, dtype=tf.int64)
    return tf.stack([correct_sums, predicted_sums, true_sums]), num_true


def _average_to_run_end(step_weights: tf.Tensor, run_ends: tf.Tensor) -> tf.Tensor:
    """Returns the mean weight from each step to the last step of its run, float64 `[B * T]`.

    At the first step of a span, this is the mean weight of the span's steps.
    """
    flat_weights = _flatten(step_weights)
    # The sum of steps i to j is the difference of two running sums, so no loop over spans is needed.
    sums_before = tf.concat([[0.0], tf.cumsum(flat_weights)], 0)
    steps = tf.range(tf.size(flat_weights, tf.int64))
    steps_after_run = run_ends + 1
    sums = tf.gather(sums_before, steps_after_run) - sums_before[:-1]
    return sums / tf.cast(steps_after_run - steps, tf.float64)


def _sum_by_type(types: tf.Tensor, is_counted: tf.Tensor, weights: tf.Tensor, num_types: int) -> tf.Tensor:
    """Adds up the weights of the counted steps of each type, float64 `[num_types]`."""
    counted_types = tf.boolean_mask(types, is_counted)
    counted_weights = tf.boolean_mask(weights, is_counted)
    return tf.math.bincount(counted_types, counted_weights, minlength=num_types, maxlength=num_types)
