"""Less common recurrent cells: variants of the LSTM, UGRNN, IndRNN and the NAS cell."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import GatedCell, MemoryCell
from tfx_sequence.components.sequence_trainer.rnn.loop import Shape

States = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfx_sequence")
class LayerNormLSTMCell(MemoryCell):
    """The LSTM with layer normalisation of `x W`, of `h U` and of the cell state.

    ::

        i, f, g, o = norm(x W) + norm(h U) + b
        c'         = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h'         = sigmoid(o) * tanh(norm(c'))

    Each normalisation is over the whole last axis and has its own gain. The normalisation of c' has its own bias too,
    and the other two share the bias b. Source: Ba et al. 2016, "Layer Normalization", supplement.
    """

    gate_biases = (0.0, 1.0, 0.0, 0.0)

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for inputs `[..., D]`."""
        super().build(input_shape)
        self.input_gain = self.add_weight(shape=(4 * self.units,), initializer="ones", name="input_gain")
        self.recurrent_gain = self.add_weight(shape=(4 * self.units,), initializer="ones", name="recurrent_gain")
        self.cell_gain = self.add_weight(shape=(self.units,), initializer="ones", name="cell_gain")
        self.cell_bias = self.add_weight(shape=(self.units,), initializer="zeros", name="cell_bias")

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the part of all gates that depends on the input only, normalised and with the bias."""
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
    """The LSTM with coupled input and forget gates: the input gate is 1 minus the forget gate.

    ::

        f, g, o = x W + h U + b
        c'      = sigmoid(f) * c + (1 - sigmoid(f)) * tanh(g)
        h'      = sigmoid(o) * tanh(c')

    The weights hold the gates in the order f, g, o. The bias of f starts at 1. Source: Greff et al. 2015, "LSTM: A
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
    """The update-gate RNN: a simple RNN with a gate that can keep the state.

    ::

        z, n = x W + h U + b
        h'   = sigmoid(z) * h + (1 - sigmoid(z)) * tanh(n)

    The weights hold the gates in the order z, n. The bias of z starts at 1. Source: Collins et al. 2016, "Capacity and
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
    """The independently recurrent network (IndRNN): `h' = relu(x W + u * h + b)`.

    Each unit reads only its own last output. The recurrent weights u `[U]` start with a uniform distribution over 0..1.
    They have no upper bound, so the state can explode: a weight above 2 ** (1 / T) more than doubles it over T steps.
    Source: Li et al. 2018, "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN".
    """

    gate_biases = (0.0,)

    def build(self, input_shape: Shape) -> None:
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
    """The cell that neural architecture search (NAS) found for language modelling on Penn Treebank.

    The cell computes a tree of operations. Each of the eight leaves reads a part x_k of the projected input and a part
    m_k of the projected last output. The cell state enters next to the root::

        leaf_k = act_k(x_k + m_k)        act_0 to act_7: sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid
                                         but leaf_3 = relu(x_3 * m_3)
        a      = tanh(tanh(leaf_0 * leaf_1) + c)
        c'     = a * tanh(leaf_2 + leaf_3)
        h'     = tanh(c' * tanh(tanh(leaf_4 * leaf_5) + sigmoid(leaf_6 + leaf_7)))

    The bias is added to m. The states are in the order h, c. Source: Zoph and Le 2016, "Neural Architecture Search with
    Reinforcement Learning".
    """

    gate_biases = (0.0,) * 8

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the part of all leaves that depends on the input only: `[..., D]` to `[..., 8U]`."""
        return tf.matmul(inputs, self.kernel)

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h, c = states
        x = tf.split(projected, 8, axis=1)
        m = tf.split(tf.matmul(h, self.recurrent_kernel) + self.bias, 8, axis=1)
        leaf_0 = tf.sigmoid(x[0] + m[0])
        leaf_1 = tf.nn.relu(x[1] + m[1])
        leaf_2 = tf.sigmoid(x[2] + m[2])
        leaf_3 = tf.nn.relu(x[3] * m[3])
        leaf_4 = tf.tanh(x[4] + m[4])
        leaf_5 = tf.sigmoid(x[5] + m[5])
        leaf_6 = tf.tanh(x[6] + m[6])
        leaf_7 = tf.sigmoid(x[7] + m[7])
        a = tf.tanh(tf.tanh(leaf_0 * leaf_1) + c)
        c = a * tf.tanh(leaf_2 + leaf_3)
        gate = tf.tanh(tf.tanh(leaf_4 * leaf_5) + tf.sigmoid(leaf_6 + leaf_7))
        h = tf.tanh(c * gate)
        return h, [h, c]


def _normalize(values: tf.Tensor) -> tf.Tensor:
    """Shifts and scales values to zero mean and unit variance over the last axis."""
    mean, variance = tf.nn.moments(values, axes=[-1], keepdims=True)
    # If all values are equal, the variance is 0. The constant, from the paper's code, keeps the gradient finite.
    return (values - mean) * tf.math.rsqrt(variance + 1e-5)
