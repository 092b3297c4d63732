"""Cuts a batch into the parts whose losses and gradients a training step sums.

A part is either the whole batch or a window of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.losses.sequence import Reduction
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, SequenceModel
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.windows import cut_windows
from tfx_sequence.schemas.contract import LENGTHS, WINDOW_SHARE

BatchSpec = Mapping[str, tf.TensorSpec]
"""The name of each tensor of a batch, with its shape and dtype. Sizes that differ from batch to batch are None."""

AddPart = Callable[..., Nest]
"""A function `add(part)` or `add(part, states)` that adds a part to the sums of a training step.

It returns the states of the recurrent layers after the part.
"""


class BatchParts(Protocol):
    """A way to cut batches into parts.

    Attributes:
      signature: The specs of the arguments of an AddPart, as the `input_signature` of a `tf.function`.
    """

    signature: list[Any]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` for each part of a batch."""

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a part in training mode.

        Args:
          part: The part of a batch.
          states: The states of the recurrent layers before the part.

        Returns:
          The outputs of the heads, and the states of the recurrent layers after the part.
        """


class WholeBatches:
    """Uses each whole batch as one part.

    Args:
      model: The model, which maps a batch to the outputs of its heads.
      spec: The specs of the tensors of a batch.
    """

    def __init__(self, model: LabelModel, spec: BatchSpec) -> None:
        self._model = model
        self.signature: list[Any] = [spec]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` once, for the whole batch."""
        add(batch)

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a whole batch. The recurrent layers start with their first states, not with `states`."""
        return self._model(part, training=True), states


class BatchWindows:
    """Cuts batches into windows of steps.

    The recurrent layers start each window with their states after the window before it::

        size = 3        tokens [[a b c d e]       [[a b c]     [[d e]
                                [f g - - -]]  ->   [f g -]]     [- -]]
                        lengths [5, 2]            [3, 2]       [2, 0]
                        @share                    [3/5, 2/2]   [2/5, 0]     with the loss `sequence_mean`

    `@share` is the share of a sequence's steps that are in the window.

    Args:
      model: The SequenceModel.
      spec: The specs of the tensors of a batch.
      size: The number of steps in a window.
      loss: The reduction of the losses of steps to one number.

    Raises:
      ValueError: if `size` is less than 1.
    """

    def __init__(self, model: SequenceModel, spec: BatchSpec, size: int, loss: Reduction) -> None:
        if size < 1:
            raise ValueError(f"the size of a window must be at least 1, but is {size}")
        self._model = model
        self._size = size
        # The mean loss of a sequence is the sum of the mean losses of its windows, each multiplied by its share.
        self._needs_share = loss == "sequence_mean"
        # Only features of steps have a second axis without a fixed size.
        self._step_features = [
            name for name, tensor in spec.items() if tensor.shape.rank > 1 and tensor.shape[1] is None
        ]
        window_spec = dict(spec)
        if self._needs_share:
            window_spec[WINDOW_SHARE] = tf.TensorSpec([None], tf.float32)
        states = model.make_first_states(1)
        states_spec = tf.nest.map_structure(lambda state: tf.TensorSpec([None, *state.shape[1:]], state.dtype), states)
        self.signature: list[Any] = [window_spec, states_spec]

    def add_parts(self, batch: Batch, add: AddPart) -> None:
        """Calls `add` for each window, with the states of the recurrent layers after the window before it."""
        lengths = batch[LENGTHS]
        steps = {name: batch[name] for name in self._step_features}
        states = self._model.make_first_states(tf.size(lengths))
        for window_steps, window_lengths in cut_windows(steps, lengths, self._size):
            window = {**batch, **window_steps, LENGTHS: tf.cast(window_lengths, lengths.dtype)}
            if self._needs_share:
                steps_in_window = tf.cast(window_lengths, tf.float32)
                steps_in_sequence = tf.cast(lengths, tf.float32)
                # A sequence of length 0 has the share 0.
                window[WINDOW_SHARE] = tf.math.divide_no_nan(steps_in_window, steps_in_sequence)
            states = add(window, states)

    def run_model(self, part: Batch, states: Nest) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the model on a window, from the states after the window before it."""
        return self._model.call_on_window(part, states, training=True)
