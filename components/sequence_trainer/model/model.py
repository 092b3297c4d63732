r"""Defines the network, which consists of an input encoder, recurrent layers and one head per label.

::

    inputs [B, T, D] -> recurrent layers -> outputs of all steps [B, T, U] -> heads of labels with one value per step
                                         \> final outputs        [B, S]    -> heads of labels with one value per record

If a label is the value of another step, the directions are stacks of layers of their own, and the label's head reads
only the one that has not read its value (`config/directions.py`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import keras
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch, get_counts_key
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import find_contradictions, find_shifts
from tfx_sequence.components.sequence_trainer.config.directions import choose_directions, choose_readable_directions
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import DEFAULT_HEADS, HEADS
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head, HeadContext, Outputs
from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import RecurrentStack
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.task.task import Label, SequenceTask
from tfx_sequence.schemas.contract import LENGTHS
from tfx_sequence.schemas.families import UnknownMemberError


class LabelModel(Protocol):
    """The interface of models for training and serving: a keras.Model that has one head per label.

    SequenceModel implements it. A model of the user's own must implement it too.

    Attributes:
      heads: Maps the name of each label to its head.
    """

    name: str
    heads: Mapping[str, Head]

    @property
    def layers(self) -> Sequence[keras.layers.Layer]: ...  # noqa: D102
    @property
    def variables(self) -> Sequence[keras.Variable]: ...  # noqa: D102
    @property
    def weights(self) -> Sequence[keras.Variable]: ...  # noqa: D102
    @property
    def trainable_variables(self) -> Sequence[keras.Variable]: ...  # noqa: D102
    @property
    def non_trainable_variables(self) -> Sequence[keras.Variable]: ...  # noqa: D102
    def get_weights(self) -> list[npt.NDArray[Any]]: ...  # noqa: D102
    def set_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None: ...  # noqa: D102

    def __call__(self, features: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Maps a padded batch to the outputs of the head of each label."""


