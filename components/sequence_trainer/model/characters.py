"""Encodes features with several ids in a step, such as the characters of a token, as one vector a step.

The words of a batch repeat, so each distinct one is encoded once::

    ids [B, T, C] -> the distinct rows of real steps [M, C] -> encoder [M, D] -> each step its row's [B, T, D]
"""

from __future__ import annotations

import random
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.config.model import CharacterConfig
from tfx_sequence.components.sequence_trainer.model.embedding import embedding
from tfx_sequence.components.sequence_trainer.model.pooling import MaxPooling
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell
from tfx_sequence.schemas.spec import PAD_ID


class NestedEncoder(keras.layers.Layer):
    """Encodes the ids of each step.

    Attributes:
      embedding: The table of the ids.

    Args:
      num_ids: The number of ids, padding and out-of-vocabulary included.
      config: How they are encoded.
      seeds: Source of the seed of the dropout.
    """

    def __init__(self, num_ids: int, config: CharacterConfig, seeds: random.Random, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = embedding(num_ids, config.embedding_dim, name="embedding")
        self._dropout = keras.layers.Dropout(config.dropout, seed=seeds.getrandbits(31))
        self._encoder = CharacterCNN(config) if config.encoder == "cnn" else CharacterRNN(config)

    def call(self, ids: tf.Tensor, counts: tf.Tensor, lengths: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Runs the layer.

        Args:
          ids: int `[B, T, C]`; what stands after a step's `counts` ids changes nothing.
          counts: int `[B, T]`, the number of ids in each step, 0 allowed.
          lengths: int `[B]`, the number of real steps.
          training: Whether dropout is on. Steps with the same ids are dropped alike.

        Returns:
          `[B, T, D]`, 0 at padded steps.
        """
        real = step_mask(lengths, tf.shape(ids)[1])
        distinct, counts, index = _find_distinct_rows(tf.boolean_mask(ids, real), tf.boolean_mask(counts, real))
        x = zero_padding(self.embedding(distinct), step_mask(counts, tf.shape(distinct)[1]))
        encoded = self._encoder(self._dropout(x, training=training), counts, training=training)
        # Padded steps read one row more, of zeros.
        rows = tf.tensor_scatter_nd_update(
            tf.fill(tf.shape(real), tf.shape(distinct)[0]), tf.where(real), tf.cast(index, tf.int32)
        )
        return tf.gather(tf.pad(encoded, [[0, 1], [0, 0]]), rows)


class CharacterCNN(keras.layers.Layer):
    """A convolution over each row, and the maximum of each filter; zeros for a row without ids."""

    def __init__(self, config: CharacterConfig) -> None:
        super().__init__()
        self._convolution = keras.layers.Conv1D(config.units, config.width, padding="same", name="convolution")
        self._pooling = MaxPooling()

    def call(self, x: tf.Tensor, counts: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns `[M, C, E]`, 0 after each row's `counts` `[M]`, into `[M, units]`."""
        return self._pooling(self._convolution(x), counts)


class CharacterRNN(keras.layers.Layer):
    """The last outputs of an LSTM that reads each row both ways; zeros for a row without ids."""

    def __init__(self, config: CharacterConfig) -> None:
        super().__init__()
        self._rnn = BidirectionalRNN(LSTMCell(config.units), LSTMCell(config.units))

    def call(self, x: tf.Tensor, counts: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Turns `[M, C, E]` and each row's `counts` `[M]` into `[M, 2 * units]`."""
        _, states = self._rnn(x, counts, training=training)
        return tf.concat([h for h, _ in states], axis=-1)


def _find_distinct_rows(rows: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the rows that differ.

    ::

        rows [N, C]   3 1 0   9 0 0   3 1 0      distinct [M, C]   0 0 0   3 1 0   9 0 0
        counts [N]    2       1       2          counts [M]        0       2       1
                                                 index [N]         1       2       1

    Returns:
      The distinct rows, the first of padding alone; their counts; and for each row its index among them.
    """
    # A row of padding goes in front: a batch without any real step would have no row, which layers refuse.
    rows = tf.where(step_mask(counts, tf.shape(rows)[1]), rows, tf.cast(PAD_ID, rows.dtype))
    rows, counts = tf.pad(rows, [[1, 0], [0, 0]]), tf.pad(counts, [[1, 0]])
    distinct, index = tf.raw_ops.UniqueV2(x=rows, axis=[0])
    counts = tf.math.unsorted_segment_max(counts, index, tf.shape(distinct)[0])
    return distinct, counts, index[1:]
