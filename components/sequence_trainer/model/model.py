r"""The network: inputs, recurrent layers, a head for each label.

::

    inputs [B, T, D] -> recurrent layers -> outputs of steps [B, T, U] -> heads of labels a step
                                         \> last outputs    [B, S]    -> heads of labels a record
"""

from __future__ import annotations

import random

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.checks import contradictions
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head
from tfx_sequence.components.sequence_trainer.model.heads.labels import CRFHead, SoftmaxHead
from tfx_sequence.components.sequence_trainer.model.heads.language_model import LanguageModelHead
from tfx_sequence.components.sequence_trainer.model.heads.regression import RegressionHead
from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import RecurrentStack
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.task.task import Label, SequenceTask
from tfx_sequence.schemas.contract import LENGTHS


class SequenceModel(keras.Model):
    """Maps a padded batch to the outputs of every label's head.

    Attributes:
      heads: Label to the layer that predicts it.
      settings: What the network is made by.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seed: int | None = None) -> None:
        """Makes the layers; they are built when the model is first called.

        Args:
          task: What there is to read and to predict.
          config: The network.
          seed: Of the noise in training: dropout and its like. The weights start by Keras' global seed.

        Raises:
          TaskError: if the settings do not fit the task.
        """
        super().__init__()
        for problem in contradictions(task.raw, config, [label.name for label in task.labels]):
            raise TaskError(f"{problem.key}: {problem.message}")
        self.settings = config
        seeds = random.Random(seed)
        self._inputs = InputEncoder(task, config, seeds)
        self._stack = RecurrentStack(config, seeds)
        self.heads: dict[str, Head] = {
            label.name: _new_head(label, config.heads.get(label.name, HeadConfig()), task, self._inputs, seeds)
            for label in task.labels
        }

    def call(self, features: Batch, training: bool = False) -> dict[str, tf.Tensor]:
        """Runs the network.

        Args:
          features: Name to ids or numbers, `[B, T]`, `[B, T, width]` or, for context, `[B]`, `[B, width]`; nested ids
            `[B, T, C]` with their counts; and `lengths`, int `[B]`. What stands at padded steps changes nothing.
          training: Whether dropout is on.

        Returns:
          Label to what its head gives, such as logits: `[B, T, C]` for a label a step, `[B, C]` for one a record.
        """
        return self.window(features, None, training)[0]

    def window(self, features: Batch, states: Nest, training: bool = False) -> tuple[dict[str, tf.Tensor], Nest]:
        """Runs the network on a window of sequences that are longer, from where the window before ended.

        Args:
          features: As for `call`: the steps of the window alone.
          states: `first_states`, or what the window before gave.
          training: Whether dropout is on.

        Returns:
          What `call` gives, and the states of the recurrent layers after the window.
        """
        inputs, lengths = self._inputs(features, training=training), features[LENGTHS]
        steps, final, states = self._stack(inputs, lengths, states, training=training)
        encoded = Encoded(steps, final, lengths)
        return {name: head(encoded, training=training) for name, head in self.heads.items()}, states

    def first_states(self, batch: tf.Tensor | int) -> Nest:
        """The states of the recurrent layers before the first step of so many sequences, a nest of `[B, S]`."""
        return self._stack.first_states(batch)


def _new_head(label: Label, config: HeadConfig, task: SequenceTask, inputs: InputEncoder, seeds: random.Random) -> Head:
    kind = config.kind or ("softmax" if label.classes else "regression")
    if kind == "regression":
        return RegressionHead(label, config, task.weight)
    if kind == "crf":
        return CRFHead(label, config, task.weight)
    seed = seeds.getrandbits(31)
    if kind == "softmax":
        return SoftmaxHead(label, config, task.weight, seed)
    if config.tied is not None and config.tied not in label.same_ids:
        raise TaskError(
            f"model.heads.{label.name}.tied: the label's ids must be those of the input {config.tied!r}: give it that "
            f'vocabulary with share = "{config.tied}" in [transform.{label.name}]'
        )
    embedding = None if config.tied is None else inputs.embeddings[config.tied]
    return LanguageModelHead(label, config, task.weight, embedding, seed)


def build(model: keras.Model, batches: SequenceBatches) -> None:
    """Makes the weights of a model that was not called yet."""
    spec = batches.epoch(0).element_spec
    model({name: tf.ones([dim or 1 for dim in each.shape], each.dtype) for name, each in spec.items()})
