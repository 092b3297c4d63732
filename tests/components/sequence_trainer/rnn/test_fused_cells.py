"""The fused LSTM and GRU, and cuDNN's operation, against the loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import dynamic_rnn
from tfx_sequence.components.sequence_trainer.rnn.loop import loop_over_steps
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell

every_kind = pytest.mark.parametrize(
    "make",
    [GRUCell, LSTMCell, functools.partial(LSTMCell, peepholes=True, cell_clip=0.4)],
    ids=["GRU", "LSTM", "LSTM with options"],
)


def run_and_differentiate(
    cell: Any, inputs: np.ndarray, lengths: Any, initial: list[np.ndarray], **kwargs: Any
) -> list[np.ndarray]:
    """Returns outputs, states, and all gradients of the sum of their sines, which weighs each number differently."""
    sources = [tf.constant(inputs, cell.dtype), *(tf.constant(state, cell.dtype) for state in initial)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        outputs, states = dynamic_rnn(cell, sources[0], lengths, sources[1:], **kwargs)
        total = tf.add_n([tf.reduce_sum(tf.sin(value)) for value in [outputs, *states]])
    return [outputs, *states, *tape.gradient(total, [*sources, *cell.trainable_variables])]


def make_pair(
    make: Callable[..., Any], units: int, features: int, scale: float, rng: np.random.Generator
) -> tuple[Any, Any]:
    """Makes a float32 cell, which is fused, and a float64 one, which runs the loop, with the same weights."""
    fused, looped = make(units, dtype="float32"), make(units, dtype="float64")
    for cell in (fused, looped):
        cell.build((None, features))
    for ours, theirs in zip(fused.weights, looped.weights, strict=True):
        ours.assign(rng.normal(size=ours.shape, scale=scale))
        theirs.assign(ours.numpy())
    return fused, looped


@every_kind
@hypothesis.given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    units=st.integers(1, 5),
    features=st.integers(1, 4),
    seed=st.integers(0, 2**16),
)
@hypothesis.settings(max_examples=25)
def test_fused_cell_equals_the_loop(
    make: Callable[..., Any], lengths: list[int], units: int, features: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    fused, looped = make_pair(make, units, features, 0.5, rng)
    inputs = rng.normal(size=(len(lengths), 6, features))
    initial = [rng.normal(size=(len(lengths), units)) for _ in fused.state_size]
    for ours, expected in zip(
        run_and_differentiate(fused, inputs, lengths, initial),
        run_and_differentiate(looped, inputs, lengths, initial),
        strict=True,
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


@every_kind
def test_fused_cell_equals_the_loop_when_sequences_are_long_and_states_large(make: Callable[..., Any]) -> None:
    rng = np.random.default_rng(5)
    fused, looped = make_pair(make, 16, 8, 0.4, rng)
    lengths = [120, 0, 1, 77, 119]
    inputs = rng.normal(size=(5, 120, 8), scale=2.0)
    initial = [rng.normal(size=(5, 16), scale=8.0) for _ in fused.state_size]
    ours, expected = (run_and_differentiate(cell, inputs, lengths, initial) for cell in (fused, looped))
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * max(1.0, np.abs(b).max()))


@every_kind
def test_fused_cell_does_not_run_step_by_step(make: Callable[..., Any]) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the loop ran")

    fused, looped = make(2, dtype="float32"), make(2, dtype="float64")
    fused.step = looped.step = refuse
    inputs = np.zeros((2, 3, 4))
    dynamic_rnn(fused, inputs, [3, 1])
    with pytest.raises(AssertionError, match="the loop ran"):
        dynamic_rnn(looped, inputs, [3, 1])


@every_kind
def test_second_derivative_of_a_fused_cell_is_refused(make: Callable[..., Any]) -> None:
    inputs = tf.ones([2, 3, 4])
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            total = tf.reduce_sum(dynamic_rnn(make(2), inputs, [3, 1])[0])
        slope = tf.reduce_sum(inner.gradient(total, inputs) ** 2)
    with pytest.raises(LookupError, match="no second derivative"):
        outer.gradient(slope, inputs)


class CudnnResult(NamedTuple):
    output: tf.Tensor
    output_h: tf.Tensor
    output_c: tf.Tensor
    reserve_space: None = None
    host_reserved: None = None


def list_operations(graph: tf.Graph) -> list[str]:
    """Returns the types of all operations of a graph and of the functions that it calls."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return [node.op for node in nodes]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
