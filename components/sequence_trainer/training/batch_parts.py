"""Cuts a batch into the parts whose losses and gradients a training step adds up: the whole batch, or windows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.losses.sequence import Reduction
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.windows import cut_windows
from tfx_sequence.schemas.contract import LENGTHS, WINDOW_SHARE

BatchSpec = Mapping[str, tf.TensorSpec]
"""What the tensors of a batch look like."""

AddPart = Callable[..., Nest]
"""`add(part)` or `add(part, states)`: adds a part to the sums. Returns the states of the recurrent layers after it."""


class BatchParts(Protocol):
    """A way to cut batches into parts.

    Attributes:
      signature: What the arguments of an AddPart look like, as `tf.function` takes it.
    """

    signature: list[Any]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` for each part of a batch."""

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a part, as in training. Returns the outputs of its heads, and the states after it."""


class WholeBatches:
    """Leaves batches whole.

    Args:
      model: Maps a batch to the outputs of its heads.
      spec: What the batches look like.
    """

    def __init__(self, model: Any, spec: BatchSpec) -> None:
        self._model = model
        self.signature: list[Any] = [spec]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` for the batch."""
        add(batch)

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a whole batch, whose recurrent layers start anew."""
        return self._model(part, training=True), states


class BatchWindows:
    """Cuts batches into windows of steps; the states of the recurrent layers go from one window to the next.

    ::

        window = 3      tokens [[a b c d e]       [[a b c]     [[d e]
                                [f g - - -]]  ->   [f g -]]     [- -]]
                        lengths [5, 2]            [3, 2]       [2, 0]
                        @share                    [3/5, 2/2]   [2/5, 0]     with the loss `sequence_mean`

    Args:
      model: A SequenceModel.
      spec: What the batches look like.
      size: Steps in a window.
      loss: How step losses become one number.
    """

    def __init__(self, model: Any, spec: BatchSpec, size: int, loss: Reduction) -> None:
        self._model = model
        self._size = size
        # A sequence's mean is the mean of its windows' means, each weighted by its share of the steps.
        self._needs_share = loss == "sequence_mean"
        # Features of steps are told from others by their second axis, which has no fixed size.
        self._step_features = [name for name, each in spec.items() if each.shape.rank > 1 and each.shape[1] is None]
        window_spec = dict(spec)
        if self._needs_share:
            window_spec[WINDOW_SHARE] = tf.TensorSpec([None], tf.float32)
        states = model.first_states(1)
        states_spec = tf.nest.map_structure(lambda state: tf.TensorSpec([None, *state.shape[1:]], state.dtype), states)
        self.signature: list[Any] = [window_spec, states_spec]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` for each window with the states after the one before it."""
        lengths = batch[LENGTHS]
        steps = {name: batch[name] for name in self._step_features}
        states = self._model.first_states(tf.size(lengths))
        for window_steps, window_lengths in cut_windows(steps, lengths, self._size):
            window = {**batch, **window_steps, LENGTHS: tf.cast(window_lengths, lengths.dtype)}
            if self._needs_share:
                real, whole = tf.cast(window_lengths, tf.float32), tf.cast(lengths, tf.float32)
                window[WINDOW_SHARE] = tf.math.divide_no_nan(real, whole)
            states = add(window, states)

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a window, from where the window before it ended."""
        return self._model.window(part, states, training=True)
