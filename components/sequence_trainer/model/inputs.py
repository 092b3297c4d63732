"""What a model reads, as one vector a step.

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
    """Reads all inputs of a task.

    Attributes:
      embeddings: Input to its embedding, for inputs that are ids.

    Args:
      task: What there is to read.
      config: Of the model.
      seeds: Where the seeds come from of all that is random in training.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seeds: random.Random) -> None:
        """Makes the layers."""
        super().__init__(name="inputs")
        self._items = task.inputs
        self._word_dropout = config.word_dropout
        self._noise = keras.random.SeedGenerator(seeds.getrandbits(31))
        self.embeddings = {
            item.name: _embedding(item, task, config) for item in task.inputs if item.num_ids and not item.nested
        }
        self._nested = {
            item.name: NestedEncoder(item.num_ids, config.characters, seeds, name=f"{NESTED_LAYER}{item.name}")
            for item in task.inputs
            if item.num_ids and item.nested
        }

    def call(self, features: Batch, training: bool = False) -> tf.Tensor:
        """The inputs of a batch, `[B, T, D]`; what stands at padded steps has no meaning."""
        steps = tf.shape(next(features[item.name] for item in self._items if not item.context))[1]
        return tf.concat([self._read(item, features, steps, training) for item in self._items], axis=-1)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the tables of embeddings, whose rows belong to the ids of an input."""
        tables = self.embeddings | {name: encoder.embedding for name, encoder in self._nested.items()}
        return [(table.embeddings, (name, None)) for name, table in tables.items()]

    def _read(self, item: Input, features: Batch, steps: tf.Tensor, training: bool) -> tf.Tensor:
        """One input as `[B, T, D]`."""
        value = features[item.name]
        if item.nested:
            counts = features[counts_key(item.name)]
            return self._nested[item.name](value, counts, features[LENGTHS], training=training)
        if item.num_ids is None:
            x = tf.cast(value, self.compute_dtype)
            x = x[..., tf.newaxis] if x.shape.rank == (1 if item.context else 2) else x
        else:
            x = self.embeddings[item.name](self._dropped(item, value) if training else value)
        return tf.repeat(x[:, tf.newaxis], steps, axis=1) if item.context else x

    def _dropped(self, item: Input, ids: tf.Tensor) -> tf.Tensor:
        """The ids, some of them out of vocabulary."""
        if not self._word_dropout:
            return ids
        drop = keras.random.uniform(tf.shape(ids), seed=self._noise) < self._word_dropout
        return tf.where(drop, tf.cast(item.oov_id, ids.dtype), ids)


def _embedding(item: Input, task: SequenceTask, config: ModelConfig) -> keras.layers.Embedding:
    assert item.num_ids is not None
    name, vectors = f"{EMBEDDING_LAYER}{item.name}", task.embeddings.get(item.name)
    if vectors is not None:
        return pretrained_embedding(vectors, name, trainable=not config.freeze_pretrained)
    derived = item.name not in task.raw.features
    return embedding(item.num_ids, config.affix_dim if derived else config.embedding_dim, name)
