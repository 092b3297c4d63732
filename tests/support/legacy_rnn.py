"""Runs TensorFlow's own `dynamic_rnn` and `rnn_cell` classes on random weights, and saves every number.

    TF_USE_LEGACY_KERAS=1 PYTHONPATH=tests python -m support.legacy_rnn NUMBERS.npz

The file has `<case>/<what>` for what in inputs, lengths, initial_*, outputs, state_*, weight_*, and d_* for the
gradients of the sum of outputs and states, each times the fixed numbers `times_*`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
rnn_cell = v1.nn.rnn_cell

FEATURES, STEPS = 3, 7
LENGTHS = np.array([7, 0, 1, 4, 6, 2])

CELLS: dict[str, Callable[[], Any]] = {
    "simple": lambda: rnn_cell.BasicRNNCell(4),
    "gru": lambda: rnn_cell.GRUCell(4),
    "basic_lstm": lambda: rnn_cell.BasicLSTMCell(4),
    "lstm": lambda: rnn_cell.LSTMCell(4),
    "peepholes": lambda: rnn_cell.LSTMCell(4, use_peepholes=True),
    "cell_clip": lambda: rnn_cell.LSTMCell(4, cell_clip=0.3),
    "projection": lambda: rnn_cell.LSTMCell(4, num_proj=2),
    "everything": lambda: rnn_cell.LSTMCell(4, use_peepholes=True, cell_clip=0.7, num_proj=2, proj_clip=0.2),
    "residual": lambda: rnn_cell.ResidualWrapper(rnn_cell.GRUCell(FEATURES)),
    "multi": lambda: rnn_cell.MultiRNNCell([rnn_cell.GRUCell(5), rnn_cell.LSTMCell(4), rnn_cell.BasicRNNCell(2)]),
    "dropout_off": lambda: rnn_cell.DropoutWrapper(rnn_cell.LSTMCell(4), input_keep_prob=1.0),
    "dropout_lstm": lambda: _wrap_in_dropout(rnn_cell.LSTMCell(4)),
    "dropout_gru": lambda: _wrap_in_dropout(rnn_cell.GRUCell(4)),
}


def _wrap_in_dropout(cell: Any) -> Any:
    """Adds variational dropout, the one kind whose random numbers can be asked for. It rounds the rates to float32."""
    rates = {"input_keep_prob": 0.5, "state_keep_prob": 0.75, "output_keep_prob": 0.625}
    return rnn_cell.DropoutWrapper(
        cell, **rates, variational_recurrent=True, input_size=FEATURES, dtype=tf.float64, seed=3
    )


def _find_noise(cell: Any) -> dict[str, tf.Tensor]:
    """Finds the uniform numbers that a variational DropoutWrapper made its masks from."""
    names = {"input": "_recurrent_input_noise", "state": "_recurrent_state_noise", "output": "_recurrent_output_noise"}
    if getattr(cell, names["input"], None) is None:
        return {}
    return {f"noise_{name}": tf.nest.flatten(getattr(cell, field))[-1] for name, field in names.items()}


def _compute_numbers(rng: np.random.Generator, fetch: Callable[[Any, tf.Tensor], tuple[Any, Any, Any, dict]]) -> dict:
    """Builds one graph, runs it on random inputs, states and weights, and returns its numbers."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs = tf.constant(rng.normal(size=(len(LENGTHS), STEPS, FEATURES)))
        initial, outputs, states, more = fetch(rng, inputs)
        named = {"inputs": inputs, "lengths": tf.constant(LENGTHS), **more}
        for name, nest in (("initial", initial), ("output", outputs), ("state", states)):
            named |= {f"{name}_{i}": value for i, value in enumerate(tf.nest.flatten(nest))}
        results = [value for name, value in named.items() if name.startswith(("output_", "state_"))]
        times = [tf.constant(rng.normal(size=[d or len(LENGTHS) for d in value.shape.as_list()])) for value in results]
        named |= {f"times_{i}": value for i, value in enumerate(times)}
        variables = v1.trainable_variables()
        for i, variable in enumerate(variables):
            variable.load(rng.normal(size=variable.shape, scale=0.6), session)
            named[f"weight_{i}"] = variable
        total = tf.add_n([tf.reduce_sum(a * b) for a, b in zip(results, times, strict=True)])
        sources = {name: value for name, value in named.items() if name.startswith(("inputs", "initial", "weight"))}
        gradients = tf.gradients(total, list(sources.values()))
        named |= {f"d_{name}": gradient for name, gradient in zip(sources, gradients, strict=True)}
        numbers = session.run(named)
        return numbers | {"weights": np.array([variable.name for variable in variables])}


def _make_initial_states(rng: np.random.Generator, cell: Any) -> Any:
    return tf.nest.map_structure(lambda size: tf.constant(rng.normal(size=(len(LENGTHS), size))), cell.state_size)


def _run_one_way(cell: Any, time_major: bool = False) -> Callable[..., tuple]:
    def fetch(rng: np.random.Generator, inputs: tf.Tensor) -> tuple:
        legacy_cell = cell()
        initial = _make_initial_states(rng, legacy_cell)
        steps = tf.transpose(inputs, [1, 0, 2]) if time_major else inputs
        outputs, states = v1.nn.dynamic_rnn(legacy_cell, steps, LENGTHS, initial, time_major=time_major)
        return initial, outputs, states, _find_noise(legacy_cell)

    return fetch


def _run_both_ways(rng: np.random.Generator, inputs: tf.Tensor) -> tuple:
    cells = rnn_cell.LSTMCell(4), rnn_cell.GRUCell(5)
    initial = [_make_initial_states(rng, cell) for cell in cells]
    outputs, states = v1.nn.bidirectional_dynamic_rnn(*cells, inputs, LENGTHS, *initial)
    return initial, outputs, states, {}


def main(path: str) -> None:
    """Saves the numbers of all cases."""
    v1.disable_eager_execution()
    # Without it gradients of loops in a session cannot be computed.
    v1.experimental.output_all_intermediates(True)
    rng = np.random.default_rng(20)
    cases = {name: _run_one_way(cell) for name, cell in CELLS.items()}
    cases |= {"time_major": _run_one_way(CELLS["gru"], time_major=True), "bidirectional": _run_both_ways}
    numbers = {name: _compute_numbers(rng, fetch) for name, fetch in cases.items()}
    np.savez(path, **{f"{name}/{key}": value for name, case in numbers.items() for key, value in case.items()})


if __name__ == "__main__":
    main(sys.argv[1])
