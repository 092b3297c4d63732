"""A head as users write it for `kind` in `[model.heads.<label>]`."""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer import (
    HeadConfig,
    HeadContext,
    Label,
    LossParts,
    RegressionHead,
    regression_loss,
)


class CappedErrorHead(RegressionHead):
    """Predicts numbers; what is farther off than `options = { cap = ... }` counts as if it were just so far off."""

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext) -> None:
        super().__init__(label, config, context)
        self.cap = float(config.options["cap"])

    def raw_loss(self, outputs: tf.Tensor, batch: dict[str, tf.Tensor], reduction: str) -> LossParts:
        predictions, targets, lengths = self.as_steps(outputs, batch)
        capped = targets + tf.clip_by_value(predictions - targets, -self.cap, self.cap)
        return regression_loss(capped, targets, lengths, reduction=reduction)
