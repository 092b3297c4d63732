"""Laws that hold for every cell and wrapper: padding, order and windows change nothing; cells survive being stored."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.rnn.attention import AttentionWrapper
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper, ZoneoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN, DynamicRNN, dynamic_rnn
from tfx_sequence.components.sequence_trainer.rnn.stacked_cells import MultiRNNCell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell
from tfx_sequence.components.sequence_trainer.rnn.variant_cells import (
    UGRNNCell,
)
from tfx_sequence.components.sequence_trainer.rnn.windows import cut_windows
from tfx_sequence.components.sequence_trainer.rnn.wrappers import HighwayWrapper, ResidualWrapper

LENGTHS = np.array([6, 0, 1, 4])
STEPS, FEATURES = 6, 3

BLOCKS = {"blocks": 2, "block_width": 2, "block_stride": 1}
"""What cells of blocks need to read three features."""


def cell_of_table(name: str) -> Callable[[], Cell]:
    arguments = {argument: BLOCKS[key] for key, argument in CELLS.find_row(name).arguments.items() if key in BLOCKS}
    return lambda: CELLS.load(name)(4, **arguments)


MAKERS: dict[str, Callable[[], Cell]] = {
    **{name: cell_of_table(name) for name in CELLS.rows},
    "lstm_with_options": lambda: LSTMCell(4, peepholes=True, cell_clip=0.5, projection=2, output_clip=0.3),
    "multi": lambda: MultiRNNCell([GRUCell(4), ResidualWrapper(LSTMCell(4))]),
    "dropout": lambda: DropoutWrapper(LSTMCell(4), 0.5, 0.5, 0.5, variational=True, seed=1),
    "zoneout": lambda: ZoneoutWrapper(LSTMCell(4), [0.1, 0.2], seed=2),
    "residual": lambda: ResidualWrapper(GRUCell(3)),
    "highway": lambda: HighwayWrapper(LSTMCell(3)),
    "attention": lambda: AttentionWrapper(MultiRNNCell([HighwayWrapper(UGRNNCell(3)), LSTMCell(2)]), window=2),
}

every_cell = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)


@pytest.fixture
def inputs() -> np.ndarray:
    return np.random.default_rng(7).normal(size=(len(LENGTHS), STEPS, FEATURES)).astype("float32")


def numbers(cell: Any, inputs: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    """Outputs, final states, and the gradients of a loss over real steps: of the inputs, then of the weights."""
    steps = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(steps)
        outputs, states = dynamic_rnn(cell, steps, lengths)
        loss = tf.reduce_sum(tf.sin(outputs)) + tf.add_n([tf.reduce_sum(state) for state in tf.nest.flatten(states)])
    gradients = tape.gradient(loss, [steps, *cell.trainable_variables])
    return [np.array(value) for value in [outputs, gradients[0], *tf.nest.flatten(states), *gradients[1:]]]


def assert_close(ours: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@every_cell
def test_padding_changes_nothing(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    padding = np.arange(STEPS) >= LENGTHS[:, np.newaxis]
    expected = numbers(cell, inputs, LENGTHS)
    assert not expected[0][padding].any()
    assert not expected[1][padding].any()
    padded = np.pad(inputs, [(0, 0), (0, 3), (0, 0)], constant_values=np.inf)
    padded[:, :STEPS][padding] = np.nan
    outputs, steps_gradient, *rest = numbers(cell, padded, LENGTHS)
    assert not outputs[:, STEPS:].any()
    assert not steps_gradient[:, STEPS:].any()
    assert_close([outputs[:, :STEPS], steps_gradient[:, :STEPS], *rest], expected)


@every_cell
def test_order_of_rows_changes_nothing(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    order = np.array([2, 0, 3, 1])
    expected, ours = numbers(cell, inputs, LENGTHS), numbers(cell, inputs[order], LENGTHS[order])
    rows = 2 + len(tf.nest.flatten(cell.state_size))
    assert_close(ours, [*(value[order] for value in expected[:rows]), *expected[rows:]])


@every_cell
def test_windows_change_no_output_and_no_final_state(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    expected_outputs, expected_states = dynamic_rnn(cell, inputs, LENGTHS)
    states, parts = None, []
    for window, lengths in cut_windows(inputs, LENGTHS, 4):
        outputs, states = dynamic_rnn(cell, window, lengths, states)
        parts.append(outputs)
    assert_close([np.concatenate(parts, 1)[:, :STEPS]], [expected_outputs.numpy()])
    assert_close(tf.nest.flatten(states), tf.nest.flatten(expected_states))


@every_cell
def test_cell_gives_the_same_in_keras_own_rnn(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    outputs, states = dynamic_rnn(cell, inputs, LENGTHS)
    layer = keras.layers.RNN(cell, return_sequences=True, return_state=True, zero_output_for_mask=True)
    theirs = layer(inputs, mask=np.arange(STEPS) < LENGTHS[:, np.newaxis])
    assert_close([outputs, *tf.nest.flatten(states)], tf.nest.flatten(list(theirs)))


@every_cell
def test_cell_gives_the_same_in_a_function_with_unknown_shapes(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    expected = dynamic_rnn(cell, inputs, LENGTHS)
    signature = [tf.TensorSpec([None, None, FEATURES]), tf.TensorSpec([None], tf.int64)]
    run = tf.function(
        lambda steps, lengths: dynamic_rnn(cell, steps, lengths), input_signature=signature, autograph=False
    )
    assert_close(tf.nest.flatten(run(inputs, LENGTHS)), tf.nest.flatten(expected))
    assert_close(
        tf.nest.flatten(run(inputs[:2, :4], LENGTHS[1:3])[0]), [dynamic_rnn(cell, inputs[:2, :4], LENGTHS[1:3])[0]]
    )


@every_cell
def test_cell_survives_its_config_and_pickling(make: Callable[[], Cell], inputs: np.ndarray) -> None:
    cell = make()
    expected = dynamic_rnn(cell, inputs, LENGTHS)
    again = type(cell).from_config(cell.get_config())
    assert again.get_config() == cell.get_config()
    again.build((None, FEATURES))
    again.set_weights(cell.get_weights())
    for stored in (again, pickle.loads(pickle.dumps(cell))):
        assert_close(tf.nest.flatten(dynamic_rnn(stored, inputs, LENGTHS)), tf.nest.flatten(expected))


@pytest.mark.parametrize(
    "make",
    [
        lambda: DynamicRNN(MultiRNNCell([LSTMCell(2), GRUCell(3)]), trainable_initial_state=True),
        lambda: BidirectionalRNN(GRUCell(2), LSTMCell(3), trainable_initial_state=True),
    ],
)
def test_layer_survives_its_config_and_pickling(make: Callable[[], Any], inputs: np.ndarray) -> None:
    layer = make()
    layer(inputs, LENGTHS)
    for weight in layer.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    expected = layer(inputs, LENGTHS)
    again = type(layer).from_config(layer.get_config())
    again.build(inputs.shape)
    again.set_weights(layer.get_weights())
    for stored in (again, pickle.loads(pickle.dumps(layer))):
        assert_close(tf.nest.flatten(stored(inputs, LENGTHS)), tf.nest.flatten(expected))


@pytest.fixture(params=["float64", "mixed_bfloat16"])
def policy(request: pytest.FixtureRequest) -> Iterator[str]:
    """The dtype policy of all layers made in the test."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@every_cell
def test_cell_computes_in_the_type_of_its_policy(make: Callable[[], Cell], policy: str, inputs: np.ndarray) -> None:
    outputs, states = dynamic_rnn(make(), inputs, LENGTHS, training=True)
    expected = policy.removeprefix("mixed_")
    assert {value.dtype.name for value in tf.nest.flatten([outputs, states])} == {expected}
