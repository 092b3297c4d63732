"""Wrappers: the masks that they draw, the fast way of the cells within, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper, ZoneoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import DynamicRNN, dynamic_rnn
from tfx_sequence.components.sequence_trainer.rnn.frequency_cells import GridLSTMCell
from tfx_sequence.components.sequence_trainer.rnn.stacked_cells import MultiRNNCell
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import GRUCell, LSTMCell, SimpleRNNCell
from tfx_sequence.components.sequence_trainer.rnn.wrappers import HighwayWrapper, ResidualWrapper

ROWS, STEPS, WIDTH = 40, 6, 50
LENGTHS = np.full(ROWS, STEPS)


class Counter(Cell):
    """Adds its input to its state; the output is the input, so that it shows what masks did to both."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state_size, self.output_size = [WIDTH], WIDTH

    def step(
        self, projected: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return projected, [states[0] + projected]


class Holder(Counter):
    """Like `Counter`, but with the state as its output."""

    def step(
        self, projected: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return states[0] + projected, [states[0] + projected]


ONES = np.ones((ROWS, STEPS, WIDTH), "float32")


@pytest.mark.parametrize("variational", [False, True])
@pytest.mark.parametrize("rates", [(0.25, 0.0, 0.0), (0.0, 0.0, 0.25)], ids=["input", "output"])
def test_dropout_drops_its_share_and_scales_the_rest(rates: tuple[float, ...], variational: bool) -> None:
    wrapped = DropoutWrapper(Counter(), *rates, variational=variational, seed=1)
    outputs = dynamic_rnn(wrapped, ONES, LENGTHS, training=True)[0].numpy()
    assert set(np.unique(outputs)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((outputs == 0).mean() - 0.25) < 0.04
    same_at_all_steps = (outputs == outputs[:, :1]).all()
    assert same_at_all_steps == variational
    assert (outputs[0] != outputs[1]).any()


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_of_states_drops_what_the_next_step_reads_and_no_output(variational: bool) -> None:
    wrapped = DropoutWrapper(Counter(), state_rate=0.5, variational=variational, seed=1)
    outputs, (state,) = dynamic_rnn(wrapped, ONES, LENGTHS, training=True)
    np.testing.assert_array_equal(outputs, ONES)
    # A state that is kept is doubled: 2, 6, 14 and so on; one that is dropped starts again.
    kept_for = [sum(2**k for k in range(1, n + 1)) for n in range(STEPS + 1)]
    expected = {0, kept_for[-1]} if variational else set(kept_for)
    assert set(np.unique(state)) == expected
    assert abs((state.numpy() == 0).mean() - 0.5) < 0.05


def test_dropout_of_states_leaves_the_cell_state_of_an_lstm() -> None:
    wrapped = DropoutWrapper(LSTMCell(WIDTH), state_rate=0.5, seed=1)
    _, (h, c) = dynamic_rnn(wrapped, ONES, LENGTHS, training=True)
    assert (h.numpy() == 0).any()
    assert (c.numpy() != 0).all()


@pytest.mark.parametrize("wrap", [lambda cell: DropoutWrapper(cell, 0.5, 0.5, 0.5, seed=1)])
def test_dropout_does_nothing_when_not_in_training(wrap: Callable[[Cell], Cell]) -> None:
    cell = LSTMCell(4)
    expected, _ = dynamic_rnn(cell, ONES, LENGTHS)
    np.testing.assert_array_equal(dynamic_rnn(wrap(cell), ONES, LENGTHS)[0], expected)


def test_zoneout_keeps_its_share_of_states_from_step_to_step() -> None:
    wrapped = ZoneoutWrapper(Holder(), [0.25], seed=1)
    outputs, (state,) = dynamic_rnn(wrapped, ONES, LENGTHS, training=True)
    grown = np.diff(outputs.numpy(), axis=1, prepend=0)
    assert set(np.unique(grown)) == {0.0, 1.0}
    assert abs((grown == 0).mean() - 0.25) < 0.02
    np.testing.assert_array_equal(state, outputs[:, -1])


@pytest.mark.parametrize(
    "wrap",
    [
        lambda: DropoutWrapper(LSTMCell(4), 0.3, 0.3, 0.3, variational=True, seed=5),
        lambda: ZoneoutWrapper(GRUCell(4), [0.3], seed=5),
    ],
)
def test_masks_are_new_at_each_call_and_the_same_for_the_same_seed(wrap: Callable[[], Cell]) -> None:
    first, second = wrap(), wrap()
    first.build((None, WIDTH))
    second.build((None, WIDTH))
    second.set_weights(first.get_weights())
    runs = [
        [run(ONES, LENGTHS, training=True)[0].numpy() for _ in range(2)]
        for run in (tf.function(DynamicRNN(cell), autograph=False) for cell in (first, second))
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][1]).any()


def test_wrapper_outside_the_recurrence_leaves_the_fast_way_to_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the loop ran")

    monkeypatch.setattr(LSTMCell, "step", refuse)
    monkeypatch.setattr(GRUCell, "step", refuse)
    cell = MultiRNNCell(
        [
            DropoutWrapper(LSTMCell(WIDTH), 0.2, 0.0, 0.2, variational=True),
            HighwayWrapper(ResidualWrapper(GRUCell(WIDTH))),
        ]
    )
    dynamic_rnn(cell, ONES, LENGTHS, training=True)


def test_variational_dropout_is_refused_when_it_sees_single_steps() -> None:
    layer = keras.layers.RNN(DropoutWrapper(GRUCell(3), 0.5, variational=True))
    layer(ONES)
    with pytest.raises(ValueError, match="Variational dropout draws one mask for all steps"):
        layer(ONES, training=True)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ResidualWrapper(GRUCell(3)).build((None, 4)),
            ValueError,
            "ResidualWrapper needs inputs as wide as the cell's output, 3, but their width is 4. "
            "Wrap a cell with 4 units, or project the inputs first.",
        ),
        (
            lambda: DropoutWrapper(GRUCell(3), 1.0),
            ValueError,
            "`input_rate` must be at least 0 and less than 1, but is 1.0.",
        ),
        (
            lambda: DropoutWrapper(MultiRNNCell([GRUCell(3)]), state_rate=0.1),
            ValueError,
            "DropoutWrapper cannot reach the states of the cells within MultiRNNCell. Wrap the inner cells instead.",
        ),
        (
            lambda: ZoneoutWrapper(LSTMCell(3), [0.1]),
            ValueError,
            "`rates` must have a rate for each of the 2 states, but is [0.1].",
        ),
        (
            lambda: ZoneoutWrapper(GridLSTMCell(3, 1, 2), [0.1, 0.1]),
            ValueError,
            "Zoneout needs a cell whose first state is its output, but GridLSTMCell has another output.",
        ),
        (
            lambda: HighwayWrapper(keras.layers.GRUCell(3)),
            TypeError,
            "HighwayWrapper wraps a cell of this package, but got GRUCell.",
        ),
        (lambda: MultiRNNCell([]), ValueError, "`cells` must have at least one cell, but is empty."),
        (
            lambda: MultiRNNCell([GRUCell(3), keras.layers.LSTMCell(3)]),
            TypeError,
            "`cells` must be cells of this package, but are GRUCell, LSTMCell.",
        ),
        (
            lambda: MultiRNNCell([SimpleRNNCell(3)] * 2),
            ValueError,
            "`cells` must be different objects, each with its own weights, but one cell occurs twice.",
        ),
    ],
)
def test_wrapper_says_what_is_wrong_when_it_cannot_be(
    make: Callable[[], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message
