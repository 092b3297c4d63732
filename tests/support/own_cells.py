"""A recurrent cell as users write it for `model.cell`."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import GatedCell


class LeakyCell(GatedCell):
    """A simple recurrent network whose state leaks: `h' = (1 - leak) * h + leak * tanh(x W + h U + b)`."""

    gate_biases = (0.0,)

    def __init__(self, units: int, leak: float = 1.0, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.leak = leak

    def step(
        self, projected: tf.Tensor, states: list[tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        (h,) = states
        (gate,) = self.compute_gates(projected, h)
        h = (1 - self.leak) * h + self.leak * tf.tanh(gate)
        return h, [h]
