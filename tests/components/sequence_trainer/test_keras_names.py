"""What Keras knows of the toolkit, and which of its masks are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import tfx_sequence.components.sequence_trainer as toolkit
from tfx_sequence.components.sequence_trainer import (
    AttentionPooling,
    BidirectionalRNN,
    DynamicRNN,
    GRUCell,
    LinearChainCRF,
    LSTMCell,
    MaxPooling,
    MeanPooling,
)

READERS: dict[str, Callable[[], keras.layers.Layer]] = {
    "DynamicRNN": lambda: DynamicRNN(GRUCell(3)),
    "BidirectionalRNN": lambda: BidirectionalRNN(LSTMCell(3), LSTMCell(3)),
    "MeanPooling": MeanPooling,
    "MaxPooling": MaxPooling,
    "AttentionPooling": AttentionPooling,
    "LinearChainCRF": lambda: LinearChainCRF(4),
}
"""Every public layer that takes steps and lengths."""


def test_every_registered_class_is_public_and_so_found_by_its_name() -> None:
    for name in toolkit.__all__:
        getattr(toolkit, name)
    ours = {
        name.partition(">")[2]: found
        for name, found in keras.saving.get_custom_objects().items()
        if name.startswith("tfx_sequence>") and isinstance(found, type)
    }
    assert {"DynamicRNN", "LSTMCell", "MeanPooling", "LinearChainCRF", "DropoutWrapper"} <= ours.keys()
    assert {name: getattr(toolkit, name) for name in ours} == ours


@pytest.mark.parametrize("name", READERS)
def test_layer_survives_saving_by_keras(name: str, tmp_path: Any) -> None:
    steps, lengths = keras.Input([None, 4]), keras.Input([], dtype="int64")
    outputs = READERS[name]()(steps, lengths)
    model = keras.Model([steps, lengths], keras.tree.flatten(outputs))
    model.save(tmp_path / "model.keras")
    values = [np.random.default_rng(0).normal(size=[2, 3, 4]).astype("float32"), np.array([3, 1])]
    expected, loaded = (each(values) for each in (model, keras.models.load_model(tmp_path / "model.keras")))
    for ours, theirs in zip(expected, loaded, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6)


@pytest.mark.parametrize("name", READERS)
def test_mask_of_keras_is_refused_with_the_way_to_pass_lengths(name: str) -> None:
    layer, masked = READERS[name](), keras.layers.Embedding(9, 4, mask_zero=True)
    ids = np.array([[3, 2, 0], [1, 0, 0]])
    message = rf"{name} does not read the mask .*pass the number of real steps of each row, lengths \[B\], to {name}"
    with pytest.raises(ValueError, match=message):
        layer(masked(ids), np.array([2, 1]))
    symbolic = keras.Input([None], dtype="int64")
    with pytest.raises(ValueError, match=message):
        READERS[name]()(masked(symbolic), keras.ops.count_nonzero(symbolic, axis=1))
    unmasked = keras.layers.Embedding(9, 4)
    READERS[name]()(unmasked(symbolic), keras.ops.count_nonzero(symbolic, axis=1))
