"""Ops on the steps of sequences: cut, shift, add one at an end, join several into one.

ids                        [[3, 4, 5], []]
truncate(ids, 2)           [[3, 4], []]
next_steps(ids, 2)         [[4, 5, 2], []]           the targets of a language model
previous_steps(ids, 1)     [[1, 3, 4], []]           the targets of one that reads backwards
with_first(ids, 1)         [[1, 3, 4, 5], [1]]
with_last(ids, 2)          [[3, 4, 5, 2], [2]]
window(ids, 2)             [[[3, 4], [4, 5]], []]    frames of several steps
hold_last([[nan, 1, nan], [nan]])   [[nan, 1, 1], [nan]]   the last number before a missing one stands for it
"""

from __future__ import annotations

import tensorflow as tf


def truncate(x: tf.RaggedTensor, max_steps: int) -> tf.RaggedTensor:
    """Keeps the first `max_steps` steps of each sequence: `[B, (T), ...]` of any type."""
    lengths = tf.minimum(x.row_lengths(), max_steps)
    positions = tf.ragged.range(x.row_starts(), x.row_starts() + lengths)
    return tf.RaggedTensor.from_row_splits(tf.gather(x.values, positions.values), positions.row_splits, validate=False)


def window(x: tf.RaggedTensor, size: int, stride: int = 1) -> tf.RaggedTensor:
    """Makes a step of each window of `size` steps: a record stays one record, with other steps.

    A record of T steps gets T' = floor((T - size) / stride) + 1 steps, and none if T < size. No window is padded, so
    the steps after the last full window are dropped. All sequence features of a record must get as many steps; the
    labels of the windows' last steps are `window(labels, size, stride)[:, :, -1]`.

    Numbers become vectors. Ids lose their domain, see `with_domain`, and are then nested: several in a step.

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
    num_windows = tf.maximum((x.row_lengths() - size) // stride + 1, 0)
    starts = tf.ragged.range(x.row_starts(), x.row_starts() + num_windows * stride, stride)
    positions = starts.values[:, tf.newaxis] + tf.range(size, dtype=starts.dtype)
    return tf.RaggedTensor.from_row_splits(tf.gather(x.values, positions), starts.row_splits, validate=False)


def next_steps(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """Replaces each step by the step after it, and the last step by `last`: ids `[B, (T)]`."""
    limits = tf.boolean_mask(x.row_limits(), x.row_lengths() > 0)
    return _shift_steps(x, -1, limits - 1, last)


def previous_steps(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """Replaces each step by the step before it, and the first step by `first`: ids `[B, (T)]`."""
    starts = tf.boolean_mask(x.row_starts(), x.row_lengths() > 0)
    return _shift_steps(x, 1, starts, first)


def with_first(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """Adds a step of one value in front of each sequence: ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([_one_step_each(x, first), x], axis=1)


def with_last(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """Adds a step of one value behind each sequence: ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([x, _one_step_each(x, last)], axis=1)


def hold_last(x: tf.RaggedTensor) -> tf.RaggedTensor:
    """Replaces each NaN by the last number before it in its sequence; it stays where there is none.

        x                            [[5, nan, nan], [nan, 7]]
        position in the column         0    1    2      3   4
        start of its sequence          0    0    0      3   3
        position of the last number    0    0    0      0   4     for the fourth it is before the start: it stays NaN

    Args:
      x: float `[B, (T)]`, or vectors, `[B, (T), D]`; each number of a vector by itself.
    """
    columns = tf.transpose(tf.reshape(x.flat_values, [tf.size(x.value_rowids()), -1]))
    # The D columns one after another, so that what stands before a number came before it in time.
    line = tf.reshape(columns, [-1])
    width, num_steps = tf.unstack(tf.shape(columns, tf.int64))
    starts = tf.range(width)[:, tf.newaxis] * num_steps + tf.gather(x.row_starts(), x.value_rowids())
    is_number = ~tf.math.is_nan(line)
    # The position of the n-th number, n from 1; -1 stands for "none yet".
    number_positions = tf.concat([[-1], tf.where(is_number)[:, 0]], 0)
    last_positions = tf.gather(number_positions, tf.cumsum(tf.cast(is_number, tf.int64)))
    own_positions = tf.range(width * num_steps)
    positions = tf.where(last_positions < tf.reshape(starts, [-1]), own_positions, last_positions)
    held = tf.transpose(tf.reshape(tf.gather(line, positions), tf.shape(columns)))
    return x.with_flat_values(tf.reshape(held, tf.shape(x.flat_values)))


def _shift_steps(x: tf.RaggedTensor, shift: int, positions: tf.Tensor, value: int) -> tf.RaggedTensor:
    """Moves all steps on by `shift`, across the borders of sequences, then puts `value` at the border `positions`.

    values              [3, 4, 5 | 6, 7]
    rolled by -1        [4, 5, 6 | 7, 3]
    2 at the last ones  [4, 5, 2 | 7, 2]
    """
    rolled = tf.roll(x.values, shift, axis=0)
    values = tf.fill(tf.shape(positions), tf.cast(value, rolled.dtype))
    return x.with_values(tf.tensor_scatter_nd_update(rolled, positions[:, tf.newaxis], values))


def _one_step_each(x: tf.RaggedTensor, value: int) -> tf.RaggedTensor:
    """Makes a tensor of the rank of `x` with one step of one value in each sequence."""
    count = x.nrows()
    column = tf.fill([count], tf.cast(value, x.dtype))
    for _ in range(x.ragged_rank):
        column = tf.RaggedTensor.from_row_splits(column, tf.range(count + 1), validate=False)
    return column
