"""The RNNs against TensorFlow's own `dynamic_rnn` and `rnn_cell`: same weights, same outputs, states and gradients."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support import programs

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN, DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.stacked_cells import MultiRNNCell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell, SimpleRNNCell
from tfx_sequence.components.sequence_trainer.rnn.wrappers import ResidualWrapper

Numbers = dict[str, np.ndarray]
pytestmark = pytest.mark.slow  # One process of its own for the legacy numbers.

TOLERANCE = {"float64": 1e-10, "float32": 2e-5}


@pytest.fixture(scope="session")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Numbers]:
    """Case to numbers, computed by a process that has the legacy Keras; both cannot be had in one."""
    path = tmp_path_factory.mktemp("legacy") / "numbers.npz"
    programs.run("legacy_rnn", path, variables={"TF_USE_LEGACY_KERAS": "1"})
    cases: dict[str, Numbers] = {}
    with np.load(path) as numbers:
        for name, value in numbers.items():
            case, what = name.split("/")
            cases.setdefault(case, {})[what] = value
    return cases


def select_numbered(numbers: Numbers, prefix: str) -> list[np.ndarray]:
    """Returns `prefix_0`, `prefix_1` and so on."""
    return [numbers[f"{prefix}_{i}"] for i in range(sum(name.startswith(f"{prefix}_") for name in numbers))]


def split_rows(kernel: np.ndarray, recurrent_rows: int) -> list[np.ndarray]:
    """Splits the one matrix in which the legacy cells hold the weights of input and state."""
    return np.split(kernel, [len(kernel) - recurrent_rows])


def simple_weights(legacy: Sequence[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    kernel, bias = legacy
    return [*split_rows(kernel, len(bias)), bias]


def gru_weights(legacy: Sequence[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    gates, gates_bias, candidate, candidate_bias = legacy
    both = np.concatenate([gates, candidate], 1)
    return [*split_rows(both, len(candidate_bias)), np.concatenate([gates_bias, candidate_bias])]


def lstm_weights(legacy: Sequence[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    """Reorders the legacy gates, i, g, f, o, and adds to the bias of f what the legacy cell adds where it uses it."""
    kernel, bias, *more = legacy
    i, g, f, o = np.split(np.vstack([kernel, bias]), 4, axis=1)
    f = np.vstack([f[:-1], f[-1:] + forget_bias])
    every = np.concatenate([i, f, g, o], 1)
    projection = [more.pop()] if len(more) in (1, 4) else []
    peepholes = [np.stack([more[1], more[0], more[2]])] if more else []
    outputs = projection[0].shape[1] if projection else len(bias) // 4
    return [*split_rows(every[:-1], outputs), every[-1], *peepholes, *projection]


@dataclasses.dataclass(frozen=True)
class Part:
    """One cell of ours, and how the legacy cell's arrays become its weights and its states."""

    arrays: int
    weights: Callable[[Sequence[np.ndarray], float], list[np.ndarray]]
    states: tuple[int, ...]
    """Where each of our states stands among the legacy cell's, which has c before h."""


def lstm_part(arrays: int = 2) -> Part:
    return Part(arrays, lstm_weights, (1, 0))


GRU, SIMPLE = Part(4, gru_weights, (0,)), Part(2, simple_weights, (0,))


def convert_weights(parts: Sequence[Part], arrays: list[np.ndarray], forget_bias: float) -> list[np.ndarray]:
    """Makes the weights of our cells from the legacy arrays; gradients too, with no bias added."""
    ours, rest = [], list(arrays)
    for part in parts:
        mine, rest = rest[: part.arrays], rest[part.arrays :]
        ours += part.weights(mine, forget_bias)
    assert not rest
    return ours


def convert_states(parts: Sequence[Part], states: list[np.ndarray]) -> list[np.ndarray]:
    """Puts the legacy states in our order."""
    ours, rest = [], list(states)
    for part in parts:
        ours += [rest[i] for i in part.states]
        rest = rest[len(part.states) :]
    return ours


