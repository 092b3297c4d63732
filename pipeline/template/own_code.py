"""The project's own code: the preprocessing and the network. `pipeline.toml` names both functions."""

import tensorflow as tf

from tfx_sequence.components import sequence_transform
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceModel, SequenceTask


def preprocessing_fn(inputs, custom_config):
    """Returns the features that the config asks for, and one more: the size of each word.

    Args:
      inputs: Feature name to tensor: `[B, (T), (1)]` for a sequence feature, `[B]` for a context feature.
      custom_config: The settings of the config, for the default preprocessing_fn that is called below.

    Returns:
      Feature name to tensor: `[B, (T)]`, or `[B]`.
    """
    outputs = sequence_transform.preprocessing_fn(inputs, custom_config)
    words = sequence_transform.one_value_a_step(inputs["words"], "words")
    return {**outputs, "word_size": word_size(words)}


def word_size(words: tf.RaggedTensor) -> tf.RaggedTensor:
    """Returns the number of characters of each word, scaled to be near 1: `[B, (T)]` float32."""
    return words.with_flat_values(tf.cast(tf.strings.length(words.flat_values, unit="UTF8_CHAR"), tf.float32) / 8)


def model_fn(task: SequenceTask, config: ModelConfig) -> SequenceModel:
    """Returns the network. Put a keras.Model of your own here, with an attribute `heads`: a Head for each label."""
    return SequenceModel(task, config)
