"""Heads as users write them for `kind` in `[model.heads.<label>]`."""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer import (
    Encoded,
    HeadConfig,
    HeadContext,
    Label,
    LossParts,
    RegressionHead,
    SoftmaxHead,
    regression_loss,
)


class CappedErrorHead(RegressionHead):
    """Predicts numbers; what is farther off than `options = { cap = ... }` counts as if it were just so far off."""

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext) -> None:
        super().__init__(label, config, context)
        self.cap = float(config.options["cap"])

    def compute_raw_loss(self, outputs: tf.Tensor, batch: dict[str, tf.Tensor], reduction: str) -> LossParts:
        predictions, targets, lengths = self.convert_to_steps(outputs, batch)
        capped = targets + tf.clip_by_value(predictions - targets, -self.cap, self.cap)
        return regression_loss(capped, targets, lengths, reduction=reduction)


class ConstantHead(SoftmaxHead):
    """Predicts the same probabilities for all records, whatever the inputs are."""

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext) -> None:
        super().__init__(label, config, context)
        self.constants = self.add_weight(shape=(len(label.classes),), initializer="zeros", name="constants")

    def compute_hidden(self, encoded: Encoded) -> tf.Tensor:
        return encoded.final

    def compute_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        return 0 * hidden[:, :1] + self.constants
