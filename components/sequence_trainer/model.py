"""The network: embeddings, dynamic RNNs, a softmax for each label.

ids [B, T]  -> embedding  \
    numbers     -> as they are > concatenated [B, T, D] -> RNN layers [B, T, U] -> logits [B, T, C] for a label a step
context [B] -> each step  /                         -> last states [B, S]   -> logits [B, C] for a label a record
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.cells import GRUCell, LSTMCell
from tfx_sequence.components.sequence_trainer.heads import Encoded, HeadLayer
from tfx_sequence.components.sequence_trainer.heads_labels import SoftmaxHead
from tfx_sequence.components.sequence_trainer.model_config import ModelConfig
from tfx_sequence.components.sequence_trainer.parsing import LENGTHS
from tfx_sequence.components.sequence_trainer.rnn import BidirectionalRNN, DynamicRNN
from tfx_sequence.components.sequence_trainer.task import Input, SequenceTask

_CELLS = {"lstm": LSTMCell, "gru": GRUCell}


class SequenceModel(keras.Model):
    """Maps a padded batch to the outputs of every label's head.

    Attributes:
      heads: Label to the layer that predicts it.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seed: int | None = None) -> None:
        """Makes the layers; they are built when the model is first called."""
        super().__init__()
        self._inputs = task.inputs
        self._word_dropout = config.word_dropout
        self._embeddings = {
            item.name: keras.layers.Embedding(item.num_ids, _width(item, task, config), name=f"embed_{item.name}")
            for item in task.inputs
            if item.num_ids is not None
        }
        self._rnns = [_rnn(config) for _ in range(config.layers)]
        self._dropout = keras.layers.Dropout(config.dropout, seed=seed)
        self._noise = keras.random.SeedGenerator(seed)
        self.heads: dict[str, HeadLayer] = {head.name: SoftmaxHead(head) for head in task.heads}

    def call(self, features: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Runs the network.

        Args:
          features: Name to ids or numbers, `[B, T]`, `[B, T, width]` or, for context, `[B]`, `[B, width]`; and
            `lengths`, int `[B]`. What stands at padded steps changes nothing.
          training: Whether dropout is on.

        Returns:
          Label to what its head gives, such as logits: `[B, T, C]` for a label a step, `[B, C]` for one a record.
        """
        lengths = features[LENGTHS]
        steps = tf.shape(next(features[item.name] for item in self._inputs if not item.context))[1]
        x = tf.concat([self._read(item, features[item.name], steps, training) for item in self._inputs], axis=-1)
        final: list[tf.Tensor] = []
        for rnn in self._rnns:
            x = self._dropout(x, training=training)
            outputs, states = rnn(x, lengths, training=training)
            x = tf.concat(outputs, axis=-1) if isinstance(rnn, BidirectionalRNN) else outputs
            final = [_output_state(state) for state in (states if isinstance(rnn, BidirectionalRNN) else [states])]
        x = self._dropout(x, training=training)
        last = self._dropout(tf.concat(final, axis=-1), training=training)
        encoded = Encoded(x, last, lengths)
        return {name: head(encoded, training=training) for name, head in self.heads.items()}

    def _read(self, item: Input, value: tf.Tensor, steps: tf.Tensor, training: bool) -> tf.Tensor:
        """One input as `[B, T, D]`."""
        if item.num_ids is None:
            x = tf.cast(value, self.compute_dtype)
            x = x if item.width > 1 else x[..., tf.newaxis]
        else:
            if training and self._word_dropout:
                drop = keras.random.uniform(tf.shape(value), seed=self._noise) < self._word_dropout
                value = tf.where(drop, tf.cast(item.oov_id, value.dtype), value)
            x = self._embeddings[item.name](value)
        return tf.repeat(x[:, tf.newaxis], steps, axis=1) if item.context else x


def _output_state(state: Any) -> tf.Tensor:
    """The state that is the cell's output: the first."""
    return tf.nest.flatten(state)[0]


def _rnn(config: ModelConfig) -> DynamicRNN | BidirectionalRNN:
    cell = _CELLS[config.cell]
    if config.bidirectional:
        return BidirectionalRNN(cell(config.units), cell(config.units))
    return DynamicRNN(cell(config.units))


def _width(item: Input, task: SequenceTask, config: ModelConfig) -> int:
    return config.embedding_dim if item.name in task.raw.features else config.affix_dim
