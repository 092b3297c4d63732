"""Heads that choose one of a label's values."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.heads import Batch, Encoded, HeadLayer, HeadMetrics
from tfx_sequence.components.sequence_trainer.losses import (
    LossParts,
    Reduction,
    classification_loss,
    full_precision,
    sequence_loss,
)
from tfx_sequence.components.sequence_trainer.masking import step_mask
from tfx_sequence.components.sequence_trainer.metrics import Accuracy
from tfx_sequence.components.sequence_trainer.parsing import LENGTHS
from tfx_sequence.components.sequence_trainer.task import Head
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID


class SoftmaxHead(HeadLayer):
    """A softmax over the label's values: of each step, or of the record."""

    def __init__(self, head: Head, weight: float = 1.0) -> None:
        """Makes the layer."""
        super().__init__(head, weight)
        self._dense = keras.layers.Dense(len(head.classes), name="logits")

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Logits `[B, T, C]`, or `[B, C]`."""
        return self._dense(encoded.steps if self.head.per_step else encoded.final)

    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """The cross entropy."""
        labels = batch[self.head.name]
        if self.head.per_step:
            return sequence_loss(outputs, labels, batch[LENGTHS], reduction=reduction)
        return classification_loss(outputs, labels, reduction=reduction)

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """For a label L: `L` strings, `L_id` int64 ids from 1, `L_score` float32, the probability of the answer."""
        probabilities = tf.nn.softmax(full_precision(outputs))
        ids, scores = tf.argmax(probabilities, axis=-1) + FIRST_ID, tf.reduce_max(probabilities, axis=-1)
        if self.head.per_step:
            real = step_mask(lengths, tf.shape(ids)[1])
            ids, scores = tf.where(real, ids, tf.cast(PAD_ID, ids.dtype)), tf.where(real, scores, 0.0)
        return answers(self.head, ids, scores)

    def new_metrics(self) -> HeadMetrics:
        """The accuracy."""
        return LabelMetrics(self, {"accuracy": Accuracy()}, watched="accuracy")


class LabelMetrics(HeadMetrics):
    """Metrics of the ids that a head answers with."""

    def __init__(self, layer: HeadLayer, metrics: dict[str, keras.metrics.Metric], watched: str) -> None:
        """Takes the head whose answers count."""
        super().__init__(layer.head, metrics, watched)
        self._layer = layer

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and what the head gave for it."""
        predictions = self._layer.predict(outputs, batch[LENGTHS])[f"{self.head.name}_id"]
        for metric in self.metrics.values():
            metric.update_state(batch[self.head.name], predictions, self.lengths(batch))


def answers(head: Head, ids: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Ids and their probabilities as they are served."""
    names = tf.constant([b"", *head.classes])
    return {head.name: tf.gather(names, ids), f"{head.name}_id": ids, f"{head.name}_score": scores}
