"""Windows over long sequences, for truncated back-propagation through time."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.loop import Nest


def windows(steps: Nest, lengths: tf.Tensor, size: int) -> Iterator[tuple[Nest, tf.Tensor]]:
    """Cuts a padded batch into windows of `size` steps, so that memory does not grow with the sequence.

    States go from window to window; a row that has ended has length zero in the windows that follow, and keeps them::

        states = None
        for (x, y), n in windows((inputs, labels), lengths, 100):
            with tf.GradientTape() as tape:          # sees one window: gradients stop at its start
                outputs, states = rnn(x, n, states)
                loss = ...

    Source: Williams and Peng 1990, "An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
    Trajectories".

    Args:
      steps: Nest of `[B, T, ...]`, padded on the right. Eager tensors: the number of windows is a Python number.
      lengths: int `[B]`, the real steps of each row.
      size: Steps in a window. The last one is shorter if T ends before.

    Yields:
      The nest of `[B, size, ...]` and the int32 lengths `[B]` within the window. No window is padding in all rows.

    Raises:
      ValueError: if `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"`size` must be at least 1, but is {size}.")
    lengths = tf.cast(lengths, tf.int32)
    for start in range(0, int(tf.maximum(tf.reduce_max(lengths), 0)), size):
        yield (
            tf.nest.map_structure(lambda x, start=start: tf.convert_to_tensor(x)[:, start : start + size], steps),
            tf.clip_by_value(lengths - start, 0, size),
        )
