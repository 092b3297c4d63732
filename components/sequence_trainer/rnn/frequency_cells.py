"""Cells that recur over the frequencies within a step as well as over time."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell, add_gate_bias

States = list[tf.Tensor]
_FORGET = (0.0, 1.0, 0.0, 0.0)


def _lstm(gates: tf.Tensor, c: tf.Tensor) -> States:
    """The states h and c of an LSTM from its gates i, f, g, o `[B, 4U]` and its cell state `[B, U]`."""
    i, f, g, o = tf.split(gates, 4, axis=1)
    c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
    return [tf.sigmoid(o) * tf.tanh(c), c]


class _FrequencyCell(Cell):
    """A cell that cuts its input in K overlapping blocks of neighbouring features, and reads them one after another.

    All blocks share their weights. A block's gates are linear in the block, in its output one step before, and in the
    output of the block before it in the same step.

    Args:
      units: Width U of the output for one block and one recurrence.
      blocks: The number K of blocks.
      width: The features in a block.
      stride: The features from the start of a block to that of the next; `width`, no overlap, if None.
    """

    gate_biases: ClassVar[tuple[float, ...]]
    """What the bias of each gate starts at."""

    def __init__(self, units: int, blocks: int, width: int, stride: int | None = None, **kwargs: Any) -> None:
        """Makes a cell with the states h and c, K blocks of U values each."""
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
        """Makes the weights, for inputs of exactly `width + (blocks - 1) * stride` features."""
        features = self.width + (self.blocks - 1) * self.stride
        if input_shape[-1] != features:
            raise ValueError(
                f"{self.blocks} blocks of width {self.width} and stride {self.stride} need inputs with {features} "
                f"features, but the inputs have {input_shape[-1]}."
            )
        gates = len(self.gate_biases) * self.units
        self.kernel = self.add_weight(shape=(self.width, gates), initializer="glorot_uniform", name="kernel")
        self.time_kernel, self.frequency_kernel = (
            self.add_weight(shape=(self.units, gates), initializer="orthogonal", name=name)
            for name in ("time_kernel", "frequency_kernel")
        )
        self.bias = add_gate_bias(self, self.gate_biases, self.units)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The input's part of all gates of all blocks: `[..., D]` to `[..., K, gates * U]`."""
        blocks = tf.signal.frame(inputs, self.width, self.stride)
        return tf.matmul(blocks, self.kernel) + self.bias

    def time_part(self, fed: tf.Tensor, h: tf.Tensor) -> list[tf.Tensor]:
        """What each block's gates `[B, gates * U]` get from the input and from the step before."""
        return tf.unstack(fed + tf.matmul(self.per_block(h), self.time_kernel), self.blocks, axis=1)

    def per_block(self, states: tf.Tensor) -> tf.Tensor:
        """States `[B, K * U]` as `[B, K, U]`."""
        return tf.reshape(states, [-1, self.blocks, self.units])

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        own = {"units": self.units, "blocks": self.blocks, "width": self.width, "stride": self.stride}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("tfx_sequence")
class TimeFrequencyLSTMCell(_FrequencyCell):
    """Time-frequency LSTM: one LSTM for all blocks, whose gates see the block below and the step before.

    The cell state recurs over time alone. The output is the blocks' outputs side by side, `[B, K * U]`. Sources: Li
    et al. 2015, "LSTM Time and Frequency Recurrence for Automatic Speech Recognition"; Sainath and Li 2016, "Modeling
    Time-Frequency Patterns with LSTM vs. Convolutional Architectures for LVCSR Tasks".
    """

    gate_biases = _FORGET

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        cells = tf.unstack(self.per_block(states[1]), axis=1)
        h = tf.zeros_like(cells[0])
        after: list[States] = []
        for gates, c in zip(self.time_part(fed, states[0]), cells, strict=True):
            h, c = _lstm(gates + tf.matmul(h, self.frequency_kernel), c)
            after.append([h, c])
        hs, cs = (tf.concat(parts, 1) for parts in zip(*after, strict=True))
        return hs, [hs, cs]


@keras.saving.register_keras_serializable("tfx_sequence")
class GridLSTMCell(_FrequencyCell):
    """Grid LSTM over time and frequency: an LSTM along each of the two, each with a cell state of its own.

    Both see the block, the time output of the step before and the frequency output of the block below. The frequency
    states start from zero at each step. The output is, block by block, the time output and the frequency output,
    `[B, K * 2U]`; states are those of the time LSTM. The weights hold the four gates of the time LSTM, then the four of
    the frequency LSTM. Sources: Kalchbrenner et al. 2015, "Grid Long Short-Term Memory"; Sainath and Li 2016, as
    above.
    """

    gate_biases = _FORGET + _FORGET

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Makes a cell with two outputs for each block."""
        super().__init__(*args, **kwargs)
        self.output_size = 2 * self.blocks * self.units

    def step(self, fed: tf.Tensor, states: States, training: bool = False) -> tuple[tf.Tensor, States]:
        """One step."""
        cells = tf.unstack(self.per_block(states[1]), axis=1)
        frequency_h = frequency_c = tf.zeros_like(cells[0])
        after: list[list[tf.Tensor]] = []
        for gates, c in zip(self.time_part(fed, states[0]), cells, strict=True):
            along_time, along_frequency = tf.split(gates + tf.matmul(frequency_h, self.frequency_kernel), 2, axis=1)
            h, c = _lstm(along_time, c)
            frequency_h, frequency_c = _lstm(along_frequency, frequency_c)
            after.append([h, c, tf.concat([h, frequency_h], 1)])
        hs, cs, outputs = (tf.concat(parts, 1) for parts in zip(*after, strict=True))
        return outputs, [hs, cs]
