"""Heads that choose one of a label's values.

A softmax chooses for each step, or for the record, by itself; a CRF for all steps of a sequence together.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.masking import step_mask
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.crf import LinearChainCRF, tag_constraints
from tfx_sequence.components.sequence_trainer.losses.sampled import sampled_sequence_loss
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    classification_loss,
    full_precision,
    sequence_loss,
    step_losses,
)
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy, SpanF1
from tfx_sequence.components.sequence_trainer.model.heads.base import ALONE, Encoded, Head, HeadMetrics, Surroundings
from tfx_sequence.components.sequence_trainer.model.pooling import Pooled
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes, dense_axes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS, SCORE_SUFFIX
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID


class SoftmaxHead(Head):
    """A softmax over the label's values: of each step, or of the record.

    Args:
      label: The label.
      config: How it is predicted.
      surroundings: Gives the weights of records, and the seed of the values that are drawn if the softmax is sampled.

    Raises:
      TaskError: if the label lacks a value that has a weight, or has no more values than are drawn.
    """

    def __init__(self, label: Label, config: HeadConfig, surroundings: Surroundings = ALONE) -> None:
        super().__init__(label, config, surroundings)
        _check_sampled(label, config)
        self._class_weights = _class_weights(label, config)
        self._pooled = Pooled(label.per_step, config.pooling)
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        # Drawn in any case, so that the seeds of the heads after this one do not depend on its settings.
        seed = surroundings.draw_seed()
        self._draws = keras.random.SeedGenerator(seed) if config.sampled else None

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes logits `[B, T, C]`, or `[B, C]`; in training with a sampled softmax, what they would be made of."""
        hidden = self.hidden(encoded)
        return hidden if training and self._draws else self.logits(hidden)

    def hidden(self, encoded: Encoded) -> tf.Tensor:
        """Computes what the logits are made of, `[B, T, D]`, or `[B, D]`."""
        hidden = self._pooled(encoded)
        if not self._dense.built:
            # A sampled softmax does not call the layer in training, but needs its weights.
            self._dense.build(hidden.shape)
        return hidden

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Turns `[B, T, D]` into `[B, T, C]`, or `[B, D]` into `[B, C]`."""
        return self._dense(hidden)

    def table(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the logits are made with: a row for each value `[C, D]`, and biases `[C]`."""
        return tf.transpose(self._dense.kernel), tf.convert_to_tensor(self._dense.bias)

    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy."""
        labels = batch[self.label.name]
        options: dict[str, Any] = {
            "reduction": reduction,
            "class_weights": self._class_weights,
            "label_smoothing": self.config.label_smoothing,
            "sequence_weights": self.record_weights(batch),
        }
        if self.label.per_step:
            return sequence_loss(outputs, labels, batch[LENGTHS], **options)
        return classification_loss(outputs, labels, **options)

    def training_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy; among the values that are drawn, if any are."""
        if self._draws is None or self.config.sampled is None:
            return self.raw_loss(outputs, batch, reduction)
        hidden, labels, lengths = self._as_steps(outputs, batch)
        rows, biases = self.table()
        return sampled_sequence_loss(
            hidden,
            labels,
            lengths,
            rows,
            biases,
            num_sampled=self.config.sampled,
            seed=tf.cast(self._draws.next(), tf.int32),
            reduction=reduction,
            sequence_weights=self.record_weights(batch),
        )

    def cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Adds up the cross entropy over the steps, float64 `[B]`."""
        losses = step_losses(*self._as_steps(outputs, batch))
        return tf.reduce_sum(tf.cast(losses, tf.float64), 1)

    def _as_steps(self, outputs: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns outputs `[B, T, ...]`, labels `[B, T]` and lengths `[B]`; T is 1 for a label a record."""
        labels = batch[self.label.name]
        if self.label.per_step:
            return outputs, labels, batch[LENGTHS]
        return outputs[:, None], labels[:, None], tf.ones_like(labels)

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers, for a label L: `L` strings, `L_id` int64 ids from 1, `L_score` float32, the answer's probability."""
        probabilities = tf.nn.softmax(full_precision(outputs))
        ids = tf.argmax(probabilities, axis=-1) + FIRST_ID
        scores = tf.reduce_max(probabilities, axis=-1)
        if self.label.per_step:
            real = step_mask(lengths, tf.shape(ids)[1])
            ids = tf.where(real, ids, tf.cast(PAD_ID, ids.dtype))
            scores = tf.where(real, scores, 0.0)
        return _answers(self.label, ids, scores)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits."""
        return dense_axes(self._dense, self.label.name)

    def new_metrics(self) -> HeadMetrics:
        """Returns the accuracy, and the F1 of spans if the values mark spans; the F1, if any, tells the best model."""
        return LabelMetrics(self)


class CRFHead(Head):
    """A linear-chain CRF over the steps of a sequence. Its answers keep to the label's `spans`, if it has them."""

    def __init__(self, label: Label, config: HeadConfig, surroundings: Surroundings = ALONE) -> None:
        super().__init__(label, config, surroundings)
        allowed = tag_constraints(_as_text(label), label.spans) if label.spans else None
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        self._crf = LinearChainCRF(len(label.classes), allowed, name="crf")

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes logits `[B, T, C]`, to which the loss and the answers add the transitions."""
        return self._dense(encoded.steps)

    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the negative log-likelihood."""
        weights = self.record_weights(batch)
        labels = batch[self.label.name]
        return self._crf.loss(outputs, labels, batch[LENGTHS], reduction=reduction, sequence_weights=weights)

    def cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Computes the negative log-likelihood of each sequence, `[B]`."""
        return -self._crf.log_likelihood(outputs, batch[self.label.name], batch[LENGTHS])

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers, for a label L: `L` strings, `L_id` int64 ids from 1, `L_score` float32.

        The ids are those of the best sequence. A step's score is the probability of its id, over all sequences.
        """
        ids, _ = self._crf.decode(outputs, lengths)
        probabilities = self._crf.marginals(outputs, lengths)
        classes = tf.maximum(ids - FIRST_ID, 0)  # Padded steps look up any class; their score is replaced.
        scores = tf.gather(probabilities, classes, batch_dims=2)
        return _answers(self.label, ids, tf.where(ids == PAD_ID, 0.0, scores))

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits and those of the CRF."""
        name = self.label.name
        return [
            *dense_axes(self._dense, name),
            (self._crf.transitions, (name, name)),
            (self._crf.start, (name,)),
            (self._crf.end, (name,)),
        ]

    def new_metrics(self) -> HeadMetrics:
        """Returns the accuracy, and the F1 of spans if the values mark spans; the F1, if any, tells the best model."""
        return LabelMetrics(self)


class LabelMetrics(HeadMetrics):
    """Metrics of the ids that a head answers with.

    Args:
      head: The head.
    """

    def __init__(self, head: Head) -> None:
        metrics: dict[str, keras.metrics.Metric] = {"accuracy": Accuracy()}
        if head.label.spans:
            metrics["span"] = SpanF1(_as_text(head.label))
        super().__init__(head.label, metrics, watched="span_f1" if head.label.spans else "accuracy")
        self._head = head

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the head's outputs for it."""
        predictions = self._head.predict(outputs, batch[LENGTHS])[f"{self.label.name}{ID_SUFFIX}"]
        for metric in self.metrics.values():
            metric.update_state(batch[self.label.name], predictions, self.lengths(batch))


