"""The cell that neural architecture search found."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import MemoryCell

States = list[tf.Tensor]


@keras.saving.register_keras_serializable("tfx_sequence")
class NASCell(MemoryCell):
    """The recurrent cell found by architecture search on Penn Treebank.

    A tree of eight products of the input and the last output, x_k and m_k, with the cell state injected below its
    root::

        leaf_k = act_k(x_k + m_k)        act = sigmoid, relu, sigmoid, relu, tanh, sigmoid, tanh, sigmoid
                                         but leaf_3 = relu(x_3 * m_3)
        a      = tanh(tanh(leaf_0 * leaf_1) + c)
        c'     = a * tanh(leaf_2 + leaf_3)
        h'     = tanh(c' * tanh(tanh(leaf_4 * leaf_5) + sigmoid(leaf_6 + leaf_7)))

    The bias belongs to m. States stand in the order h, c. Source: Zoph and Le 2016, "Neural Architecture Search with
    Reinforcement Learning".
    """

    gate_biases = (0.0,) * 8

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The input's part of all leaves: `[..., D]` to `[..., 8U]`."""
        return tf.matmul(inputs, self.kernel)

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        h, c = states
        x = tf.split(fed, 8, axis=1)
        m = tf.split(tf.matmul(h, self.recurrent_kernel) + self.bias, 8, axis=1)
        c = tf.tanh(tf.tanh(tf.sigmoid(x[0] + m[0]) * tf.nn.relu(x[1] + m[1])) + c) * tf.tanh(
            tf.sigmoid(x[2] + m[2]) + tf.nn.relu(x[3] * m[3])
        )
        gate = tf.tanh(
            tf.tanh(tf.tanh(x[4] + m[4]) * tf.sigmoid(x[5] + m[5]))
            + tf.sigmoid(tf.tanh(x[6] + m[6]) + tf.sigmoid(x[7] + m[7]))
        )
        h = tf.tanh(c * gate)
        return h, [h, c]