@every_kind
def test_recurrence_is_fused_and_close_to_float32_in_every_precision(make: Callable[..., Any], precision: str) -> None:
    rng = np.random.default_rng(7)
    full, cell = make(5, dtype="float32"), make(5, dtype=precision)
    for each in (full, cell):
        each.build((None, 3))
    for ours, theirs in zip(full.weights, cell.weights, strict=True):
        ours.assign(rng.normal(size=ours.shape, scale=0.5))
        theirs.assign(ours.numpy())
    inputs, lengths = rng.normal(size=(2, 30, 3)).astype("float32"), [30, 8]

    @tf.function
    def run(inputs: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            outputs, states = dynamic_rnn(cell, inputs, lengths, training=True)
            total = tf.reduce_sum(tf.cast(outputs, tf.float32))
        return [outputs, *states, *tape.gradient(total, cell.trainable_variables)]

    operations = list_operations(run.get_concrete_function(inputs).graph)
    fused = "GRUBlockCell" if isinstance(cell, GRUCell) else "BlockLSTMV2"
    assert fused in operations
    outputs, _ = dynamic_rnn(full, inputs, lengths)
    # Of bfloat16, 8 bits are kept. The error does not grow with the steps, because the states stay in float32.
    tolerance = {"float32": 1e-6, "mixed_bfloat16": 2e-2, "mixed_float16": 2e-3}[precision]
    got, *_ = run(inputs)
    assert got.dtype == cell.compute_dtype
    np.testing.assert_allclose(tf.cast(got, tf.float32), outputs, atol=tolerance)


def stand_in(
    input: tf.Tensor,
    input_h: tf.Tensor,
    input_c: tf.Tensor,
    params: tf.Tensor,
    sequence_lengths: tf.Tensor,
    rnn_mode: str,
    time_major: bool,
) -> CudnnResult:
    """Does on a CPU what the documentation of `CudnnRNNV3` says: checks the same, and fills padded steps with zeros.

    Parameters are the matrices of the input for the gates i, f, g, o, each `[U, D]` row by row, those of the state
    `[U, U]`, the input's four biases and the state's.
    """
    assert rnn_mode == "lstm"
    assert time_major
    total, batch, features = input.shape
    units = input_h.shape[2]
    assert input_h.shape == input_c.shape == (1, batch, units)
    assert sequence_lengths.dtype == tf.int32
    assert (sequence_lengths.numpy() >= 1).all()
    assert (sequence_lengths.numpy() <= total).all()
    sizes = [units * features] * 4 + [units * units] * 4 + [units] * 8
    parts = tf.split(params, sizes)
    kernels, recurrent = ([tf.reshape(part, [units, -1]) for part in some] for some in (parts[:4], parts[4:8]))

    def step(x: tf.Tensor, states: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        h, c = states
        i, f, g, o = (
            tf.matmul(x, kernels[k], transpose_b=True)
            + tf.matmul(h, recurrent[k], transpose_b=True)
            + parts[8 + k]
            + parts[12 + k]
            for k in range(4)
        )
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), [tf.sigmoid(o) * tf.tanh(c), c]

    outputs, (h, c) = loop_over_steps(step, input, sequence_lengths, [input_h[0], input_c[0]])
    real = tf.sequence_mask(sequence_lengths, total)
    return CudnnResult(tf.where(tf.transpose(real)[:, :, tf.newaxis], outputs, 0.0), h[tf.newaxis], c[tf.newaxis])


@pytest.fixture
def cudnn_calls(monkeypatch: pytest.MonkeyPatch) -> list[CudnnResult]:
    """Makes a machine that says it has a GPU, with the stand-in for its operation; the results of all calls of it."""
    calls: list[CudnnResult] = []

    def record(**arguments: Any) -> CudnnResult:
        calls.append(stand_in(**arguments))
        return calls[-1]

    monkeypatch.setattr(tf.raw_ops, "CudnnRNNV3", record)
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: [kind])
    return calls


@pytest.mark.usefixtures("cudnn_calls")
@pytest.mark.parametrize("lengths", [[4, 0, 1, 3], [0, 0, 0, 0]])
def test_cudnn_is_given_what_it_takes_and_equals_the_loop(lengths: list[int]) -> None:
    rng = np.random.default_rng(6)
    on_gpu, looped = make_pair(LSTMCell, 3, 2, 0.5, rng)
    inputs, initial = rng.normal(size=(4, 6, 2)), [rng.normal(size=(4, 3)) for _ in range(2)]
    ours = run_and_differentiate(on_gpu, inputs, lengths, initial, training=True)
    for a, b in zip(ours, run_and_differentiate(looped, inputs, lengths, initial), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("cell", "training", "expected"),
    [
        (lambda: LSTMCell(2), True, True),
        (lambda: LSTMCell(2, dtype="mixed_float16"), True, True),
        (lambda: LSTMCell(2), False, False),
        (lambda: LSTMCell(2, dtype="mixed_bfloat16"), True, True),
        (lambda: LSTMCell(2, peepholes=True), True, False),
        (lambda: LSTMCell(2, cell_clip=1.0), True, False),
        (lambda: LSTMCell(2, projection=1), True, False),
    ],
)
def test_cudnn_is_used_in_training_alone_and_for_what_it_can(
    cell: Callable[[], LSTMCell], training: bool, expected: bool, cudnn_calls: list[CudnnResult]
) -> None:
    dynamic_rnn(cell(), np.zeros((2, 3, 4)), [3, 1], training=training)
    assert len(cudnn_calls) == expected
