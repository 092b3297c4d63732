"""Defines the preprocessing and the network of this project. `pipeline.toml` names both functions."""

import tensorflow as tf

from tfx_sequence.components import sequence_transform
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceModel, SequenceTask


def preprocessing_fn(inputs, custom_config):
    """Returns the features that the config defines, and one more feature, `word_size`.

    Args:
      inputs: Feature name to tensor: `[B, (T), (1)]` for a sequence feature, `[B]` for a context feature.
      custom_config: The settings of the config, which the default preprocessing_fn needs.

    Returns:
      Feature name to tensor: `[B, (T)]`, or `[B]`.
    """
    outputs = sequence_transform.preprocessing_fn(inputs, custom_config)
    words = sequence_transform.drop_value_dimension(inputs["words"], "words")
    return {**outputs, "word_size": word_size(words)}


def word_size(words: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the number of characters of each word, scaled to be near 1: `[B, (T)]` float32."""
    return words.with_flat_values(tf.cast(tf.strings.length(words.flat_values, unit="UTF8_CHAR"), tf.float32) / 8)


def model_fn(task: SequenceTask, config: ModelConfig) -> SequenceModel:
    """Returns the network.

    You can return your own keras.Model instead. It needs an attribute `heads` with one Head per label.
    """
    return SequenceModel(task, config)
