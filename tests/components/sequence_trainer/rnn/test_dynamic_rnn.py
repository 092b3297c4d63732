"""DynamicRNN and BidirectionalRNN: the guide's own numbers, lengths, states, errors, models and export."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import (
    BidirectionalRNN,
    DynamicRNN,
    bidirectional_dynamic_rnn,
    dynamic_rnn,
)
from tfx_sequence.components.sequence_trainer.rnn.stacked_cells import MultiRNNCell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell, SimpleRNNCell

LENGTHS = np.array([4, 0, 1, 3])


def steps(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.fixture
def guide() -> tuple[np.ndarray, list[int]]:
    """The guide's batch: two rows of 8 numbers a step, the second 6 steps long and padded with zeros to 10."""
    inputs = steps(2, 10, 8)
    inputs[1, 6:] = 0
    return inputs, [10, 6]


def test_dynamic_rnn_keeps_what_the_guide_asserts(guide: tuple[np.ndarray, list[int]]) -> None:
    cell = LSTMCell(64)
    outputs, last_states = dynamic_rnn(cell, *guide)
    assert outputs.shape == (2, 10, 64)
    assert (outputs[1, 7, :].numpy() == np.zeros(cell.output_size)).all()
    # "copy the state from the last step to the end": the states are those of steps 10 and 6.
    np.testing.assert_array_equal(last_states[0], np.stack([outputs[0, 9], outputs[1, 5]]))


def test_bidirectional_dynamic_rnn_keeps_what_the_guide_asserts(guide: tuple[np.ndarray, list[int]]) -> None:
    (forward, backward), (states_fw, states_bw) = bidirectional_dynamic_rnn(LSTMCell(64), LSTMCell(64), *guide)
    assert forward.shape == backward.shape == (2, 10, 64)
    assert not forward[1, 6:].numpy().any()
    assert not backward[1, 6:].numpy().any()
    np.testing.assert_array_equal(states_fw[0], np.stack([forward[0, 9], forward[1, 5]]))
    np.testing.assert_array_equal(states_bw[0], backward[:, 0])


def test_stack_of_the_guide_runs(guide: tuple[np.ndarray, list[int]]) -> None:
    cell = MultiRNNCell([DropoutWrapper(LSTMCell(64), output_rate=0.5) for _ in range(4)])
    outputs, states = dynamic_rnn(cell, *guide, training=True)
    assert outputs.shape == (2, 10, 64)
    assert [[state.shape for state in layer] for layer in states] == [[(2, 64), (2, 64)]] * 4


@pytest.mark.parametrize("make", [SimpleRNNCell, GRUCell, LSTMCell])
def test_row_of_length_zero_keeps_its_initial_states(make: Callable[[int], Any]) -> None:
    cell = make(5)
    initial = [steps(4, 5, seed=i) for i in range(len(cell.state_size))]
    outputs, states = dynamic_rnn(cell, steps(4, 4, 3), LENGTHS, initial)
    for before, after in zip(initial, states, strict=True):
        np.testing.assert_array_equal(after[1], before[1])
        assert (after[0].numpy() != before[0]).all()
    assert not outputs[1].numpy().any()


@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 0, 3), (2, 4, 3)], ids=["no rows", "no steps", "no real steps"])
@pytest.mark.parametrize("make", [SimpleRNNCell, GRUCell, LSTMCell])
def test_batch_of_nothing_gives_zeros_and_finite_gradients(make: Callable[[int], Any], shape: tuple[int, ...]) -> None:
    cell = make(5)
    with tf.GradientTape() as tape:
        outputs, states = dynamic_rnn(cell, steps(*shape), np.zeros(shape[0], int))
        loss = tf.reduce_sum(outputs) + tf.reduce_sum(states[0])
    assert outputs.shape == (*shape[:2], 5)
    assert not outputs.numpy().any()
    for gradient in tape.gradient(loss, cell.trainable_variables):
        np.testing.assert_array_equal(gradient, tf.zeros_like(gradient))


def test_time_major_transposes_inputs_and_outputs_and_changes_nothing_else() -> None:
    cells = GRUCell(5), LSTMCell(3)
    inputs = steps(4, 4, 3)
    outputs, states = bidirectional_dynamic_rnn(*cells, inputs, LENGTHS)
    ours, same_states = bidirectional_dynamic_rnn(*cells, inputs.transpose(1, 0, 2), LENGTHS, time_major=True)
    for expected, output in zip(outputs, ours, strict=True):
        np.testing.assert_array_equal(output, np.transpose(expected, [1, 0, 2]))
    tf.nest.map_structure(np.testing.assert_array_equal, same_states, states)


