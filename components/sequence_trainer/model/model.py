r"""The network: inputs, recurrent layers, a head for each label.

::

    inputs [B, T, D] -> recurrent layers -> outputs of steps [B, T, U] -> heads of labels a step
                                         \> last outputs    [B, S]    -> heads of labels a record
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
from tfx_sequence.components.sequence_trainer.config.checks import contradictions
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
    """What training and serving need of a model, ours or the user's own: a keras.Model that has heads.

    Attributes:
      heads: Label to the layer that predicts it.
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
    def get_weights(self) -> list[npt.NDArray[Any]]: ...  # noqa: D102
    def set_weights(self, weights: Sequence[npt.NDArray[Any]]) -> None: ...  # noqa: D102

    def __call__(self, features: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Maps a padded batch to the outputs of each label's head."""


class SequenceModel(keras.Model):
    """Maps a padded batch to the outputs of every label's head. Its layers are built when it is first called.

    Args:
      task: What there is to read and to predict.
      config: The network.
      seed: Of the noise in training: dropout and its like. The weights start by Keras' global seed.

    Attributes:
      heads: Label to the layer that predicts it.
      settings: What the network is made by.

    Raises:
      TaskError: if the settings do not fit the task, or the class of a cell or a head cannot be imported.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seed: int | None = None) -> None:
        super().__init__()
        for problem in contradictions(task.raw, config, [label.name for label in task.labels]):
            raise TaskError(f"{problem.key}: {problem.message}")
        self.settings = config
        # The layers draw their seeds one after another: another order is another model.
        seeds = random.Random(seed)
        self._inputs = InputEncoder(task, config, seeds)
        self._stack = RecurrentStack(config, seeds)
        context = HeadContext(task.weight, self._inputs.embeddings, seeds)
        self.heads: dict[str, Head] = {
            label.name: make_head(label, config.heads.get(label.name, HeadConfig()), context) for label in task.labels
        }

    def call(self, features: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Runs the network.

        Args:
          features: Name to ids or numbers, `[B, T]`, `[B, T, width]` or, for context, `[B]`, `[B, width]`; nested ids
            `[B, T, C]` with their counts; and `lengths`, int `[B]`. What stands at padded steps changes nothing.
          training: Whether dropout is on.

        Returns:
          Label to the outputs of its head, such as logits: `[B, T, C]` for a label a step, `[B, C]` for one a record.
        """
        outputs, _ = self.window(features, None, training)
        return outputs

    def window(self, features: Batch, states: Nest, training: bool = False) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the network on a window of sequences that are longer, from where the window before ended.

        Args:
          features: As for `call`: the steps of the window alone.
          states: `first_states`, or the states that the window before returned.
          training: Whether dropout is on.

        Returns:
          The outputs, as `call` returns them, and the states of the recurrent layers after the window.
        """
        inputs = self._inputs(features, training=training)
        lengths = features[LENGTHS]
        steps, final, states = self._stack(inputs, lengths, states, training=training)
        encoded = Encoded(steps, final, lengths)
        outputs = {name: head(encoded, training=training) for name, head in self.heads.items()}
        return outputs, states

    def first_states(self, batch: tf.Tensor | int) -> Nest:
        """Returns the states of the recurrent layers before the first step of so many sequences, a nest of `[B, S]`."""
        return self._stack.first_states(batch)


def load_head_class(label: str, kind: str) -> Callable[[Label, HeadConfig, HeadContext], Head]:
    """Imports the class of a label's head.

    Raises:
      TaskError: if it cannot be imported.
    """
    try:
        return HEADS.load(kind)
    except UnknownMemberError as error:
        raise TaskError(f"model.heads.{label}.kind is {error}") from error


def make_head(label: Label, config: HeadConfig, context: HeadContext) -> Head:
    """Makes the head that the config names, or the default for such a label.

    Raises:
      TaskError: if its class cannot be imported, or its settings do not fit the label.
    """
    kind = config.kind or DEFAULT_HEADS["values" if label.classes else "numbers"]
    return load_head_class(label.name, kind)(label, config, context)


def build(model: LabelModel, batches: SequenceBatches) -> None:
    """Makes the weights of a model that was not called yet, by calling it with a batch of ones."""
    spec = batches.epoch(0).element_spec
    # Sizes that differ from batch to batch are None.
    model({name: tf.ones([size or 1 for size in tensor.shape], tensor.dtype) for name, tensor in spec.items()})
