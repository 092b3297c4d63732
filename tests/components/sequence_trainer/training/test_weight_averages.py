"""Averages of weights, recomputed number by number."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages


def test_averages_follow_the_weights_and_stand_in_for_them_for_a_while() -> None:
    weight = keras.Variable(np.zeros(2, "float32"))
    averages = WeightAverages([weight], decay=0.5)
    expected, value = 0.0, 0.0
    for t in range(12):
        value += 1.0
        weight.assign([value, -value])
        averages.update()
        decay = min(0.5, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * value
    with averages.swap_in():
        np.testing.assert_allclose(weight.numpy(), [expected, -expected], rtol=1e-6)
    assert weight.numpy().tolist() == [12, -12]


@pytest.mark.parametrize("decay", [-0.1, 1.0])
def test_decay_out_of_range_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match=f"`decay` must be at least 0 and less than 1, but is {decay}"):
        WeightAverages([], decay)
