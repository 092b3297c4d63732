"""The most common recurrent cells: the simple RNN, the GRU and the LSTM."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import GatedCell
from tfx_sequence.components.sequence_trainer.rnn.cudnn_lstm import run_cudnn_lstm
from tfx_sequence.components.sequence_trainer.rnn.fused_gru import GRUWeights, run_fused_gru
from tfx_sequence.components.sequence_trainer.rnn.fused_lstm import LSTMWeights, run_fused_lstm
from tfx_sequence.components.sequence_trainer.rnn.loop import Shape

States = list[tf.Tensor]

_LSTMOperation = Callable[[tf.Tensor, tf.Tensor, States, LSTMWeights], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""Runs all steps, from inputs, lengths, states and weights. It returns the outputs, and the final h and c."""


@keras.saving.register_keras_serializable("tfx_sequence")
class SimpleRNNCell(GatedCell):
    """The cell of a simple recurrent network (Elman network): `h' = tanh(x W + h U + b)`.

    Source: Elman 1990, "Finding Structure in Time".
    """

    gate_biases = (0.0,)

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        (gate,) = self.compute_gates(projected, states[0])
        output = tf.tanh(gate)
        return output, [output]


@keras.saving.register_keras_serializable("tfx_sequence")
class GRUCell(GatedCell):
    """The gated recurrent unit (GRU).

    ::

        r, z = sigmoid(x W_rz + h U_rz + b_rz)
        n    = tanh(x W_n + (r * h) U_n + b_n)
        h'   = z * h + (1 - z) * n

    The weights hold the gates in the order r, z, n. The biases of r and z start at 1, so a new cell mostly keeps its
    state. Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
    Translation".
    """

    gate_biases = (1.0, 1.0, 0.0)

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        (h,) = states
        sizes = [2 * self.units, self.units]
        projected_rz, projected_n = tf.split(projected, sizes, axis=1)
        kernel_rz, kernel_n = tf.split(self.recurrent_kernel, sizes, axis=1)
        r, z = tf.split(tf.sigmoid(projected_rz + tf.matmul(h, kernel_rz)), 2, axis=1)
        n = tf.tanh(projected_n + tf.matmul(r * h, kernel_n))
        output = z * h + (1 - z) * n
        return output, [output]

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: States, training: bool = False
    ) -> tuple[tf.Tensor, States]:
        """Computes all steps with `run_fused_gru` in float32, or in a loop if the cell computes in float64."""
        if self.compute_dtype == "float64":
            return super().unroll(inputs, lengths, states, training)
        inputs, h = _cast_all([inputs, *states], "float32")
        weights = GRUWeights(*_cast_all([self.kernel, self.recurrent_kernel, self.bias], "float32"))
        outputs, h = _cast_all(run_fused_gru(inputs, lengths, h, weights), self.compute_dtype)
        return outputs, [h]


