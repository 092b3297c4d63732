"""A recurrent cell of one's own, and the network that has it. `pipeline.toml` names `model_fn`."""

from __future__ import annotations

import random
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer import (
    Cell,
    DynamicRNN,
    Encoded,
    HeadConfig,
    InputEncoder,
    ModelConfig,
    SequenceTask,
    SoftmaxHead,
)


@keras.saving.register_keras_serializable("own")
class MinimalGatedCell(Cell):
    """A minimal gated unit.

    ::

        f  = sigmoid(x W_f + h U_f + b_f)
        h' = (1 - f) * h + f * tanh(x W_n + (f * h) U_n + b_n)

    Source: Zhou et al. 2016, "Minimal Gated Unit for Recurrent Neural Networks".
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Sets how wide the state and the output are; no other part needs to know more of a cell."""
        super().__init__(**kwargs)
        self.units = units
        self.state_size, self.output_size = [units], units

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`; those for f and n stand side by side."""
        self.kernel = self.add_weight(shape=(input_shape[-1], 2 * self.units), name="kernel")
        self.forget_kernel = self.add_weight(shape=(self.units, self.units), name="forget_kernel")
        self.new_kernel = self.add_weight(shape=(self.units, self.units), name="new_kernel")
        self.bias = self.add_weight(shape=(2 * self.units,), initializer="zeros", name="bias")

    def project(self, inputs: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Computes what needs no state, for all steps at once: `[..., D]` to twice `[..., U]`."""
        return tf.split(tf.matmul(inputs, self.kernel) + self.bias, 2, axis=-1)

    def step(
        self, fed: list[tf.Tensor], states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Computes one step. Padding is left to the loop around it, which keeps states and zeroes outputs."""
        (h,) = states
        forget = tf.sigmoid(fed[0] + tf.matmul(h, self.forget_kernel))
        new = tf.tanh(fed[1] + tf.matmul(forget * h, self.new_kernel))
        output = (1 - forget) * h + forget * new
        return output, [output]

    def get_config(self) -> dict[str, Any]:
        """Returns what `from_config` makes the cell from."""
        return {**super().get_config(), "units": self.units}


class OwnModel(keras.Model):
    """Inputs as the config has them, one layer of the cell, a softmax for each label."""

    def __init__(self, task: SequenceTask, config: ModelConfig) -> None:
        super().__init__()
        self._encoder = InputEncoder(task, config, random.Random(1))
        self._rnn = DynamicRNN(MinimalGatedCell(config.units))
        self.heads = {
            label.name: SoftmaxHead(label, config.heads.get(label.name, HeadConfig())) for label in task.labels
        }

    def call(self, features: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """Turns a batch into the outputs of each head."""
        lengths = features["lengths"]
        outputs, states = self._rnn(self._encoder(features, training=training), lengths, training=training)
        encoded = Encoded(outputs, states[0], lengths)
        return {name: head(encoded, training=training) for name, head in self.heads.items()}


def model_fn(task: SequenceTask, config: ModelConfig) -> keras.Model:
    """Makes the model. The trainer calls it with the task and with `[model]` of the config."""
    return OwnModel(task, config)
