"""The project's own code: how records become numbers, and what network reads them. `pipeline.toml` names both."""

import tensorflow as tf

from tfx_sequence.components import sequence_transform
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceModel, SequenceTask


def preprocessing_fn(inputs, custom_config):
    """What the config says, and one more feature: how long each word is.

    Args:
      inputs: Feature name to tensor: `[B, (T), (1)]` for a sequence feature, `[B]` for a context feature.
      custom_config: What the pipeline hands over; the default, called below, makes ids from 1 of strings.

    Returns:
      Feature name to tensor: `[B, (T)]`, or `[B]`.
    """
    outputs = sequence_transform.preprocessing_fn(inputs, custom_config)
    words = sequence_transform.one_value_a_step(inputs["words"], "words")
    return {**outputs, "word_size": word_size(words)}


def word_size(words: tf.RaggedTensor) -> tf.RaggedTensor:
    """Characters of each word, `[B, (T)]` float32, as a number near 1."""
    return words.with_flat_values(tf.cast(tf.strings.length(words.flat_values, unit="UTF8_CHAR"), tf.float32) / 8)


def model_fn(task: SequenceTask, config: ModelConfig) -> SequenceModel:
    """The network. Put a keras.Model of your own here, with an attribute `heads`: a Head for each label."""
    return SequenceModel(task, config)
