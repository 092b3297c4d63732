"""Cuts long sequences into windows, for truncated back-propagation through time."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest


def cut_windows(steps: Nest, lengths: tf.Tensor, size: int) -> Iterator[tuple[Nest, tf.Tensor]]:
    """Cuts a padded batch into windows of `size` steps, so that memory does not grow with the length of the sequences.

    The final states of a window are the initial states of the next window. A row that has ended has length 0 in all
    later windows, so its states stay the same::

        states = None
        for (x, y), n in cut_windows((inputs, labels), lengths, 100):
            with tf.GradientTape() as tape:          # sees one window: gradients stop at its start
                outputs, states = rnn(x, n, states)
                loss = ...

    An example with windows of 3 steps and `-` for padding::

        batch   a b c d e    windows   a b c   d e      lengths   3   2
                f g - - -              f g -   - -                2   0

    Source: Williams and Peng 1990, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
    Trajectories".

    Args:
      steps: A nest of `[B, T, ...]`, padded on the right. The tensors must be eager, because their values determine the
        number of windows.
      lengths: The number of real steps of each row, int `[B]`.
      size: The number of steps in a window. The last window is shorter if it reaches beyond T.

    Yields:
      The nest of `[B, size, ...]` and the lengths within the window, int32 `[B]`. Windows that are padding in all rows
      are left out.

    Raises:
      ValueError: if `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1, but is {size}.")
    lengths = tf.cast(lengths, tf.int32)
    max_length = int(tf.maximum(tf.reduce_max(lengths), 0))  # For a batch without rows, `reduce_max` is negative.
    for start in range(0, max_length, size):
        window = tf.nest.map_structure(
            lambda tensor, first=start: tf.convert_to_tensor(tensor)[:, first : first + size], steps
        )
        yield window, tf.clip_by_value(lengths - start, 0, size)