def check(layer: Any, parts: Sequence[Part], numbers: Numbers, dtype: str, time_major: bool = False) -> None:
    """Runs `layer` on the legacy numbers and compares all that comes out."""
    inputs = tf.constant(numbers["inputs"], dtype)
    inputs = tf.transpose(inputs, [1, 0, 2]) if time_major else inputs
    initial = [tf.constant(state, dtype) for state in convert_states(parts, select_numbered(numbers, "initial"))]
    outputs, final = select_numbered(numbers, "output"), convert_states(parts, select_numbered(numbers, "state"))
    times = select_numbered(numbers, "times")
    times = times[: len(outputs)] + convert_states(parts, times[len(outputs) :])
    layer.build(inputs.shape)
    for weight, value in zip(
        layer.trainable_variables, convert_weights(parts, select_numbered(numbers, "weight"), 1.0), strict=True
    ):
        weight.assign(value)

    @tf.function
    def run() -> tuple[Any, Any]:
        sources = [inputs, *initial, *(weight.value for weight in layer.trainable_variables)]
        halves = [initial[:2], initial[2:]] if isinstance(layer, BidirectionalRNN) else initial
        with tf.GradientTape() as tape:
            tape.watch(sources)
            results = tf.nest.flatten(layer(inputs, numbers["lengths"], halves, training=True))
            total = tf.add_n([tf.reduce_sum(a * tf.constant(b, dtype)) for a, b in zip(results, times, strict=True)])
        return results, tape.gradient(total, sources)

    results, gradients = run()
    expected_inputs = numbers["d_inputs"].transpose(1, 0, 2) if time_major else numbers["d_inputs"]
    expected = [
        expected_inputs,
        *convert_states(parts, select_numbered(numbers, "d_initial")),
        *convert_weights(parts, select_numbered(numbers, "d_weight"), 0.0),
    ]
    for ours, theirs in zip([*results, *gradients], [*outputs, *final, *expected], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


CASES: dict[str, tuple[Callable[[str], Cell], list[Part]]] = {
    "simple": (lambda dtype: SimpleRNNCell(4, dtype=dtype), [SIMPLE]),
    "gru": (lambda dtype: GRUCell(4, dtype=dtype), [GRU]),
    "basic_lstm": (lambda dtype: LSTMCell(4, dtype=dtype), [lstm_part()]),
    "lstm": (lambda dtype: LSTMCell(4, dtype=dtype), [lstm_part()]),
    "peepholes": (lambda dtype: LSTMCell(4, peepholes=True, dtype=dtype), [lstm_part(5)]),
    "cell_clip": (lambda dtype: LSTMCell(4, cell_clip=0.3, dtype=dtype), [lstm_part()]),
    "projection": (lambda dtype: LSTMCell(4, projection=2, dtype=dtype), [lstm_part(3)]),
    "everything": (
        lambda dtype: LSTMCell(4, peepholes=True, cell_clip=0.7, projection=2, output_clip=0.2, dtype=dtype),
        [lstm_part(6)],
    ),
    "residual": (lambda dtype: ResidualWrapper(GRUCell(3, dtype=dtype)), [GRU]),
    "multi": (
        lambda dtype: MultiRNNCell([GRUCell(5, dtype=dtype), LSTMCell(4, dtype=dtype), SimpleRNNCell(2, dtype=dtype)]),
        [GRU, lstm_part(), SIMPLE],
    ),
    "dropout_off": (lambda dtype: DropoutWrapper(LSTMCell(4, dtype=dtype)), [lstm_part()]),
}
FUSED = ("gru", "basic_lstm", "peepholes", "cell_clip", "multi", "dropout_off")
"""The cases that do not run the loop in float32."""


@pytest.mark.parametrize(
    ("case", "dtype"), [(case, "float64") for case in CASES] + [(case, "float32") for case in FUSED]
)
def test_dynamic_rnn_equals_the_legacy_one(case: str, dtype: str, legacy: dict[str, Numbers]) -> None:
    make, parts = CASES[case]
    check(DynamicRNN(make(dtype)), parts, legacy[case], dtype)


def test_dynamic_rnn_equals_the_legacy_one_when_time_major(legacy: dict[str, Numbers]) -> None:
    layer = DynamicRNN(GRUCell(4, dtype="float64"), time_major=True)
    check(layer, [GRU], legacy["time_major"], "float64", time_major=True)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_bidirectional_dynamic_rnn_equals_the_legacy_one(dtype: str, legacy: dict[str, Numbers]) -> None:
    layer = BidirectionalRNN(LSTMCell(4, dtype=dtype), GRUCell(5, dtype=dtype))
    check(layer, [lstm_part(), GRU], legacy["bidirectional"], dtype)


@pytest.mark.parametrize(
    ("case", "cell", "part"), [("dropout_lstm", LSTMCell, lstm_part()), ("dropout_gru", GRUCell, GRU)]
)
def test_dropout_equals_the_legacy_one_when_masks_are_the_same(
    case: str, cell: type[Cell], part: Part, legacy: dict[str, Numbers], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = {"input": 0.5, "state": 0.25, "output": 0.375}
    # Ours draws these in turn, and keeps draws below the share to keep; the legacy keeps those above the rate.
    turns = itertools.cycle(["state", "input", "output"])

    def draw_as_legacy(*_: Any) -> tf.Tensor:
        return 1 - tf.constant(legacy[case][f"noise_{next(turns)}"])

    layer = DynamicRNN(DropoutWrapper(cell(4, dtype="float64"), *rates.values(), variational=True))
    layer.build(legacy[case]["inputs"].shape)  # Weights are drawn by the same function.
    monkeypatch.setattr(tf.random, "stateless_uniform", draw_as_legacy)
    check(layer, [part], legacy[case], "float64")
