"""Shows, on a machine with a GPU, whether LSTMs are trained by cuDNN, and how fast.

    python benchmarks/gpu.py

An LSTM of 256 units over batches of 64 rows of unequal length, one of them empty, forward and backward. It prints the
operations of the profile that are cuDNN's, the milliseconds of a step with cuDNN and with the loop on the same GPU, and
the largest difference of their outputs. Without a GPU it says so and ends with 2.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell

ROWS, STEPS, INPUTS, UNITS = 64, 100, 128, 256


class LoopLSTMCell(LSTMCell):
    """The same cell, step by step."""

    unroll = Cell.unroll


def main() -> int:
    if not tf.config.list_logical_devices("GPU"):
        print("TensorFlow finds no GPU here: nothing to show")
        return 2
    lengths = np.random.default_rng(1).integers(1, STEPS + 1, ROWS)
    lengths[0] = 0
    inputs = tf.random.normal([ROWS, STEPS, INPUTS])
    layers = {"cuDNN": DynamicRNN(LSTMCell(UNITS)), "loop": DynamicRNN(LoopLSTMCell(UNITS))}
    outputs = {}
    for name, layer in layers.items():
        layer(inputs, tf.constant(lengths), training=True)
        if name == "loop":
            layer.set_weights(layers["cuDNN"].get_weights())
        step = training_step(layer)
        outputs[name] = step(inputs, tf.constant(lengths))[0].numpy()
        print(f"{name}: {milliseconds(step, inputs, tf.constant(lengths)):.2f} ms a step")
        print(f"{name}: operations of cuDNN in the profile: {cudnn_operations(step, inputs, lengths) or 'none'}")
    print(f"largest difference of the outputs: {np.abs(outputs['cuDNN'] - outputs['loop']).max():.2g}")
    return 0


def training_step(layer: DynamicRNN) -> Any:
    weights = [weight.value for weight in layer.trainable_weights]

    @tf.function
    def step(inputs: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            outputs, _ = layer(inputs, lengths, training=True)
            loss = tf.reduce_sum(outputs**2)
        return outputs, tape.gradient(loss, weights)

    return step


def milliseconds(step: Any, *arguments: tf.Tensor) -> float:
    times = []
    for _ in range(30):
        start = time.perf_counter()
        step(*arguments)[1][0].numpy()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def cudnn_operations(step: Any, inputs: tf.Tensor, lengths: np.ndarray) -> list[str]:
    """Names of cuDNN's operations that TensorFlow's profiler saw run."""
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            step(inputs, tf.constant(lengths))[1][0].numpy()
        content = b"".join(file.read_bytes() for file in Path(folder).glob("**/*.xplane.pb"))
    return sorted(name for name in ("CudnnRNNV3", "CudnnRNNBackpropV3") if name.encode() in content)


if __name__ == "__main__":
    sys.exit(main())
