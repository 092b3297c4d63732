"""Changes of the steps of a sequence: fewer of them, the ones beside each, one more at an end, several as one.

ids                        [[3, 4, 5], []]
truncate(ids, 2)           [[3, 4], []]
next_steps(ids, 2)         [[4, 5, 2], []]           what a language model predicts
previous_steps(ids, 1)     [[1, 3, 4], []]           what one that reads backwards predicts
with_first(ids, 1)         [[1, 3, 4, 5], [1]]
with_last(ids, 2)          [[3, 4, 5, 2], [2]]
window(ids, 2)             [[[3, 4], [4, 5]], []]    frames of several steps
hold_last([[nan, 1, nan], [nan]])   [[nan, 1, 1], [nan]]   a missing number is as the last one before it
"""

from __future__ import annotations

import tensorflow as tf


def truncate(x: tf.RaggedTensor, max_steps: int) -> tf.RaggedTensor:
    """The first `max_steps` steps of each sequence: `[B, (T), ...]` of any type."""
    kept = tf.minimum(x.row_lengths(), max_steps)
    places = tf.ragged.range(x.row_starts(), x.row_starts() + kept)
    return tf.RaggedTensor.from_row_splits(tf.gather(x.values, places.values), places.row_splits, validate=False)


def window(x: tf.RaggedTensor, size: int, stride: int = 1) -> tf.RaggedTensor:
    """Makes a step of each window of `size` steps: a record stays one record, with other steps.

    A record of T steps gets T' = floor((T - size) / stride) + 1, and none if T < size. No window is padded: what comes
    after the last full one is in none. All sequence features of a record must get as many steps; the labels of the
    windows' last steps are `window(labels, size, stride)[:, :, -1]`.

    Numbers become vectors, which a model reads as such. Ids need their domain again, see `with_domain`, and are then
    nested: several in a step.

    Args:
      x: `[B, (T)]` or `[B, (T), D]`, of any type.
      size: Steps in a window.
      stride: Steps from the start of a window to the start of the next.

    Returns:
      `[B, (T'), size]` or `[B, (T'), size, D]`.

    Raises:
      ValueError: if `size` or `stride` is less than 1.
    """
    for name, value in (("size", size), ("stride", stride)):
        if value < 1:
            raise ValueError(f"`{name}` must be at least 1, but is {value}")
    count = tf.maximum((x.row_lengths() - size) // stride + 1, 0)
    first = tf.ragged.range(x.row_starts(), x.row_starts() + count * stride, stride)
    steps = first.values[:, tf.newaxis] + tf.range(size, dtype=first.dtype)
    return tf.RaggedTensor.from_row_splits(tf.gather(x.values, steps), first.row_splits, validate=False)


def next_steps(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """At each step the step after it, and at the last step `last`: ids `[B, (T)]`."""
    ends = tf.boolean_mask(x.row_limits(), x.row_lengths() > 0)
    return _shifted(x, -1, ends - 1, last)


def previous_steps(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """At each step the step before it, and at the first step `first`: ids `[B, (T)]`."""
    starts = tf.boolean_mask(x.row_starts(), x.row_lengths() > 0)
    return _shifted(x, 1, starts, first)


def with_first(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """One more step, of one value, in front: ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([_column(x, first), x], axis=1)


def with_last(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """One more step, of one value, behind: ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([x, _column(x, last)], axis=1)


def hold_last(x: tf.RaggedTensor) -> tf.RaggedTensor:
    """Each NaN replaced by the last number before it in its sequence; it stays where there is none.

    Args:
      x: float `[B, (T)]`, or vectors, `[B, (T), D]`, of which each number is held by itself.
    """
    columns = tf.transpose(tf.reshape(x.flat_values, [tf.size(x.value_rowids()), -1]))
    # Column after column, so that what stands before a number came before it in time.
    line = tf.reshape(columns, [-1])
    width, steps = tf.unstack(tf.shape(columns, tf.int64))
    starts = tf.range(width)[:, tf.newaxis] * steps + tf.gather(x.row_starts(), x.value_rowids())
    there = ~tf.math.is_nan(line)
    # The place of the n-th number that is there, from 1; before the first one there is none.
    places = tf.concat([[-1], tf.where(there)[:, 0]], 0)
    last = tf.gather(places, tf.cumsum(tf.cast(there, tf.int64)))
    held = tf.gather(line, tf.where(last < tf.reshape(starts, [-1]), tf.range(width * steps), last))
    held = tf.transpose(tf.reshape(held, tf.shape(columns)))
    return x.with_flat_values(tf.reshape(held, tf.shape(x.flat_values)))


def _shifted(x: tf.RaggedTensor, shift: int, places: tf.Tensor, value: int) -> tf.RaggedTensor:
    """All steps moved on by `shift`, over the borders of sequences, then `value` put in the `places` at borders."""
    rolled = tf.roll(x.values, shift, axis=0)
    values = tf.fill(tf.shape(places), tf.cast(value, rolled.dtype))
    return x.with_values(tf.tensor_scatter_nd_update(rolled, places[:, tf.newaxis], values))


def _column(x: tf.RaggedTensor, value: int) -> tf.RaggedTensor:
    """One step a sequence, of one value."""
    count = x.nrows()
    column = tf.fill([count], tf.cast(value, x.dtype))
    for _ in range(x.ragged_rank):
        column = tf.RaggedTensor.from_row_splits(column, tf.range(count + 1), validate=False)
    return column
