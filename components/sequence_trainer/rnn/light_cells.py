"""Cells with less than a GRU: one gate, or no matrix on the state."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import GatedCell

States = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfx_sequence")
class UGRNNCell(GatedCell):
    """Update-gate RNN: a simple RNN that may keep its state.

    ::

        z, n = x W + h U + b
        h'   = sigmoid(z) * h + (1 - sigmoid(z)) * tanh(n)

    Gates stand in the order z, n in the weights; the bias of z starts at 1. Source: Collins et al. 2016, "Capacity and
    Trainability in Recurrent Neural Networks".
    """

    gate_biases = (1.0, 0.0)

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        (h,) = states
        z, n = self.gates(fed, h)
        keep = tf.sigmoid(z)
        output = keep * h + (1 - keep) * tf.tanh(n)
        return output, [output]


@keras.saving.register_keras_serializable("tfx_sequence")
class IndRNNCell(GatedCell):
    """Independently recurrent network: `h' = relu(x W + u * h + b)`; each unit sees its own past alone.

    The recurrent weights u `[U]` start uniform in 0..1. Nothing bounds them: over T steps a weight above 2 ** (1 / T)
    more than doubles what it carries. Source: Li et al. 2018, "Independently Recurrent Neural Network (IndRNN):
    Building A Longer and Deeper RNN".
    """

    gate_biases = (0.0,)

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`."""
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="he_normal", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units,), initializer=keras.initializers.RandomUniform(0.0, 1.0), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        output = tf.nn.relu(fed + states[0] * self.recurrent_kernel)
        return output, [output]
