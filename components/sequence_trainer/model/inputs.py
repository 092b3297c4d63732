"""Defines the layer that encodes all inputs of a model as one vector per step.

::

    ids [B, T]        -> embedding             \
    ids [B, T, C]     -> character encoder      > concatenated [B, T, D]
    numbers [B, T, W] -> unchanged             /
    context [B]       -> repeated at each step
"""

from __future__ import annotations

import logging
import random

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch, get_counts_key
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.characters import NestedEncoder
from tfx_sequence.components.sequence_trainer.model.embedding import make_embedding, make_pretrained_embedding
from tfx_sequence.components.sequence_trainer.model.value_axes import (
    EMBEDDING_LAYER,
    NESTED_LAYER,
    WeightAxes,
)
from tfx_sequence.components.sequence_trainer.task.task import Input, SequenceTask
from tfx_sequence.schemas.contract import LENGTHS

_logger = logging.getLogger(__name__)


class InputEncoder(keras.layers.Layer):
    """Encodes all inputs of a task as one vector per step.

    Args:
      task: The task, which lists the inputs.
      config: The settings of the network.
      seeds: The source of the seeds of word dropout and of the dropout of characters.

    Attributes:
      embeddings: Maps the name of each input of ids to its embedding layer. Nested inputs are left out.
      embedded: Whether each of the D values of a step belongs to an embedding, rather than being a number.
      widths: Maps the name of each input to its number of values in a step, in the order in which they are
        concatenated.
    """

    def __init__(self, task: SequenceTask, config: ModelConfig, seeds: random.Random) -> None:
        super().__init__(name="inputs", autocast=False)  # Numbers are read in the precision that they have.
        _warn_about_word_dropout(task, config)
        self._task_inputs = task.inputs
        self._word_dropout = config.word_dropout
        self._word_dropout_seeds = keras.random.SeedGenerator(seeds.getrandbits(31))
        self.embeddings = {
            item.name: _make_embedding(item.name, item.num_ids, task, config)
            for item in task.inputs
            if item.num_ids and not item.nested
        }
        self._nested_encoders = {
            item.name: NestedEncoder(item.num_ids, config.characters, seeds, name=f"{NESTED_LAYER}{item.name}")
            for item in task.inputs
            if item.num_ids and item.nested
        }
        self.widths = {item.name: self._get_width(item) for item in task.inputs}
        self.embedded: tuple[bool, ...] = ()
        for item in task.inputs:
            self.embedded += (item.num_ids is not None,) * self.widths[item.name]

    def call(self, features: Batch, training: bool = False) -> tf.Tensor:
        """Encodes the inputs of a batch as `[B, T, D]`. The values at padded steps have no meaning.

        If there are numbers, the result is float32, whatever the precision of the network.
        """
        sequence = next(features[item.name] for item in self._task_inputs if not item.context)
        num_steps = tf.shape(sequence)[1]
        encoded = [self._encode(item, features, num_steps, training) for item in self._task_inputs]
        if not all(self.embedded):
            # In half precision 70,000 would be infinite (float16), or one of few numbers (bfloat16).
            encoded = [tf.cast(part, tf.float32) for part in encoded]
        return tf.concat(encoded, axis=-1)

    def list_value_axes(self) -> list[WeightAxes]:
        """Lists the weights of the embeddings, whose rows are indexed by the ids of an input."""
        layers = self.embeddings | {name: encoder.embedding for name, encoder in self._nested_encoders.items()}
        return [(layer.embeddings, (name, None)) for name, layer in layers.items()]

    def _get_width(self, item: Input) -> int:
        """Returns the number of values by which an input is encoded in each step."""
        if item.num_ids is None:
            return item.width
        return self._nested_encoders[item.name].width if item.nested else self.embeddings[item.name].output_dim

    def _encode(self, item: Input, features: Batch, num_steps: tf.Tensor, training: bool) -> tf.Tensor:
        """Encodes one input as `[B, T, D]`."""
        value = features[item.name]
        if item.nested:
            counts = features[get_counts_key(item.name)]
            return self._nested_encoders[item.name](value, counts, features[LENGTHS], training=training)
        if item.num_ids is None:
            vectors = self._convert_to_vectors(item, value)
        else:
            ids = self._drop_words(item, value) if training else value
            vectors = self.embeddings[item.name](ids)
        return tf.repeat(vectors[:, tf.newaxis], num_steps, axis=1) if item.context else vectors

    def _convert_to_vectors(self, item: Input, numbers: tf.Tensor) -> tf.Tensor:
        """Converts numbers to vectors, which have one element if there is one number per step or record."""
        vectors = tf.cast(numbers, tf.float32)
        rank_of_single_numbers = 1 if item.context else 2
        return vectors[..., tf.newaxis] if vectors.shape.rank == rank_of_single_numbers else vectors

    def _drop_words(self, item: Input, ids: tf.Tensor) -> tf.Tensor:
        """Replaces a random share of the ids, `word_dropout`, by ids of unseen values.

        An input without such ids is returned unchanged. Each of its ids means a value, so another id would be wrong.
        """
        rate, oov_ids = self._word_dropout, item.oov_ids
        if not rate or not oov_ids:
            return ids
        draws = keras.random.uniform(tf.shape(ids), seed=self._word_dropout_seeds)
        # Draws below the rate are uniform as well, so they also choose one of several ids of unseen values.
        chosen = oov_ids.start + tf.cast(draws / rate * len(oov_ids), ids.dtype)
        return tf.where(draws < rate, chosen, ids)


def _warn_about_word_dropout(task: SequenceTask, config: ModelConfig) -> None:
    """Logs a warning if word dropout was set, but no input has an id of unseen values."""
    # The default is silent, because it is not a wish of the user.
    is_set = config.word_dropout not in (0, ModelConfig.model_fields["word_dropout"].default)
    if is_set and not any(item.oov_ids and not item.nested for item in task.inputs):
        names = ", ".join(item.name for item in task.inputs)
        _logger.warning(
            "model.word_dropout = %s has no effect: no input is known to have an id of unseen values; the inputs are "
            "%s. If one of them has a vocabulary, name the vocabulary after the input",
            config.word_dropout,
            names,
        )


def _make_embedding(feature: str, num_ids: int, task: SequenceTask, config: ModelConfig) -> keras.layers.Embedding:
    """Creates the embedding layer of an input, from pretrained vectors if the input has them."""
    layer_name = f"{EMBEDDING_LAYER}{feature}"
    vectors = task.embeddings.get(feature)
    if vectors is not None:
        return make_pretrained_embedding(vectors, layer_name, trainable=not config.freeze_pretrained)
    # A feature that is not a raw feature was derived by the transform, such as a prefix or a suffix.
    is_derived = feature not in task.raw.features
    return make_embedding(num_ids, config.affix_dim if is_derived else config.embedding_dim, layer_name)
