"""Cells and wrappers that TensorFlow's own toolkit lacks, each recomputed in NumPy, row by row without padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.attention import AttentionWrapper
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import ZoneoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import dynamic_rnn
from tfx_sequence.components.sequence_trainer.rnn.frequency_cells import GridLSTMCell, TimeFrequencyLSTMCell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell, SimpleRNNCell
from tfx_sequence.components.sequence_trainer.rnn.variant_cells import (
    CoupledLSTMCell,
    IndRNNCell,
    LayerNormLSTMCell,
    NASCell,
    UGRNNCell,
)
from tfx_sequence.components.sequence_trainer.rnn.wrappers import HighwayWrapper

Vectors = list[np.ndarray]
Weights = dict[str, np.ndarray]
LENGTHS = np.array([5, 0, 1, 3])
STEPS, FEATURES = 5, 5


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(i: np.ndarray, f: np.ndarray, g: np.ndarray, o: np.ndarray, c: np.ndarray) -> Vectors:
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


def layer_norm_lstm(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    def norm(v: np.ndarray) -> np.ndarray:
        return (v - np.mean(v)) / np.sqrt(np.var(v) + 1e-5)

    h, c = states
    gates = norm(x @ w["kernel"]) * w["input_gain"] + norm(h @ w["recurrent_kernel"]) * w["recurrent_gain"] + w["bias"]
    i, f, g, o = np.split(gates, 4)
    _, c = lstm(i, f, g, o, c)
    h = sigmoid(o) * np.tanh(norm(c) * w["cell_gain"] + w["cell_bias"])
    return h, [h, c]


def coupled_lstm(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    h, c = states
    f, g, o = np.split(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"], 3)
    c = sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, [h, c]


def ugrnn(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    z, n = np.split(x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"], 2)
    h = sigmoid(z) * states[0] + (1 - sigmoid(z)) * np.tanh(n)
    return h, [h]


def indrnn(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    h = np.maximum(0, x @ w["kernel"] + states[0] * w["recurrent_kernel"] + w["bias"])
    return h, [h]


def nas(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    h, c = states
    xs, ms = np.split(x @ w["kernel"], 8), np.split(h @ w["recurrent_kernel"] + w["bias"], 8)
    relu = lambda v: np.maximum(0, v)  # noqa: E731
    acts = [sigmoid, relu, sigmoid, relu, np.tanh, sigmoid, np.tanh, sigmoid]
    leaves = [act(a * b if k == 3 else a + b) for k, (act, a, b) in enumerate(zip(acts, xs, ms, strict=True))]
    first, second = np.tanh(leaves[0] * leaves[1]), np.tanh(leaves[2] + leaves[3])
    third, fourth = np.tanh(leaves[4] * leaves[5]), sigmoid(leaves[6] + leaves[7])
    c = np.tanh(first + c) * second
    h = np.tanh(c * np.tanh(third + fourth))
    return h, [h, c]


def time_frequency_lstm(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    hs, cs = (np.split(state, 2) for state in states)
    below = np.zeros_like(hs[0])
    for k in range(2):
        block = x[2 * k : 2 * k + 3]
        gates = block @ w["kernel"] + hs[k] @ w["time_kernel"] + below @ w["frequency_kernel"] + w["bias"]
        hs[k], cs[k] = lstm(*np.split(gates, 4), cs[k])
        below = hs[k]
    return np.concatenate(hs), [np.concatenate(hs), np.concatenate(cs)]


def grid_lstm(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    hs, cs = (np.split(state, 2) for state in states)
    below, memory = np.zeros_like(hs[0]), np.zeros_like(hs[0])
    outputs = []
    for k in range(2):
        block = x[2 * k : 2 * k + 3]
        gates = block @ w["kernel"] + hs[k] @ w["time_kernel"] + below @ w["frequency_kernel"] + w["bias"]
        parts = np.split(gates, 8)
        hs[k], cs[k] = lstm(*parts[:4], cs[k])
        below, memory = lstm(*parts[4:], memory)
        outputs += [hs[k], below]
    return np.concatenate(outputs), [np.concatenate(hs), np.concatenate(cs)]


def gru(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    (h,) = states
    xr, xz, xn = np.split(x @ w["kernel"] + w["bias"], 3)
    ur, uz, un = np.split(w["recurrent_kernel"], 3, axis=1)
    r, z = sigmoid(xr + h @ ur), sigmoid(xz + h @ uz)
    n = np.tanh(xn + (r * h) @ un)
    h = z * h + (1 - z) * n
    return h, [h]


def highway_gru(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    output, states = gru(w, x, states)
    carry = sigmoid(x @ w["carry_kernel"] + w["carry_bias"])
    return carry * x + (1 - carry) * output, states


def zoneout_lstm(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    gates = x @ w["kernel"] + states[0] @ w["recurrent_kernel"] + w["bias"]
    new = lstm(*np.split(gates, 4), states[1])
    mixed = [rate * a + (1 - rate) * b for rate, a, b in zip((0.25, 0.5), states, new, strict=True)]
    return mixed[0], mixed


def attention_simple(w: Weights, x: np.ndarray, states: Vectors) -> tuple[np.ndarray, Vectors]:
    h, context, memory = states
    x = x @ w["input_kernel"] + w["input_bias"] + context @ w["context_kernel"]
    h = np.tanh(x @ w["kernel"] + h @ w["recurrent_kernel"] + w["bias"])
    entries = memory.reshape(3, -1)
    query = h @ w["query_kernel"] + w["query_bias"]
    scores = np.array([np.tanh(entry @ w["memory_kernel"] + query) @ w["score_kernel"][:, 0] for entry in entries])
    weights = np.exp(scores) / np.sum(np.exp(scores))
    context = weights @ entries
    output = np.concatenate([h, context]) @ w["output_kernel"] + w["output_bias"]
    return output, [h, context, np.concatenate([*entries[1:], output])]


Step = Callable[[Weights, np.ndarray, Vectors], tuple[np.ndarray, Vectors]]
CASES: list[tuple[Step, Callable[[], Cell]]] = [
    (layer_norm_lstm, lambda: LayerNormLSTMCell(4, dtype="float64")),
    (coupled_lstm, lambda: CoupledLSTMCell(4, dtype="float64")),
    (ugrnn, lambda: UGRNNCell(4, dtype="float64")),
    (indrnn, lambda: IndRNNCell(4, dtype="float64")),
    (nas, lambda: NASCell(4, dtype="float64")),
    (time_frequency_lstm, lambda: TimeFrequencyLSTMCell(2, blocks=2, width=3, stride=2, dtype="float64")),
    (grid_lstm, lambda: GridLSTMCell(2, blocks=2, width=3, stride=2, dtype="float64")),
    (highway_gru, lambda: HighwayWrapper(GRUCell(FEATURES, dtype="float64"))),
    (zoneout_lstm, lambda: ZoneoutWrapper(LSTMCell(4, dtype="float64"), rates=[0.25, 0.5])),
    (attention_simple, lambda: AttentionWrapper(SimpleRNNCell(4, dtype="float64"), window=3)),
]


def in_numpy(step: Step, w: Weights, inputs: np.ndarray, initial: Vectors, units: int) -> Vectors:
    """Outputs `[B, T, U]` and final states `[B, S]`, over the real steps alone."""
    outputs, final = np.zeros((*inputs.shape[:2], units)), [state.copy() for state in initial]
    for row, length in enumerate(LENGTHS):
        states = [state[row] for state in initial]
        for t in range(length):
            outputs[row, t], states = step(w, inputs[row, t], states)
        for state, value in zip(final, states, strict=True):
            state[row] = value
    return [outputs, *final]


@pytest.mark.parametrize(("step", "make"), CASES, ids=[step.__name__ for step, _ in CASES])
def test_cell_equals_its_recomputation_in_numpy(step: Step, make: Callable[[], Cell]) -> None:
    rng = np.random.default_rng(4)
    cell = make()
    cell.build((None, FEATURES))
    for weight in cell.trainable_variables:
        weight.assign(rng.normal(size=weight.shape, scale=0.7))
    w = {weight.name: np.array(weight) for weight in cell.trainable_variables}
    assert len(w) == len(cell.trainable_variables)
    inputs = rng.normal(size=(len(LENGTHS), STEPS, FEATURES))
    initial = [rng.normal(size=(len(LENGTHS), size)) for size in tf.nest.flatten(cell.state_size)]
    times = [rng.normal(size=value.shape) for value in in_numpy(step, w, inputs, initial, cell.output_size)]
    sources = [tf.constant(inputs), *map(tf.constant, initial), *(weight.value for weight in cell.trainable_variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs, states = dynamic_rnn(cell, sources[0], LENGTHS, sources[1 : 1 + len(initial)])
        results = [outputs, *tf.nest.flatten(states)]
        total = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(results, times, strict=True)])
    for ours, expected in zip(results, in_numpy(step, w, inputs, initial, cell.output_size), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)

    # The gradient, along one random direction of everything at once, is the slope of the recomputed total.
    along = [rng.normal(size=source.shape) for source in sources]

    def total_at(shift: float) -> float:
        moved = [np.array(source) + shift * part for source, part in zip(sources, along, strict=True)]
        weights = dict(zip(w, moved[1 + len(initial) :], strict=True))
        values = in_numpy(step, weights, moved[0], moved[1 : 1 + len(initial)], cell.output_size)
        return sum(np.sum(a * b) for a, b in zip(values, times, strict=True))

    slope = (total_at(1e-6) - total_at(-1e-6)) / 2e-6
    gradients = tape.gradient(total, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    np.testing.assert_allclose(sum(np.sum(a * b) for a, b in zip(gradients, along, strict=True)), slope, rtol=1e-6)


@pytest.mark.parametrize(
    ("cell", "bias"),
    [
        (lambda: LSTMCell(1), [0, 1, 0, 0]),
        (lambda: GRUCell(1), [1, 1, 0]),
        (lambda: CoupledLSTMCell(1), [1, 0, 0]),
        (lambda: UGRNNCell(1), [1, 0]),
        (lambda: GridLSTMCell(1, 1, FEATURES), [0, 1, 0, 0, 0, 1, 0, 0]),
    ],
)
def test_bias_starts_so_that_states_are_kept(cell: Callable[[], Cell], bias: list[float]) -> None:
    built = cell()
    built.build((None, FEATURES))
    np.testing.assert_array_equal(built.bias, bias)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GRUCell(0), "`units` must be at least 1, but is 0."),
        (lambda: LSTMCell(1, cell_clip=-1.0), "`cell_clip` must be None or greater than 0, but is -1.0."),
        (lambda: LSTMCell(1, projection=0), "`projection` must be None or greater than 0, but is 0."),
        (lambda: GridLSTMCell(1, 2, 3, stride=0), "`stride` must be at least 1, but is 0."),
        (
            lambda: TimeFrequencyLSTMCell(1, blocks=2, width=3, stride=2).build((None, 6)),
            "2 blocks of width 3 and stride 2 need inputs with 5 features, but the inputs have 6.",
        ),
        (lambda: AttentionWrapper(GRUCell(1), 0), "`window` must be at least 1, but is 0."),
    ],
)
def test_cell_says_what_is_wrong_when_it_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared.
        make()
    assert str(error.value) == message
