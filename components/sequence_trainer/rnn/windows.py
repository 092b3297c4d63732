"""Cutting long sequences into windows, for truncated back-propagation through time."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest


def cut_windows(steps: Nest, lengths: tf.Tensor, size: int) -> Iterator[tuple[Nest, tf.Tensor]]:
    """Cuts a padded batch into windows of `size` steps, so that memory does not grow with the sequence.

    States go from window to window. A row that has ended has length zero in the windows that follow, and keeps them::

        states = None
        for (x, y), n in cut_windows((inputs, labels), lengths, 100):
            with tf.GradientTape() as tape:          # sees one window: gradients stop at its start
                outputs, states = rnn(x, n, states)
                loss = ...

    With windows of 3 steps, `-` for padding::

        batch   a b c d e    windows   a b c   d e      lengths   3   2
                f g - - -              f g -   - -                2   0

    Source: Williams and Peng 1990, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
    Trajectories".

    Args:
      steps: Nest of `[B, T, ...]`, padded on the right. Eager tensors: the number of windows is a Python number.
      lengths: int `[B]`, the real steps of each row.
      size: Steps in a window. The last one is shorter if T ends before.

    Yields:
      The nest of `[B, size, ...]`, and the int32 lengths `[B]` within the window. No window is padding in all rows.

    Raises:
      ValueError: if `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1, but is {size}.")
    lengths = tf.cast(lengths, tf.int32)
    longest = int(tf.maximum(tf.reduce_max(lengths), 0))  # The maximum of no rows at all is negative.
    for start in range(0, longest, size):
        window = tf.nest.map_structure(lambda x, at=start: tf.convert_to_tensor(x)[:, at : at + size], steps)
        yield window, tf.clip_by_value(lengths - start, 0, size)
