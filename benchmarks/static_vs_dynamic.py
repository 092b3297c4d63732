"""A graph with one copy of the cell for each step (static), against one loop (dynamic), and one operation (fused).

    python benchmarks/static_vs_dynamic.py [--steps 20 200 1000] [--repeats 5]

An LSTM of 128 units over a batch of 32 rows of 100 numbers a step, forward and backward. For each length: the seconds
that TensorFlow takes to trace and to prepare the graph, until the first step is done, and the median seconds of a step
after that, of the processor, with one thread.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2")

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell

ROWS, INPUTS, UNITS = 32, 100, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 200, 1000])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{'steps':>6} {'way':<8} {'first s':>9} {'step s':>9}")
    for steps in options.steps:
        for name, unroll in (("static", static), ("dynamic", Cell.unroll), ("fused", LSTMCell.unroll)):
            first, step = measure(unroll, steps, options.repeats)
            print(f"{steps:>6} {name:<8} {first:>9.2f} {step:>9.4f}", flush=True)


def static(cell: Any, inputs: tf.Tensor, lengths: tf.Tensor, states: Any, training: bool = False) -> Any:
    """The cell, step after step, each with nodes of its own; a row that has ended keeps its states."""
    outputs = []
    for t, fed in enumerate(tf.unstack(cell.project(inputs, training))):
        output, new = cell.step(fed, states, training)
        real = (t < lengths)[:, tf.newaxis]
        states = [tf.where(real, after, before) for after, before in zip(new, states, strict=True)]
        outputs.append(output)
    return tf.stack(outputs), states


def measure(unroll: Callable[..., Any], steps: int, repeats: int) -> tuple[float, float]:
    """Seconds until the first step is done, and of one step."""
    cell = LSTMCell(UNITS)
    cell.build((None, INPUTS))
    inputs, lengths = tf.random.normal([steps, ROWS, INPUTS]), tf.fill([ROWS], steps)
    weights = [weight.value for weight in cell.trainable_weights]

    @tf.function
    def step(inputs: tf.Tensor, lengths: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs, _ = unroll(cell, inputs, lengths, cell.get_initial_state(batch_size=ROWS))
            loss = tf.reduce_sum(outputs**2)
        return tape.gradient(loss, weights)

    start = time.process_time()
    step(inputs, lengths)
    first = time.process_time() - start
    times = []
    for _ in range(repeats):
        start = time.process_time()
        step(inputs, lengths)
        times.append(time.process_time() - start)
    return first, statistics.median(times)


if __name__ == "__main__":
    main()
