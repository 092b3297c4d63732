"""Cells that recur over blocks of a step's features, such as the frequencies of speech, as well as over time."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell, add_gate_bias

States = list[tf.Tensor]
_LSTM_BIASES = (0.0, 1.0, 0.0, 0.0)
"""The gates i, f, g, o start so that a new cell keeps its state."""


class _FrequencyCell(Cell):
    """A cell that cuts its input into K blocks of neighbouring features, and reads them one after another.

    With `blocks=3, width=4, stride=2`, blocks overlap by two features::

        features   0 1 2 3 4 5 6 7
        block 0    [     ]
        block 1        [     ]
        block 2            [     ]

    All blocks share their weights. A block's gates are linear in the block, in its output one step before, and in the
    output of the block before it in the same step.

    Args:
      units: Width U of the output for one block and one recurrence.
      blocks: The number K of blocks.
      width: The features in a block.
      stride: The features from the start of a block to that of the next; `width`, no overlap, if None.

    Raises:
      ValueError: if a number is less than 1.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """The initial bias of each gate, in the order in which the gates stand in the weights."""

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

    def build(self, input_shape: Any) -> None:
        """Makes the weights, for inputs of exactly `width + (blocks - 1) * stride` features.

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
        """Computes the input's part of all gates of all blocks: `[..., D]` to `[..., K, gates * U]`."""
        blocks = tf.signal.frame(inputs, self.width, self.stride)
        return tf.matmul(blocks, self.kernel) + self.bias

    def compute_block_gates(self, projected: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """Adds the last outputs' part to `project`'s: for each block its gates `[B, gates * U]`, but for frequency."""
        return tf.unstack(projected + tf.matmul(self.split_blocks(h), self.time_kernel), self.blocks, axis=1)

    def split_blocks(self, state: tf.Tensor) -> tf.Tensor:
        """Splits a state `[B, K * U]` into `[B, K, U]`."""
        return tf.reshape(state, [-1, self.blocks, self.units])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        own = {"units": self.units, "blocks": self.blocks, "width": self.width, "stride": self.stride}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfx_sequence")
class TimeFrequencyLSTMCell(_FrequencyCell):
    """Time-frequency LSTM: one LSTM for all blocks, whose gates see the block below and the step before.

    The cell state recurs over time alone. The output is the blocks' outputs side by side, `[B, K * U]`. Sources: Li
    et al. 2015, "LSTM Time and Frequency Recurrence for Automatic Speech Recognition"; Sainath and Li 2016, "Modeling
    Time-Frequency Patterns with LSTM vs. Convolutional Architectures for LVCSR Tasks".
    """

    gate_biases = _LSTM_BIASES

    def step(self, projected: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """Computes one step; see `Cell.step`."""
        h_before, c_before = states
        gates_of_blocks = self.compute_block_gates(projected, h_before)
        c_of_blocks = tf.unstack(self.split_blocks(c_before), axis=1)
        below = tf.zeros_like(c_of_blocks[0])  # The output of the block before; the first has none.
        hs, cs = [], []
        for gates, c in zip(gates_of_blocks, c_of_blocks, strict=True):
            below, c = _lstm_step(gates + tf.matmul(below, self.frequency_kernel), c)
            hs.append(below)
            cs.append(c)
        h = tf.concat(hs, 1)
        return h, [h, tf.concat(cs, 1)]


@keras.saving.register_keras_serializable("tfx_sequence")
class GridLSTMCell(_FrequencyCell):
    """Grid LSTM over time and frequency: an LSTM along each of the two, each with a cell state of its own.

    Both see the block, the time output of the step before and the frequency output of the block below. The frequency
    states start from zero at each step. The output is, block by block, the time output and the frequency output,
    `[B, K * 2U]`; states are those of the time LSTM. The weights hold the four gates of the time LSTM, then the four of
    the frequency LSTM. Sources: Kalchbrenner et al. 2015, "Grid Long Short-Term Memory"; Sainath and Li 2016, as
    above.
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
        hs, cs, outputs = [], [], []
        for gates, c in zip(gates_of_blocks, c_of_blocks, strict=True):
            gates += tf.matmul(frequency_h, self.frequency_kernel)
            time_gates, frequency_gates = tf.split(gates, 2, axis=1)
            h, c = _lstm_step(time_gates, c)
            frequency_h, frequency_c = _lstm_step(frequency_gates, frequency_c)
            hs.append(h)
            cs.append(c)
            outputs += [h, frequency_h]
        return tf.concat(outputs, 1), [tf.concat(hs, 1), tf.concat(cs, 1)]


def _lstm_step(gates: tf.Tensor, c: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes h and c of an LSTM from its gates i, f, g, o `[B, 4U]` and the c before `[B, U]`."""
    i, f, g, o = tf.split(gates, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return tf.sigmoid(o) * tf.tanh(c), c