@keras.saving.register_keras_serializable("tfx_sequence")
class LSTMCell(GatedCell):
    """The long short-term memory (LSTM), with optional peepholes, projection and clipping.

    ::

        i, f, g, o = x W + h U + b
        c'         = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        h'         = sigmoid(o + p_o * c') * tanh(c') P

    The peepholes p, the projection P and the clipping of c' and h' are optional. The weights hold the gates in the
    order i, f, g, o, and the states are in the order h, c, both as in Keras. The bias of the forget gate starts at 1,
    so a new cell mostly keeps its state.

    Whole sequences are computed by cuDNN in training on a GPU, if no option is set. Otherwise one fused operation
    computes them (`run_fused_lstm`, "block LSTM"), unless the output is projected or clipped. In all other cases they
    are computed in a loop. A cell of half precision also uses these operations. They then compute in float32, except
    that cuDNN computes in float16 if the cell does.

    Sources: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Gers et al. 2000, "Learning to Forget"; Zaremba
    et al. 2014, "Recurrent Neural Network Regularization" (the form without options); Gers and Schmidhuber 2000,
    "Recurrent Nets that Time and Count" (peepholes); Sak et al. 2014, "Long Short-Term Memory Recurrent Neural Network
    Architectures for Large Scale Acoustic Modeling" (projection, clipping); Jozefowicz et al. 2015, "An Empirical
    Exploration of Recurrent Network Architectures" (the forget gate's bias).

    Args:
      units: The width of the cell state c, and of the output unless it is projected.
      peepholes: Whether the gates of each unit read the unit's cell state.
      cell_clip: The maximum absolute value of c; no maximum if None.
      projection: The width of the output after a linear projection; no projection if None.
      output_clip: The maximum absolute value of the output; no maximum if None.

    Raises:
      ValueError: if a number is not greater than 0.
    """

    gate_biases = (0.0, 1.0, 0.0, 0.0)

    def __init__(
        self,
        units: int,
        peepholes: bool = False,
        cell_clip: float | None = None,
        projection: int | None = None,
        output_clip: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, **kwargs)
        for name, value in (("cell_clip", cell_clip), ("projection", projection), ("output_clip", output_clip)):
            if value is not None and value <= 0:
                raise ValueError(f"`{name}` must be None or greater than 0, but is {value}.")
        self.peepholes = peepholes
        self.cell_clip = cell_clip
        self.projection = projection
        self.output_clip = output_clip
        self.output_size = projection or units
        self.state_size = [self.output_size, units]

    def build(self, input_shape: Shape) -> None:
        """Makes the weights for inputs `[..., D]`. The peepholes are `[3, U]`, for the gates i, f, o."""
        super().build(input_shape)
        if self.peepholes:
            self.peephole = self.add_weight(shape=(3, self.units), initializer="glorot_uniform", name="peephole")
        if self.projection:
            self.projection_kernel = self.add_weight(
                shape=(self.units, self.projection), initializer="glorot_uniform", name="projection_kernel"
            )

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h, c = states
        i, f, g, o = self.compute_gates(projected, h)
        if self.peepholes:
            peep_i, peep_f, peep_o = tf.unstack(tf.convert_to_tensor(self.peephole))
            i += c * peep_i
            f += c * peep_f
        c = _clip(tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g), self.cell_clip)
        if self.peepholes:
            o += c * peep_o  # The output gate reads the new cell state, the other gates the old one.
        h = tf.sigmoid(o) * tf.tanh(c)
        if self.projection:
            h = tf.matmul(h, self.projection_kernel)
        h = _clip(h, self.output_clip)
        return h, [h, c]

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: States, training: bool = False
    ) -> tuple[tf.Tensor, States]:
        """Computes all steps in one operation if there is one for the options of the cell, or in a loop."""
        operation_and_dtype = self._find_operation(training)
        if operation_and_dtype is None:
            return super().unroll(inputs, lengths, states, training)
        run_operation, dtype = operation_and_dtype
        inputs, *states = _cast_all([inputs, *states], dtype)
        # The weights are in the order of LSTMWeights, in which the peephole is the last one.
        weights = LSTMWeights(*_cast_all(self.weights, dtype))
        outputs, h, c = _cast_all(run_operation(inputs, lengths, states, weights), self.compute_dtype)
        return outputs, [h, c]

    def _find_operation(self, training: bool) -> tuple[_LSTMOperation, str] | None:
        """Finds the operation that runs all steps.

        Returns:
          The operation, and the dtype in which it computes; None if no operation supports the options and the dtype.
        """
        if self.projection or self.output_clip:
            return None
        has_options = self.peepholes or self.cell_clip is not None
        # cuDNN's operation has no CPU kernel. Only training uses it, so a saved model can be served anywhere.
        if training and not has_options and tf.config.list_logical_devices("GPU"):
            return run_cudnn_lstm, "float32" if self.compute_dtype == "bfloat16" else self.compute_dtype
        if self.compute_dtype == "float64":
            return None
        # `BlockLSTMV2` has no bfloat16, and sums over many steps would lose precision in float16.
        return functools.partial(run_fused_lstm, cell_clip=self.cell_clip), "float32"

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        names = ("peepholes", "cell_clip", "projection", "output_clip")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _cast_all(values: Iterable[Any], dtype: str) -> list[tf.Tensor]:
    """Casts tensors and weights to `dtype`."""
    return [tf.cast(value, dtype) for value in values]


def _clip(values: tf.Tensor, max_value: float | None) -> tf.Tensor:
    """Limits the absolute values to `max_value`; None is no limit."""
    return values if max_value is None else tf.clip_by_value(values, -max_value, max_value)
