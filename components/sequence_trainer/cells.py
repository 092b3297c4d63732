"""The plain recurrent cells: simple RNN, GRU and LSTM."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.cell import Cell
from tfx_sequence.components.sequence_trainer.fused_lstm import fused_lstm


class _UnitsCell(Cell):
    """A cell whose steps are one projection of the input and one of the last output, for `gates` gates."""

    gates = 1

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"`units` must be at least 1, but is {units}.")
        self.units = units
        self.state_size = [units]
        self.output_size = units

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs `[..., D]`."""
        width = self.gates * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], width), initializer="glorot_uniform", name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, width), initializer="orthogonal", name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(width,), initializer=self._first_bias, name="bias")

    def _first_bias(self, shape: Any, dtype: Any = None) -> tf.Tensor:
        return tf.zeros(shape, dtype)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The input's part of all gates: `[..., D]` to `[..., gates * units]`."""
        return tf.matmul(inputs, self.kernel) + self.bias

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tfx_sequence")
class SimpleRNNCell(_UnitsCell):
    """`h' = tanh(x W + h U + b)` (Elman 1990, "Finding Structure in Time")."""

    def step(self, fed: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step."""
        output = tf.tanh(fed + tf.matmul(states[0], self.recurrent_kernel))
        return output, [output]


@keras.saving.register_keras_serializable("tfx_sequence")
class GRUCell(_UnitsCell):
    """Gated recurrent unit (Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder")::

        z, r = sigmoid(x W_zr + h U_zr + b_zr)
        n    = tanh(x W_n + (r * h) U_n + b_n)
        h'   = z * h + (1 - z) * n

    Gates stand in the order z, r, n in the weights.
    """

    gates = 3

    def step(self, fed: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step."""
        (h,) = states
        kernel = tf.convert_to_tensor(self.recurrent_kernel)
        zr = tf.sigmoid(fed[:, : 2 * self.units] + tf.matmul(h, kernel[:, : 2 * self.units]))
        z, r = tf.split(zr, 2, axis=1)
        n = tf.tanh(fed[:, 2 * self.units :] + tf.matmul(r * h, kernel[:, 2 * self.units :]))
        output = z * h + (1 - z) * n
        return output, [output]


@keras.saving.register_keras_serializable("tfx_sequence")
class LSTMCell(_UnitsCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; with the forget gate of Gers et al. 2000)::

        i, f, o = sigmoid(x W_ifo + h U_ifo + b_ifo)
        g       = tanh(x W_g + h U_g + b_g)
        c'      = f * c + i * g
        h'      = o * tanh(c')

    Gates stand in the order i, f, g, o in the weights, states in the order h, c, as in Keras. The bias of the forget
    gate starts at 1 (Jozefowicz et al. 2015, "An Empirical Exploration of Recurrent Network Architectures").
    """

    gates = 4

    def __init__(self, units: int, **kwargs: Any) -> None:
        """Makes a cell with `units` outputs."""
        super().__init__(units, **kwargs)
        self.state_size = [units, units]

    def _first_bias(self, shape: Any, dtype: Any = None) -> tf.Tensor:
        return tf.concat([tf.zeros([self.units]), tf.ones([self.units]), tf.zeros([2 * self.units])], 0)

    def step(self, fed: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step."""
        h, c = states
        i, f, g, o = tf.split(fed + tf.matmul(h, self.recurrent_kernel), 4, axis=1)
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        h = tf.sigmoid(o) * tf.tanh(c)
        return h, [h, c]

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """All steps, in one operation for float32, the one type with a kernel."""
        if self.compute_dtype != "float32":
            return super().unroll(inputs, lengths, states, training)
        weights = [tf.convert_to_tensor(w) for w in (self.kernel, self.recurrent_kernel, self.bias)]
        outputs, h, c = fused_lstm(inputs, lengths, *states, *weights)
        return outputs, [h, c]
