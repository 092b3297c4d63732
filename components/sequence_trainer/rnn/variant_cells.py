"""Variants of the LSTM: with layer normalisation, and with coupled input and forget gates."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import MemoryCell

States = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfx_sequence")
class LayerNormLSTMCell(MemoryCell):
    """LSTM with layer normalisation of the input's part, of the state's part and of the cell state.

    ::

        i, f, g, o = norm(x W) + norm(h U) + b
        c'         = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h'         = sigmoid(o) * tanh(norm(c'))

    Each norm is over all of its last axis and has a gain and, for c', a bias of its own: the bias b does for the other
    two. Source: Ba et al. 2016, "Layer Normalization", supplement.
    """

    gate_biases = (0.0, 1.0, 0.0, 0.0)

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`."""
        super().build(input_shape)
        self.input_gain, self.recurrent_gain = (
            self.add_weight(shape=(4 * self.units,), initializer="ones", name=name)
            for name in ("input_gain", "recurrent_gain")
        )
        self.cell_gain = self.add_weight(shape=(self.units,), initializer="ones", name="cell_gain")
        self.cell_bias = self.add_weight(shape=(self.units,), initializer="zeros", name="cell_bias")

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The input's part of all gates, normalised, with the bias."""
        return _normalized(tf.matmul(inputs, self.kernel)) * self.input_gain + self.bias

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        h, c = states
        recurrent = _normalized(tf.matmul(h, self.recurrent_kernel)) * self.recurrent_gain
        i, f, g, o = tf.split(fed + recurrent, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(_normalized(c) * self.cell_gain + self.cell_bias)
        return h, [h, c]


@keras.saving.register_keras_serializable("tfx_sequence")
class CoupledLSTMCell(MemoryCell):
    """LSTM with coupled input and forget gates: what is forgotten makes room for what is read.

    ::

        f, g, o = x W + h U + b
        c'      = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
        h'      = sigmoid(o) * tanh(c')

    Gates stand in the order f, g, o in the weights. Source: Greff et al. 2015, "LSTM: A Search Space Odyssey" (CIFG).
    """

    gate_biases = (1.0, 0.0, 0.0)

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        h, c = states
        f, g, o = self.gates(fed, h)
        keep = tf.sigmoid(f)
        c = keep * c + (1 - keep) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]


def _normalized(values: tf.Tensor) -> tf.Tensor:
    """Zero mean and unit variance over the last axis; the constant keeps the gradient finite where all are equal."""
    mean, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
    return (values - mean) * tf.math.rsqrt(variance + 1e-5)
