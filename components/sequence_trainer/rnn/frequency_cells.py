"""Recurrent cells that recur over time and over the features of a step, such as the frequencies of speech."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell, add_gate_bias
from tfx_sequence.components.sequence_trainer.rnn.loop import Shape

States = list[tf.Tensor]
_LSTM_BIASES = (0.0, 1.0, 0.0, 0.0)
"""The initial biases of the gates i, f, g, o. The forget gate's bias makes a new cell keep most of its state."""


class _FrequencyCell(Cell):
    """The base class of cells that divide the input features into K blocks and read one block after another.

    In this example with `blocks=3, width=4, stride=2`, neighbouring blocks overlap by two features::

        features   0 1 2 3 4 5 6 7
        block 0    [     ]
        block 1        [     ]
        block 2            [     ]

    All blocks share the same weights. The gates of a block are linear in three values: the features of the block, the
    output of the same block in the step before, and the output of the block before it in the same step.

    Args:
      units: The width U of the output for one block and one direction (time or frequency).
      blocks: The number K of blocks.
      width: The number of features in a block.
      stride: The number of features between the starts of neighbouring blocks. If None, it is `width`, so blocks do not
        overlap.

    Raises:
      ValueError: if a number is less than 1.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """The initial bias of each gate, in the order of the gates in the weights."""

    def __init__(self, units: int, blocks: int, width: int, stride: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.blocks = blocks
        self.width = width
        self.stride = width if stride is None else stride
        for name in ("units", "blocks", "width", "stride"):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` must be at least 1, but is {getattr(self, name)}.")
        self.state_size = [blocks * units, blocks * units]
        self.output_size = blocks * units

    def build(self, input_shape: Shape) -> None:
        """Makes the weights. Inputs must have `width + (blocks - 1) * stride` features.

        Raises:
          ValueError: if the inputs have another number of features.
        """
        features = self.width + (self.blocks - 1) * self.stride
        if input_shape[-1] != features:
            raise ValueError(
                f"{self.blocks} blocks of width {self.width} and stride {self.stride} need inputs with {features} "
                f"features, but the inputs have {input_shape[-1]}."
            )
        gates = len(self.gate_biases) * self.units
        self.kernel = self.add_weight(shape=(self.width, gates), initializer="glorot_uniform", name="kernel")
        recurrent_shape = (self.units, gates)
        self.time_kernel = self.add_weight(shape=recurrent_shape, initializer="orthogonal", name="time_kernel")
        self.frequency_kernel = self.add_weight(
            shape=recurrent_shape, initializer="orthogonal", name="frequency_kernel"
        )
        self.bias = add_gate_bias(self, self.gate_biases, self.units)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the part of all gates that depends on the input only: `[..., D]` to `[..., K, gates * U]`."""
        blocks = tf.signal.frame(inputs, self.width, self.stride)
        return tf.matmul(blocks, self.kernel) + self.bias

    def compute_block_gates(self, projected: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """Computes the gates without the part that depends on the block before.

        Args:
          projected: The result of `project` for the step, `[B, K, gates * U]`.
          h: The outputs of all blocks in the step before, `[B, K * U]`.

        Returns:
          The gates of each block, a list of K tensors `[B, gates * U]`.
        """
        gates = projected + tf.matmul(self.split_blocks(h), self.time_kernel)
        return tf.unstack(gates, self.blocks, axis=1)

    def split_blocks(self, state: tf.Tensor) -> tf.Tensor:
        """Splits a state `[B, K * U]` into `[B, K, U]`."""
        return tf.reshape(state, [-1, self.blocks, self.units])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        arguments = {"units": self.units, "blocks": self.blocks, "width": self.width, "stride": self.stride}
        return {**super().get_config(), **arguments}


@keras.saving.register_keras_serializable("tfx_sequence")
class TimeFrequencyLSTMCell(_FrequencyCell):
    """The time-frequency LSTM: one LSTM for both directions, applied to each block.

    The gates of a block read the output of the block before and of the step before. The cell state recurs over time
    only. The output is the concatenation of the outputs of all blocks, `[B, K * U]`.

    Sources: Li et al. 2015, "LSTM Time and Frequency Recurrence for Automatic Speech Recognition"; Sainath and Li 2016,
    "Modeling Time-Frequency Patterns with LSTM vs. Convolutional Architectures for LVCSR Tasks".
    """

    gate_biases = _LSTM_BIASES

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h_before, c_before = states
        gates_of_blocks = self.compute_block_gates(projected, h_before)
        c_of_blocks = tf.unstack(self.split_blocks(c_before), axis=1)
        h = tf.zeros_like(c_of_blocks[0])  # The output of the block before, which is zero for the first block.
        h_of_blocks, new_c_of_blocks = [], []
        for gates, c in zip(gates_of_blocks, c_of_blocks, strict=True):
            h, c = _compute_lstm_step(gates + tf.matmul(h, self.frequency_kernel), c)
            h_of_blocks.append(h)
            new_c_of_blocks.append(c)
        output = tf.concat(h_of_blocks, 1)
        return output, [output, tf.concat(new_c_of_blocks, 1)]


@keras.saving.register_keras_serializable("tfx_sequence")
class GridLSTMCell(_FrequencyCell):
    """The grid LSTM: one LSTM over time and one LSTM over frequency, each with its own cell state.

    Both LSTMs read the block, the time LSTM's output of the step before, and the frequency LSTM's output of the block
    before. The states of the frequency LSTM start from zero at each step. The output is the time output and the
    frequency output of the first block, then of the next block, and so on, `[B, K * 2U]`. The states of the cell are
    those of the time LSTM. The weights hold the four gates of the time LSTM, then the four gates of the frequency LSTM.

    Sources: Kalchbrenner et al. 2015, "Grid Long Short-Term Memory"; Sainath and Li 2016, the source of
    `TimeFrequencyLSTMCell`.
    """

    gate_biases = _LSTM_BIASES + _LSTM_BIASES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.output_size = 2 * self.blocks * self.units

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h_before, c_before = states
        gates_of_blocks = self.compute_block_gates(projected, h_before)
        c_of_blocks = tf.unstack(self.split_blocks(c_before), axis=1)
        frequency_h = frequency_c = tf.zeros_like(c_of_blocks[0])
        h_of_blocks, new_c_of_blocks, outputs = [], [], []
        for gates, c in zip(gates_of_blocks, c_of_blocks, strict=True):
            gates += tf.matmul(frequency_h, self.frequency_kernel)
            time_gates, frequency_gates = tf.split(gates, 2, axis=1)
            h, c = _compute_lstm_step(time_gates, c)
            frequency_h, frequency_c = _compute_lstm_step(frequency_gates, frequency_c)
            h_of_blocks.append(h)
            new_c_of_blocks.append(c)
            outputs += [h, frequency_h]
        return tf.concat(outputs, 1), [tf.concat(h_of_blocks, 1), tf.concat(new_c_of_blocks, 1)]


def _compute_lstm_step(gates: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes the new h and c of an LSTM from its gates i, f, g, o `[B, 4U]` and the old c `[B, U]`."""
    i, f, g, o = tf.split(gates, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c
