"""Layers that encode features with several ids per step, such as the characters of a token, as one vector per step.

Words occur several times in a batch, so each distinct word is encoded only once::

    ids [B, T, C] -> distinct words of the real steps [M, C] -> encoder [M, D] -> vector of each step's word [B, T, D]
"""

from __future__ import annotations

import random
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.config.model import CharacterConfig
from tfx_sequence.components.sequence_trainer.model.embedding import make_embedding
from tfx_sequence.components.sequence_trainer.model.pooling import MaxPooling
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell
from tfx_sequence.schemas.spec import PAD_ID


class NestedEncoder(keras.layers.Layer):
    """Encodes the ids of each step as one vector.

    Args:
      num_ids: The number of ids, including the padding id and the out-of-vocabulary id.
      config: The settings of the encoder.
      seeds: The source of the seed of dropout.
      **kwargs: Arguments of keras.layers.Layer, such as `name`.

    Attributes:
      embedding: The embedding layer of the ids.
      width: The width D of the vectors.
    """

    def __init__(self, num_ids: int, config: CharacterConfig, seeds: random.Random, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.embedding = make_embedding(num_ids, config.embedding_dim, name="embedding")
        self._dropout = keras.layers.Dropout(config.dropout, seed=seeds.getrandbits(31))
        self._encoder = CharacterCNN(config) if config.encoder == "cnn" else CharacterRNN(config)
        self.width = config.units if config.encoder == "cnn" else 2 * config.units

    def call(self, ids: tf.Tensor, counts: tf.Tensor, lengths: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Encodes the ids of a batch.

        Args:
          ids: Ids, integers `[B, T, C]`. The values behind the first `counts` ids of a step are ignored.
          counts: The number of ids in each step, integers `[B, T]`, 0 or more.
          lengths: The number of real steps of each sequence, integers `[B]`.
          training: Whether dropout is applied. All steps with the same ids have the same dropout.

        Returns:
          `[B, T, D]`, 0 at padded steps.
        """
        real = make_step_mask(lengths, tf.shape(ids)[1])
        words, word_lengths, index = _find_distinct_rows(tf.boolean_mask(ids, real), tf.boolean_mask(counts, real))
        embedded = zero_padding(self.embedding(words), make_step_mask(word_lengths, tf.shape(words)[1]))
        encoded = self._encoder(self._dropout(embedded, training=training), word_lengths, training=training)
        # Padded steps get an additional row of zeros, whose index is the number of words.
        padding_index = tf.fill(tf.shape(real), tf.shape(words)[0])
        word_of_step = tf.tensor_scatter_nd_update(padding_index, tf.where(real), tf.cast(index, tf.int32))
        return tf.gather(tf.pad(encoded, [[0, 1], [0, 0]]), word_of_step)


class CharacterCNN(keras.layers.Layer):
    """Encodes each row by a convolution and the maximum of each filter. A row without ids becomes 0.

    Args:
      config: The number of filters and their width.
    """

    def __init__(self, config: CharacterConfig) -> None:
        super().__init__()
        self._convolution = keras.layers.Conv1D(config.units, config.width, padding="same", name="convolution")
        self._pooling = MaxPooling()

    def call(self, x: tf.Tensor, counts: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps rows `[M, C, E]` to `[M, units]`. Rows must be 0 after their number of ids, `counts` `[M]`."""
        return self._pooling(self._convolution(x), counts)


class CharacterRNN(keras.layers.Layer):
    """Encodes each row by the final outputs of a bidirectional LSTM. A row without ids becomes 0.

    Args:
      config: The number of units in each direction.
    """

    def __init__(self, config: CharacterConfig) -> None:
        super().__init__()
        self._rnn = BidirectionalRNN(LSTMCell(config.units), LSTMCell(config.units))

    def call(self, x: tf.Tensor, counts: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps rows `[M, C, E]` and their number of ids, `counts` `[M]`, to `[M, 2 * units]`."""
        _, states = self._rnn(x, counts, training=training)
        return tf.concat([h for h, _ in states], axis=-1)


def _find_distinct_rows(rows: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Finds the distinct rows, and where each of them occurs.

    ::

        rows [N, C]   3 1 0   9 0 0   3 1 0      distinct [M, C]   0 0 0   3 1 0   9 0 0
        counts [N]    2       1       2          counts [M]        0       2       1
                                                 index [N]         1       2       1

    Returns:
      The distinct rows, of which the first contains only padding. Then the number of ids in each distinct row. Last,
      for each row of `rows`, the index of the equal distinct row.
    """
    # A row of padding is added in front, because layers refuse empty tensors and a batch may have no real step.
    rows = tf.where(make_step_mask(counts, tf.shape(rows)[1]), rows, tf.cast(PAD_ID, rows.dtype))
    rows, counts = tf.pad(rows, [[1, 0], [0, 0]]), tf.pad(counts, [[1, 0]])
    distinct, index = tf.raw_ops.UniqueV2(x=rows, axis=[0])
    counts = tf.math.unsorted_segment_max(counts, index, tf.shape(distinct)[0])
    return distinct, counts, index[1:]