def test_backward_reading_is_the_forward_reading_of_reversed_rows() -> None:
    forward, backward = GRUCell(5), LSTMCell(5)
    inputs = steps(4, 4, 3)
    (_, outputs), (_, states) = bidirectional_dynamic_rnn(forward, backward, inputs, LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone, alone_states = dynamic_rnn(backward, inputs[row : row + 1, :length][:, ::-1], [length])
        np.testing.assert_allclose(outputs[row, :length], alone[0, ::-1], atol=1e-6)
        np.testing.assert_allclose(states[0][row], alone_states[0][0], atol=1e-6)


def test_trainable_initial_states_are_where_rows_start_and_get_gradients() -> None:
    layer = DynamicRNN(LSTMCell(5), trainable_initial_state=True)
    inputs = steps(4, 4, 3)
    layer(inputs, LENGTHS)
    rows = [steps(5, seed=i) for i in range(2)]
    for weight, row in zip(layer.initial_states, rows, strict=True):
        weight.assign(row)
    with tf.GradientTape() as tape:
        outputs, _ = layer(inputs, LENGTHS)
        loss = tf.reduce_sum(outputs)
    given, _ = layer(inputs, LENGTHS, [np.tile(row, (4, 1)) for row in rows])
    np.testing.assert_array_equal(outputs, given)
    assert all(gradient.numpy().any() for gradient in tape.gradient(loss, layer.initial_states))
    assert len(layer.trainable_variables) == 5


@pytest.mark.parametrize(
    "make",
    [
        lambda: keras.layers.LSTMCell(5),
        lambda: keras.layers.GRUCell(5),
        lambda: keras.layers.StackedRNNCells([keras.layers.SimpleRNNCell(4), keras.layers.LSTMCell(5)]),
    ],
    ids=["LSTM", "GRU", "stacked"],
)
def test_keras_own_cells_run(make: Callable[[], Any]) -> None:
    cell = make()
    inputs = steps(4, 4, 3)
    outputs, _ = dynamic_rnn(cell, inputs, LENGTHS)
    layer = keras.layers.RNN(cell, return_sequences=True, zero_output_for_mask=True)
    np.testing.assert_allclose(outputs, layer(inputs, mask=np.arange(4) < LENGTHS[:, np.newaxis]), atol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        (
            None,
            ValueError,
            "`lengths` must be an int tensor [B], the number of real steps of each row, but is None.",
        ),
        ([1.0, 2.0], TypeError, "`lengths` must be integers, but has type float32."),
        ([1, 2, 3], tf.errors.InvalidArgumentError, "`lengths` must have one entry for each row of `inputs`"),
        ([1], tf.errors.InvalidArgumentError, "`lengths` must have one entry for each row of `inputs`"),
        ([[1, 2]], tf.errors.InvalidArgumentError, "`lengths` must have one entry for each row of `inputs`"),
        ([1, -1], tf.errors.InvalidArgumentError, "`lengths` must not be negative"),
        ([1, 5], tf.errors.InvalidArgumentError, "`lengths` must not be greater than T, the steps of `inputs`"),
    ],
)
def test_lengths_that_cannot_be_are_refused(lengths: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        dynamic_rnn(GRUCell(2), steps(2, 4, 3), lengths)
    assert message in str(raised.value)


def test_lengths_that_cannot_be_are_refused_when_in_a_graph() -> None:
    cell = GRUCell(2)
    run = tf.function(lambda lengths: dynamic_rnn(cell, steps(2, 4, 3), lengths)[0], autograph=False)
    run(tf.constant([4, 0]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must not be greater than T"):
        run(tf.constant([5, 0]))


def test_one_cell_for_both_directions_is_refused() -> None:
    cell = LSTMCell(2)
    with pytest.raises(ValueError, match="`cell_fw` and `cell_bw` must be two cells"):
        BidirectionalRNN(cell, cell)


def functional_model() -> keras.Model:
    """Tags of each step, from two bidirectional layers."""
    inputs, lengths = keras.Input((None, 3)), keras.Input((), dtype="int32")
    outputs, _ = BidirectionalRNN(LSTMCell(4), GRUCell(4))(inputs, lengths)
    outputs, _ = DynamicRNN(DropoutWrapper(LSTMCell(4), 0.1))(keras.layers.Concatenate()(outputs), lengths)
    return keras.Model([inputs, lengths], keras.layers.Dense(2)(outputs))


def test_functional_model_learns_and_is_stored(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    model = functional_model()
    batch = [steps(4, 4, 3), LENGTHS]
    model.compile(keras.optimizers.Adam(0.05), "mse")
    history = model.fit(batch, np.ones((4, 4, 2)), epochs=8, verbose=0).history["loss"]
    assert history[-1] < history[0]
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(batch), model(batch), atol=1e-6)


SERVE = """
import sys
sys.modules["tfx_sequence"] = None  # Importing it fails.
import numpy as np, tensorflow as tf
numbers = np.load(sys.argv[1])
for path in sys.argv[2:]:
    model = tf.saved_model.load(path)
    for steps in (4, 3):
        ours = model.serve(tf.constant(numbers["inputs"][:, :steps]), tf.constant(numbers["lengths"] - (4 - steps)))
        np.testing.assert_allclose(ours, numbers[f"outputs_{steps}"], atol=1e-6)
"""


@pytest.mark.slow
def test_saved_model_is_served_without_this_package(tmp_path: Path) -> None:
    model = functional_model()
    signature = [tf.TensorSpec([None, None, 3]), tf.TensorSpec([None], tf.int32)]
    serve = tf.function(lambda inputs, lengths: model([inputs, lengths]), input_signature=signature, autograph=False)
    module = tf.Module()
    module.model, module.serve = model, serve
    tf.saved_model.save(module, str(tmp_path / "saved"))
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", lambda inputs, lengths: model([inputs, lengths]), input_signature=signature)
    archive.write_out(str(tmp_path / "archive"))
    inputs, lengths = steps(3, 4, 3), np.array([4, 1, 2], "int32")
    outputs = {f"outputs_{n}": model([inputs[:, :n], lengths - (4 - n)]) for n in (4, 3)}
    np.savez(tmp_path / "numbers.npz", inputs=inputs, lengths=lengths, **outputs)
    paths = [tmp_path / name for name in ("numbers.npz", "saved", "archive")]
    subprocess.run([sys.executable, "-c", SERVE, *paths], check=True, capture_output=True)
