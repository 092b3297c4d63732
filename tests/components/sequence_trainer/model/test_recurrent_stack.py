"""Every cell and option of `[model]` in a whole model: it trains, and padding changes nothing."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import RecurrentStack, make_cell

LENGTHS = tf.constant([4, 0, 2])
STEPS = np.random.default_rng(1).normal(size=[3, 4, 6]).astype(np.float32)

BLOCKS = {"blocks": 2, "block_width": 4, "block_stride": 2}
"""What cells of blocks need to read six features."""


def settings_of_cell(name: str) -> dict[str, Any]:
    return {"cell": name, **{key: value for key, value in BLOCKS.items() if key in CELLS.find_row(name).arguments}}


SETTINGS: dict[str, dict[str, Any]] = {
    **{name: settings_of_cell(name) for name in CELLS.rows},
    "own_cell": {"cell": "support.own_cells:LeakyCell", "cell_options": {"leak": 0.3}},
    "own_cell_with_zoneout": {"cell": "support.own_cells:LeakyCell", "zoneout": 0.2},
    "keras_cell": {"cell": "keras.layers:GRUCell", "cell_options": {"reset_after": False}},
    "options": {"peepholes": True, "cell_clip": 3.0, "projection": 3, "output_clip": 1.0},
    "residual": {"layers": 2, "shortcut": "residual"},
    "highway": {"layers": 2, "shortcut": "highway"},
    "attention": {"attention_window": 2},
    "variational": {"variational": True, "dropout": 0.5},
    "state_dropout": {"state_dropout": 0.3},
    "zoneout": {"zoneout": 0.2},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_stack_gives_the_same_however_far_its_input_is_padded(name: str) -> None:
    keras.utils.set_random_seed(2)
    config = ModelConfig.model_validate({"units": 5, "bidirectional": name != "gru", **SETTINGS[name]})
    stack = RecurrentStack(config, random.Random(0))
    steps, final, _ = stack(tf.constant(STEPS), LENGTHS)
    for padding in (0, np.nan):
        padded = tf.pad(STEPS, [[0, 0], [0, 5], [0, 0]], constant_values=padding)
        far, far_final, _ = stack(padded, LENGTHS)
        np.testing.assert_allclose(far[:, :4], steps, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(far_final, final, rtol=1e-5, atol=1e-6)
        assert not np.any(far[:, 4:])
    # The last outputs are those of the last real step forward, and of the first backward.
    width = int(final.shape[-1]) // (2 if config.bidirectional else 1)
    np.testing.assert_allclose(final[0, :width], steps[0, 3, :width], rtol=1e-6)
    np.testing.assert_allclose(final[2, :width], steps[2, 1, :width], rtol=1e-6)
    if config.bidirectional:
        np.testing.assert_allclose(final[0, width:], steps[0, 0, width:], rtol=1e-6)
    with tf.GradientTape() as tape:
        trained, *_ = stack(tf.constant(STEPS), LENGTHS, training=True)
        loss = tf.reduce_sum(trained**2)
    assert all(gradient is not None for gradient in tape.gradient(loss, stack.trainable_variables))


@pytest.mark.parametrize("shortcut", ["residual", "highway"])
def test_shortcut_equals_what_numpy_makes_of_input_and_output_of_the_second_layer(shortcut: str) -> None:
    keras.utils.set_random_seed(2)
    with_shortcut, without = (
        RecurrentStack(ModelConfig(units=4, layers=2, shortcut=each, dropout=0), random.Random(0))
        for each in (shortcut, None)
    )
    inputs = tf.constant(STEPS)
    found, *_ = with_shortcut(inputs, LENGTHS)
    without(inputs, LENGTHS)
    layers = len(without.weights)
    for target, source in zip(without.weights, with_shortcut.weights[:layers], strict=True):
        assert target.name == source.name
        target.assign(source)
    plain, *_ = without(inputs, LENGTHS)
    first = RecurrentStack(ModelConfig(units=4, dropout=0), random.Random(0))
    first(inputs, LENGTHS)
    for target, source in zip(first.weights, with_shortcut.weights, strict=False):
        target.assign(source)
    between, plain = first(inputs, LENGTHS)[0].numpy(), plain.numpy()
    if shortcut == "residual":
        expected = between + plain
    else:
        kernel, bias = (weight.numpy() for weight in with_shortcut.weights[layers:])
        carry = 1 / (1 + np.exp(-(between @ kernel + bias)))
        expected = carry * between + (1 - carry) * plain
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_make_cell_hands_the_options_to_a_class_of_the_users_own() -> None:
    config = ModelConfig(cell="support.own_cells:LeakyCell", units=3, cell_options={"leak": 0.25})
    cell = make_cell(config)
    assert (cell.units, cell.leak) == (3, 0.25)


@pytest.mark.parametrize("name", ["support.own_cells:NoCell", "no_such_module:Cell"])
def test_make_cell_refuses_a_class_that_cannot_be_imported(name: str) -> None:
    with pytest.raises(TaskError, match=f"model.cell is '{name}', but its class cannot be imported: "):
        make_cell(ModelConfig(cell=name))
