"""Changes the steps of sequences in a graph: cuts, shifts, adds and joins steps, and fills missing numbers.

ids                           [[3, 4, 5], []]
truncate(ids, 2)              [[3, 4], []]
take_next_steps(ids, 2)       [[4, 5, 2], []]           the targets of a language model
take_previous_steps(ids, 1)   [[1, 3, 4], []]           the targets of a language model that reads backwards
add_first_step(ids, 1)        [[1, 3, 4, 5], [1]]
add_last_step(ids, 2)         [[3, 4, 5, 2], [2]]
make_windows(ids, 2)          [[[3, 4], [4, 5]], []]    frames of several steps

numbers                       [[nan, 1, nan], [nan]]
hold_last(numbers)            [[nan, 1, 1], [nan]]      the last number replaces missing numbers after it
"""

from __future__ import annotations

import tensorflow as tf


def truncate(x: tf.RaggedTensor, max_steps: int) -> tf.RaggedTensor:
    """Keeps the first `max_steps` steps of each sequence `[B, (T), ...]`, of any type.

    A sequence may also be the characters of a string, or the values of a step.

    Raises:
      ValueError: if `max_steps` is negative.
    """
    if max_steps < 0:
        raise ValueError(f"`max_steps` must be at least 0, but is {max_steps}")
    lengths = tf.minimum(x.row_lengths(), max_steps)
    positions = tf.ragged.range(x.row_starts(), x.row_starts() + lengths)
    return tf.RaggedTensor.from_row_splits(tf.gather(x.values, positions.values), positions.row_splits, validate=False)


def make_windows(x: tf.RaggedTensor, size: int, stride: int = 1) -> tf.RaggedTensor:
    """Replaces the steps of each record by windows of `size` steps. Each window becomes one step.

    A record of T steps gets T' = floor((T - size) / stride) + 1 windows, or no windows if T < size. Windows are not
    padded, so steps after the last full window are dropped. All sequence features of a record must have the same number
    of windows. `make_windows(labels, size, stride)[:, :, -1]` returns the label of the last step of each window.

    Numbers become vectors. Ids become nested (several ids in a step) and lose their domain, which `set_domain` sets
    again.

    Args:
      x: `[B, (T)]` or `[B, (T), D]`, of any type.
      size: The number of steps in a window.
      stride: The number of steps from the start of one window to the start of the next window.

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


def take_next_steps(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """Replaces each step of ids `[B, (T)]` by the next step, and the last step by `last`."""
    limits = tf.boolean_mask(x.row_limits(), x.row_lengths() > 0)
    return _shift_steps(x, -1, limits - 1, last)


def take_previous_steps(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """Replaces each step of ids `[B, (T)]` by the previous step, and the first step by `first`."""
    starts = tf.boolean_mask(x.row_starts(), x.row_lengths() > 0)
    return _shift_steps(x, 1, starts, first)


def add_first_step(x: tf.RaggedTensor, first: int) -> tf.RaggedTensor:
    """Adds a step with the id `first` in front of each sequence of ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([_make_single_steps(x, first), x], axis=1)


def add_last_step(x: tf.RaggedTensor, last: int) -> tf.RaggedTensor:
    """Adds a step with the id `last` behind each sequence of ids `[B, (T)]` or `[B, (T), (V)]`."""
    return tf.concat([x, _make_single_steps(x, last)], axis=1)


def hold_last(x: tf.RaggedTensor) -> tf.RaggedTensor:
    """Replaces each NaN by the last number before it in its sequence. A NaN without such a number is not changed.

        x                            [[5, nan, nan], [nan, 7]]
        position in the column         0    1    2      3   4
        start of the sequence          0    0    0      3   3
        position of the last number    0    0    0      0   4

    At position 3, the last number is before the start of the sequence, so the NaN is not changed.

    Args:
      x: float `[B, (T)]`, or vectors `[B, (T), D]`. Each number of a vector is filled separately.

    Returns:
      A tensor of the shape and type of `x`.

    Raises:
      ValueError: if the number of values in a step is ragged, `[B, (T), (V)]`.
    """
    if x.ragged_rank > 1:
        raise ValueError(
            "`x` must have the shape [B, (T)] or [B, (T), D], but its steps are ragged; "
            "convert it with `drop_value_dimension` first"
        )
    columns = tf.transpose(tf.reshape(x.flat_values, [tf.size(x.value_rowids()), -1]))
    # The D columns are put one after another, so that each number follows the number of the step before it.
    line = tf.reshape(columns, [-1])
    width, num_steps = tf.unstack(tf.shape(columns, tf.int64))
    starts = tf.range(width)[:, tf.newaxis] * num_steps + tf.gather(x.row_starts(), x.value_rowids())
    is_number = ~tf.math.is_nan(line)
    # Entry n is the position of the n-th number, counted from 1. Entry 0 is -1, for a NaN before all numbers.
    number_positions = tf.concat([[-1], tf.where(is_number)[:, 0]], 0)
    last_positions = tf.gather(number_positions, tf.cumsum(tf.cast(is_number, tf.int64)))
    unchanged_positions = tf.range(width * num_steps)
    positions = tf.where(last_positions < tf.reshape(starts, [-1]), unchanged_positions, last_positions)
    filled_columns = tf.reshape(tf.gather(line, positions), tf.shape(columns))
    return x.with_flat_values(tf.reshape(tf.transpose(filled_columns), tf.shape(x.flat_values)))


def _shift_steps(x: tf.RaggedTensor, shift: int, positions: tf.Tensor, value: int) -> tf.RaggedTensor:
    """Shifts the steps of all sequences together by `shift`, then writes `value` at `positions`.

    The shift moves a step across each border of two sequences. `positions` are the positions of these steps:

    values                   [3, 4, 5 | 6, 7]
    rolled by -1             [4, 5, 6 | 7, 3]
    2 at positions 2 and 4   [4, 5, 2 | 7, 2]
    """
    rolled = tf.roll(x.values, shift, axis=0)
    values = tf.fill(tf.shape(positions), tf.cast(value, rolled.dtype))
    return x.with_values(tf.tensor_scatter_nd_update(rolled, positions[:, tf.newaxis], values))


def _make_single_steps(x: tf.RaggedTensor, value: int) -> tf.RaggedTensor:
    """Returns a tensor of the rank of `x` in which every sequence is one step with the single value `value`."""
    num_rows = x.nrows()
    column = tf.fill([num_rows], tf.cast(value, x.dtype))
    for _ in range(x.ragged_rank):
        column = tf.RaggedTensor.from_row_splits(column, tf.range(num_rows + 1), validate=False)
    return column