def _as_text(label: Label) -> list[str]:
    """Returns the label's values, which are tags: text in UTF-8."""
    return [value.decode() for value in label.classes]


def _check_sampled(label: Label, config: HeadConfig) -> None:
    if config.sampled is not None and config.sampled >= len(label.classes):
        raise TaskError(
            f"model.heads.{label.name}.sampled: must be less than {len(label.classes)}, the number of the label's "
            f"values, but is {config.sampled}; without it all are used"
        )


def _class_weights(label: Label, config: HeadConfig) -> tf.Tensor | None:
    """Returns the weight of each value, `[C]`; None if all have the same."""
    values = [value.decode(errors="replace") for value in label.classes]
    if unknown := [value for value in config.class_weights if value not in values]:
        raise TaskError(
            f"model.heads.{label.name}.class_weights: the label has no value {unknown[0]!r}; its values are "
            f"{', '.join(values[:20])}{', ...' if len(values) > 20 else ''}"
        )
    if not config.class_weights:
        return None
    return tf.constant([config.class_weights.get(value, 1.0) for value in values])


def _answers(label: Label, ids: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Names ids and their probabilities as they are served; id 0, of padding, is the value ""."""
    values = tf.constant([b"", *label.classes])
    return {
        label.name: tf.gather(values, ids),
        f"{label.name}{ID_SUFFIX}": ids,
        f"{label.name}{SCORE_SUFFIX}": scores,
    }
