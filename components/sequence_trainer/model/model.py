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
from typing import Any, Protocol

import keras
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import contradictions, find_shifts
from tfx_sequence.components.sequence_trainer.config.directions import choose_directions, choose_readable
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import DEFAULT_HEADS, HEADS
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head, HeadContext
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
        super().__init__()
        for problem in contradictions(task.raw, config, task.label_features):
            raise TaskError(f"{problem.key}: {problem.message}")
        self.settings = config
        # Keras draws the seeds of its own layers in the same way if none are given.
        seeds = random.Random(random.getrandbits(31) if seed is None else seed)
        # The layers draw their seeds in this order. A different order would change the results of training.
        self._inputs = InputEncoder(task, config, seeds)
        shifts = find_shifts(config, task.label_features)
        directions = choose_directions(config.bidirectional, shifts.values())
        self._stacks = [RecurrentStack(config, seeds, direction) for direction in directions]
        # The positions in `_stacks` of those that the head of each label reads.
        self._read_stacks = {
            name: [directions.index(direction) for direction in choose_readable(shift, directions)]
            for name, shift in shifts.items()
        }
        context = HeadContext(task.weight, self._inputs.embeddings, seeds)
        self.heads: dict[str, Head] = {
            label.name: make_head(label, config.heads.get(label.name, HeadConfig()), context) for label in task.labels
        }

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
        outputs, _ = self.window(features, None, training)
        return outputs

    def window(self, features: Batch, states: Nest, training: bool = False) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the network on one window of longer sequences.

        Args:
          features: The features of the steps in the window, in the form of `call`.
          states: The states that the previous window returned, or `first_states` for the first window. If None, the
            states are 0.
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
        outputs = {
            name: head(_concatenate([encoded[index] for index in self._read_stacks[name]]), training=training)
            for name, head in self.heads.items()
        }
        return outputs, final_states

    def first_states(self, batch: tf.Tensor | int) -> Nest:
        """Returns the initial states of the recurrent layers for `batch` sequences, a nest of `[B, S]`."""
        return [stack.first_states(batch) for stack in self._stacks]


def _concatenate(encoded: Sequence[Encoded]) -> Encoded:
    """Concatenates the outputs of several stacks of recurrent layers for the same batch."""
    if len(encoded) == 1:
        return encoded[0]
    steps = tf.concat([part.steps for part in encoded], axis=-1)
    final = tf.concat([part.final for part in encoded], axis=-1)
    return Encoded(steps, final, encoded[0].lengths)


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


def build(model: LabelModel, batches: SequenceBatches) -> None:
    """Creates the weights of a model by calling it with a batch of ones, in the shape of `batches`."""
    specs = batches.epoch(0).element_spec
    # Sizes that differ between batches are None in the spec. They are set to 1.
    model({name: tf.ones([size or 1 for size in spec.shape], spec.dtype) for name, spec in specs.items()})