class SequenceModel(keras.Model):
    """Maps a padded batch to the outputs of the head of each label. The layers are built by the first call.

    Args:
      task: The task, which lists the inputs and the labels.
      config: The settings of the network.
      seed: The seed of dropout and other noise in training. If None, it is drawn from Python's global generator, which
        `keras.utils.set_random_seed` seeds. The initial weights depend on Keras' global seed in any case.

    Attributes:
      heads: Maps the name of each label to its head.
      settings: The settings of the network.

    Raises:
      TaskError: if the settings do not fit the task, or the class of a cell or of a head cannot be imported.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seed: int | None = None) -> None:
        super().__init__(autocast=False)  # Inputs that are numbers are read in the precision that they have.
        for problem in find_contradictions(task.raw, config, task.label_features):
            raise TaskError(f"{problem.key}: {problem.message}")
        self.settings = config
        self._step_keys = _list_step_keys(task)
        # Keras draws the seeds of its own layers in the same way if none are given.
        seeds = random.Random(random.getrandbits(31) if seed is None else seed)
        # The layers draw their seeds in this order. A different order would change the results of training.
        self._inputs = InputEncoder(task, config, seeds)
        shifts = find_shifts(config, task.label_features)
        directions = choose_directions(config.bidirectional, shifts.values())
        embedded = self._inputs.embedded
        self._stacks = [RecurrentStack(config, seeds, direction, embedded) for direction in directions]
        # The positions in `_stacks` of those that the head of each label reads.
        stacks_of_head: dict[str, list[int]] = {}
        for name, shift in shifts.items():
            readable = choose_readable_directions(shift, directions)
            stacks_of_head[name] = [directions.index(direction) for direction in readable]
        self._stacks_of_head = stacks_of_head
        context = HeadContext(task.weight, self._inputs.embeddings, seeds)
        heads: dict[str, Head] = {}
        for label in task.labels:
            heads[label.name] = make_head(label, config.heads.get(label.name, HeadConfig()), context)
        self.heads = heads

    def call(self, features: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Runs the network.

        Args:
          features: A padded batch. It maps names to ids or numbers, `[B, T]` or `[B, T, width]`, or `[B]` or
            `[B, width]` for context features. Nested ids are `[B, T, C]`, with their counts. `lengths` is int `[B]`.
            The values at padded steps are ignored.
          training: Whether dropout is applied.

        Returns:
          The outputs of the head of each label, such as logits. They are `[B, T, C]` if the label has one value per
          step, and `[B, C]` if it has one value per record.
        """
        outputs, _ = self.call_on_window(features, None, training)
        return outputs

    def call_on_window(
        self, features: Batch, states: Nest, training: bool = False
    ) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the network on one window of longer sequences.

        Args:
          features: The features of the steps in the window, in the form of `call`.
          states: The states that the previous window returned, or `make_first_states` for the first window. If None,
            the states are 0.
          training: Whether dropout is applied.

        Returns:
          The outputs in the form of `call`, and the states of the recurrent layers after the window.
        """
        inputs = self._inputs(features, training=training)
        lengths = features[LENGTHS]
        encoded, final_states = [], []
        for index, stack in enumerate(self._stacks):
            steps, final, state = stack(inputs, lengths, states and states[index], training=training)
            encoded.append(Encoded(steps, final, lengths))
            final_states.append(state)
        outputs = {}
        for name, head in self.heads.items():
            readable = [encoded[index] for index in self._stacks_of_head[name]]
            outputs[name] = head(_concatenate_stacks(readable), training=training)
        return outputs, final_states

    def call_in_windows(self, features: Batch, size: int) -> dict[str, Outputs]:
        """Runs the network without dropout, one window of steps after another.

        The outputs are those of `call`, but of the steps inside the network only one window is in memory. The model
        must meet the conditions of `training.window`.

        Args:
          features: A padded batch, in the form of `call`.
          size: The number of steps in a window.

        Returns:
          The outputs in the form of `call`.

        Raises:
          ValueError: if `size` is less than 1.
        """
        if size < 1:
            raise ValueError(f"the size of a window must be at least 1, but is {size}")
        lengths = features[LENGTHS]
        num_steps = tf.shape(features[self._step_keys[0]])[1]

        def run_window(start: tf.Tensor, states: Nest) -> tuple[dict[str, Outputs], Nest]:
            steps = {key: features[key][:, start : start + size] for key in self._step_keys}
            lengths_in_window = tf.clip_by_value(lengths - tf.cast(start, lengths.dtype), 0, size)
            window = {**features, **steps, LENGTHS: lengths_in_window}
            outputs, states = self.call_on_window(window, states)
            # Arrays are concatenated on the first axis, which is therefore that of the steps.
            return tf.nest.map_structure(_swap_batch_and_steps, outputs), states

        # The first window is outside of the loop, because its outputs say what the loop collects.
        first_outputs, states = run_window(tf.constant(0), self.make_first_states(tf.size(lengths)))
        num_windows = (num_steps + size - 1) // size
        arrays = []
        for value in tf.nest.flatten(first_outputs):
            element_shape = [None, *value.shape[1:]]
            array = tf.TensorArray(value.dtype, num_windows, infer_shape=False, element_shape=element_shape)
            arrays.append(array.write(0, value))

        def add_window(
            index: tf.Tensor, states: Nest, arrays: list[tf.TensorArray]
        ) -> tuple[tf.Tensor, Nest, list[tf.TensorArray]]:
            outputs, states = run_window(index * size, states)
            values = tf.nest.flatten(outputs)
            arrays = [array.write(index, value) for array, value in zip(arrays, values, strict=True)]
            return index + 1, states, arrays

        _, _, arrays = tf.while_loop(
            lambda index, *_: index < num_windows, add_window, (tf.constant(1), states, arrays), parallel_iterations=1
        )
        values = [_swap_batch_and_steps(array.concat()) for array in arrays]
        return tf.nest.pack_sequence_as(first_outputs, values)

    def make_first_states(self, batch: tf.Tensor | int) -> Nest:
        """Makes the initial states of the recurrent layers for `batch` sequences, a nest of `[B, S]`."""
        return [stack.make_first_states(batch) for stack in self._stacks]


def _concatenate_stacks(encoded: Sequence[Encoded]) -> Encoded:
    """Concatenates the outputs of several stacks of recurrent layers for the same batch."""
    if len(encoded) == 1:
        return encoded[0]
    steps = tf.concat([part.steps for part in encoded], axis=-1)
    final = tf.concat([part.final for part in encoded], axis=-1)
    return Encoded(steps, final, encoded[0].lengths)


def _list_step_keys(task: SequenceTask) -> list[str]:
    """Lists the keys of a batch that hold values of steps, `[B, T, ...]`."""
    keys = []
    for item in task.inputs:
        if not item.context:
            keys.append(item.name)
        if item.nested:
            keys.append(get_counts_key(item.name))
    return keys


def _swap_batch_and_steps(value: tf.Tensor) -> tf.Tensor:
    """Transposes `[B, T, ...]` to `[T, B, ...]`, or back."""
    return tf.transpose(value, [1, 0, *range(2, value.shape.rank)])


def load_head_class(label: str, kind: str) -> Callable[[Label, HeadConfig, HeadContext], Head]:
    """Imports the class of a head.

    Args:
      label: The name of the label, for the message of the error.
      kind: The name of the head in `HEADS`, or `module:Class`.

    Raises:
      TaskError: if the class cannot be imported.
    """
    try:
        return HEADS.load(kind)
    except UnknownMemberError as error:
        raise TaskError(f"model.heads.{label}.kind is {error}") from error


def make_head(label: Label, config: HeadConfig, context: HeadContext) -> Head:
    """Creates the head of a label. If `config.kind` is None, the head is the default for strings or for numbers.

    Raises:
      TaskError: if the class of the head cannot be imported, or the settings do not fit the label.
    """
    kind = config.kind or DEFAULT_HEADS["values" if label.classes else "numbers"]
    return load_head_class(label.name, kind)(label, config, context)


def make_inference_function(model: LabelModel, window: int | None) -> Callable[[Batch], dict[str, Outputs]]:
    """Makes a function that maps a padded batch to the outputs of all heads, without dropout.

    Args:
      model: The model. With a window, it must be a SequenceModel, which carries its states on.
      window: The number of steps of the windows in which the model reads the batch; None to read it as a whole.
    """
    if window is None:
        return lambda batch: model(batch, training=False)
    windowed = cast(SequenceModel, model)
    return lambda batch: windowed.call_in_windows(batch, window)


def build_model(model: LabelModel, batches: SequenceBatches) -> None:
    """Creates the weights of a model by calling it with a batch of ones, in the shape of `batches`."""
    batch = {}
    for name, spec in batches.make_epoch(0).element_spec.items():
        # Sizes that differ between batches are None in the spec. They are set to 1.
        shape = [size or 1 for size in spec.shape]
        batch[name] = tf.ones(shape, spec.dtype)
    model(batch)
