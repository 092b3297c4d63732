"""The inputs of a model, as one vector a step.

::

    ids [B, T]        -> embedding             \
    ids [B, T, C]     -> characters' encoder    > concatenated [B, T, D]
    numbers [B, T, W] -> as they are           /
    context [B]       -> the same, at each step
"""

from __future__ import annotations

import random

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch, counts_key
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.characters import NestedEncoder
from tfx_sequence.components.sequence_trainer.model.embedding import embedding, pretrained_embedding
from tfx_sequence.components.sequence_trainer.model.value_axes import (
    EMBEDDING_LAYER,
    NESTED_LAYER,
    WeightAxes,
)
from tfx_sequence.components.sequence_trainer.task.task import Input, SequenceTask
from tfx_sequence.schemas.contract import LENGTHS


class InputEncoder(keras.layers.Layer):
    """Turns all inputs of a task into one vector a step.

    Args:
      task: What there is to read.
      config: The network.
      seeds: Source of the seeds for word dropout and the dropout of characters.

    Attributes:
      embeddings: Input to its table of embeddings, for inputs of ids.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seeds: random.Random) -> None:
        super().__init__(name="inputs")
        self._items = task.inputs
        self._word_dropout = config.word_dropout
        self._noise = keras.random.SeedGenerator(seeds.getrandbits(31))
        self.embeddings = {
            item.name: _make_embedding(item.name, item.num_ids, task, config)
            for item in task.inputs
            if item.num_ids and not item.nested
        }
        self._nested = {
            item.name: NestedEncoder(item.num_ids, config.characters, seeds, name=f"{NESTED_LAYER}{item.name}")
            for item in task.inputs
            if item.num_ids and item.nested
        }

    def call(self, features: Batch, training: bool = False) -> tf.Tensor:
        """Encodes the inputs of a batch as `[B, T, D]`; what stands at padded steps has no meaning."""
        steps = tf.shape(next(features[item.name] for item in self._items if not item.context))[1]
        return tf.concat([self._encode(item, features, steps, training) for item in self._items], axis=-1)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the tables of embeddings, whose rows belong to the ids of an input."""
        tables = self.embeddings | {name: encoder.embedding for name, encoder in self._nested.items()}
        return [(table.embeddings, (name, None)) for name, table in tables.items()]

    def _encode(self, item: Input, features: Batch, steps: tf.Tensor, training: bool) -> tf.Tensor:
        """Encodes one input as `[B, T, D]`."""
        value = features[item.name]
        if item.nested:
            counts = features[counts_key(item.name)]
            return self._nested[item.name](value, counts, features[LENGTHS], training=training)
        if item.num_ids is None:
            x = tf.cast(value, self.compute_dtype)
            rank_of_single_numbers = 1 if item.context else 2
            if x.shape.rank == rank_of_single_numbers:
                x = x[..., tf.newaxis]
        else:
            ids = self._drop_words(item, value) if training else value
            x = self.embeddings[item.name](ids)
        return tf.repeat(x[:, tf.newaxis], steps, axis=1) if item.context else x

    def _drop_words(self, item: Input, ids: tf.Tensor) -> tf.Tensor:
        """Replaces some of the ids by the out-of-vocabulary id."""
        if not self._word_dropout:
            return ids
        drop = keras.random.uniform(tf.shape(ids), seed=self._noise) < self._word_dropout
        return tf.where(drop, tf.cast(item.oov_id, ids.dtype), ids)


def _make_embedding(feature: str, num_ids: int, task: SequenceTask, config: ModelConfig) -> keras.layers.Embedding:
    layer_name = f"{EMBEDDING_LAYER}{feature}"
    vectors = task.embeddings.get(feature)
    if vectors is not None:
        return pretrained_embedding(vectors, layer_name, trainable=not config.freeze_pretrained)
    # What is no raw feature, the transform derived from one, as a prefix or a suffix.
    is_derived = feature not in task.raw.features
    return embedding(num_ids, config.affix_dim if is_derived else config.embedding_dim, layer_name)
