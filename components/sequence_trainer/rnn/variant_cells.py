"""Variants of the standard cells: other gates, layer normalisation, or no matrix on the state."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import GatedCell, MemoryCell

States = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfx_sequence")
class LayerNormLSTMCell(MemoryCell):
    """LSTM with layer normalisation of the input's part, of the state's part and of the cell state.

    ::

        i, f, g, o = norm(x W) + norm(h U) + b
        c'         = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h'         = sigmoid(o) * tanh(norm(c'))

    Each norm is over all of its last axis and has a gain of its own; that of c' has a bias too, while the bias b serves
    the other two. Source: Ba et al. 2016, "Layer Normalization", supplement.
    """

    gate_biases = (0.0, 1.0, 0.0, 0.0)

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`."""
        super().build(input_shape)
        self.input_gain = self.add_weight(shape=(4 * self.units,), initializer="ones", name="input_gain")
        self.recurrent_gain = self.add_weight(shape=(4 * self.units,), initializer="ones", name="recurrent_gain")
        self.cell_gain = self.add_weight(shape=(self.units,), initializer="ones", name="cell_gain")
        self.cell_bias = self.add_weight(shape=(self.units,), initializer="zeros", name="cell_bias")

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the input's part of all gates, normalised, with the bias."""
        return _normalize(tf.matmul(inputs, self.kernel)) * self.input_gain + self.bias

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h, c = states
        recurrent = _normalize(tf.matmul(h, self.recurrent_kernel)) * self.recurrent_gain
        i, f, g, o = tf.split(projected + recurrent, 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(_normalize(c) * self.cell_gain + self.cell_bias)
        return h, [h, c]


@keras.saving.register_keras_serializable("tfx_sequence")
class CoupledLSTMCell(MemoryCell):
    """LSTM with coupled input and forget gates: what is forgotten makes room for what is read.

    ::

        f, g, o = x W + h U + b
        c'      = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
        h'      = sigmoid(o) * tanh(c')

    Gates stand in the order f, g, o in the weights; the bias of f starts at 1. Source: Greff et al. 2015, "LSTM: A
    Search Space Odyssey" (CIFG).
    """

    gate_biases = (1.0, 0.0, 0.0)

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h, c = states
        f, g, o = self.compute_gates(projected, h)
        keep = tf.sigmoid(f)
        c = keep * c + (1 - keep) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]


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

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        (h,) = states
        z, n = self.compute_gates(projected, h)
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

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        output = tf.nn.relu(projected + states[0] * self.recurrent_kernel)
        return output, [output]


@keras.saving.register_keras_serializable("tfx_sequence")
class NASCell(MemoryCell):
    """The recurrent cell that neural architecture search found on Penn Treebank.

    A tree whose eight leaves each read the input's part x_k and the last output's part m_k; the cell state enters below
    its root::

        leaf_k = act_k(x_k + m_k)        act_0 to act_7: sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid
                                         but leaf_3 = relu(x_3 * m_3)
        a      = tanh(tanh(leaf_0 * leaf_1) + c)
        c'     = a * tanh(leaf_2 + leaf_3)
        h'     = tanh(c' * tanh(tanh(leaf_4 * leaf_5) + sigmoid(leaf_6 + leaf_7)))

    The bias belongs to m. States stand in the order h, c. Source: Zoph and Le 2016, "Neural Architecture Search with
    Reinforcement Learning".
    """

    gate_biases = (0.0,) * 8

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the input's part of all leaves: `[..., D]` to `[..., 8U]`."""
        return tf.matmul(inputs, self.kernel)

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h, c = states
        x = tf.split(projected, 8, axis=1)
        m = tf.split(tf.matmul(h, self.recurrent_kernel) + self.bias, 8, axis=1)
        leaf_0, leaf_1 = tf.sigmoid(x[0] + m[0]), tf.nn.relu(x[1] + m[1])
        leaf_2, leaf_3 = tf.sigmoid(x[2] + m[2]), tf.nn.relu(x[3] * m[3])
        leaf_4, leaf_5 = tf.tanh(x[4] + m[4]), tf.sigmoid(x[5] + m[5])
        leaf_6, leaf_7 = tf.tanh(x[6] + m[6]), tf.sigmoid(x[7] + m[7])
        a = tf.tanh(tf.tanh(leaf_0 * leaf_1) + c)
        c = a * tf.tanh(leaf_2 + leaf_3)
        gate = tf.tanh(tf.tanh(leaf_4 * leaf_5) + tf.sigmoid(leaf_6 + leaf_7))
        h = tf.tanh(c * gate)
        return h, [h, c]


def _normalize(values: tf.Tensor) -> tf.Tensor:
    """Shifts and scales values to zero mean and unit variance over the last axis."""
    mean, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
    # Where all values are equal the variance is 0: the constant, that of the paper's code, keeps the gradient finite.
    return (values - mean) * tf.math.rsqrt(variance + 1e-5)
