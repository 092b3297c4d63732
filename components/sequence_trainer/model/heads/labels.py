"""Defines the heads that choose one of the values of a label, and their metrics.

A softmax chooses each value independently, for every step or for the record. A conditional random field (CRF) chooses
the values of all steps of a sequence together.
"""

from __future__ import annotations

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
from tfx_sequence.components.sequence_trainer.model.heads.base import (
    NO_CONTEXT,
    Encoded,
    Head,
    HeadContext,
    HeadMetrics,
)
from tfx_sequence.components.sequence_trainer.model.pooling import Pooled
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes, dense_axes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS, SCORE_SUFFIX
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID


class SoftmaxHead(Head):
    """Predicts the value of each step, or of the record, by a softmax over all values of the label.

    If the softmax is sampled, training compares the right value with a random sample of the others, which is faster.

    Args:
      label: The label.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records and the seed of sampling.

    Raises:
      TaskError: if `class_weights` names a value that the label does not have, or `sampled` is not less than the number
        of values.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        _check_sampled(label, config)
        self._class_weights = _class_weights(label, config)
        self._pooled = Pooled(label.per_step, config.pooling)
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        # A seed is drawn even if it is not used, so that the seeds of later heads do not depend on these settings.
        seed = context.draw_seed()
        self._sampling_seeds = keras.random.SeedGenerator(seed) if config.sampled else None

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes logits, `[B, T, C]` or `[B, C]`.

        In training with a sampled softmax, it returns `hidden` instead, because only some logits will be needed.
        """
        hidden = self.hidden(encoded)
        return hidden if training and self._sampling_seeds else self.logits(hidden)

    def hidden(self, encoded: Encoded) -> tf.Tensor:
        """Computes the inputs of the softmax layer, `[B, T, D]` or `[B, D]`."""
        hidden = self._pooled(encoded)
        if not self._dense.built:
            # A sampled softmax uses the weights of the layer in training without calling the layer.
            self._dense.build(hidden.shape)
        return hidden

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Maps the inputs of the softmax layer to logits: `[B, T, D]` to `[B, T, C]`, or `[B, D]` to `[B, C]`."""
        return self._dense(hidden)

    def table(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the weights of the softmax layer: one row per value `[C, D]`, and the bias `[C]`."""
        return tf.transpose(self._dense.kernel), tf.convert_to_tensor(self._dense.bias)

    def raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy."""
        labels = batch[self.label.name]
        if self.label.per_step:
            return sequence_loss(
                outputs,
                labels,
                batch[LENGTHS],
                reduction=reduction,
                class_weights=self._class_weights,
                label_smoothing=self.config.label_smoothing,
                sequence_weights=self.record_weights(batch),
            )
        return classification_loss(
            outputs,
            labels,
            reduction=reduction,
            class_weights=self._class_weights,
            label_smoothing=self.config.label_smoothing,
            sequence_weights=self.record_weights(batch),
        )

    def training_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy. With a sampled softmax, it is computed over the sampled values only."""
        if self._sampling_seeds is None or self.config.sampled is None:
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
            seed=tf.cast(self._sampling_seeds.next(), tf.int32),
            reduction=reduction,
            sequence_weights=self.record_weights(batch),
        )

    def cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Computes the cross entropy of each record, summed over its steps, float64 `[B]`."""
        losses = step_losses(*self._as_steps(outputs, batch))
        return tf.reduce_sum(tf.cast(losses, tf.float64), 1)

    def _as_steps(self, outputs: tf.Tensor, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Returns outputs `[B, T, ...]`, labels `[B, T]` and lengths `[B]`; T is 1 if there is one label per record."""
        labels = batch[self.label.name]
        if self.label.per_step:
            return outputs, labels, batch[LENGTHS]
        return outputs[:, None], labels[:, None], tf.ones_like(labels)

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the most probable values of a label L.

        Returns:
          `L`, the values, strings; `L_id`, their ids from 1, int64; and `L_score`, their probabilities, float32.
        """
        probabilities = tf.nn.softmax(full_precision(outputs))
        ids = tf.argmax(probabilities, axis=-1) + FIRST_ID
        scores = tf.reduce_max(probabilities, axis=-1)
        if self.label.per_step:
            real = step_mask(lengths, tf.shape(ids)[1])
            ids = tf.where(real, ids, tf.cast(PAD_ID, ids.dtype))
            scores = tf.where(real, scores, 0.0)
        return _answers(self.label, ids, scores)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the softmax layer."""
        return dense_axes(self._dense, self.label.name)

    def new_metrics(self) -> HeadMetrics:
        """Returns the accuracy and, if the values mark spans, the F1 of spans, which then decides the best model."""
        return LabelMetrics(self)


class CRFHead(Head):
    """Predicts the values of all steps of a sequence together by a linear-chain conditional random field (CRF).

    If the label has `spans`, only sequences of values that are valid under that scheme are predicted.

    Args:
      label: The label, which must have one value per step.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        allowed = tag_constraints(_as_text(label), label.spans) if label.spans else None
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        self._crf = LinearChainCRF(len(label.classes), allowed, name="crf")

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes logits `[B, T, C]`. The loss and the predictions add the transition scores to these."""
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
        """Returns the most probable sequence of values of a label L.

        Returns:
          `L`, the values, strings; `L_id`, their ids from 1, int64; and `L_score`, float32. The score of a step is the
          marginal probability of its id: the total probability of all sequences that have this id at this step.
        """
        ids, _ = self._crf.decode(outputs, lengths)
        probabilities = self._crf.marginals(outputs, lengths)
        classes = tf.maximum(ids - FIRST_ID, 0)  # Padded steps have id 0. Their score is replaced below.
        scores = tf.gather(probabilities, classes, batch_dims=2)
        return _answers(self.label, ids, tf.where(ids == PAD_ID, 0.0, scores))

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits and of the CRF."""
        name = self.label.name
        return [
            *dense_axes(self._dense, name),
            (self._crf.transitions, (name, name)),
            (self._crf.start, (name,)),
            (self._crf.end, (name,)),
        ]

    def new_metrics(self) -> HeadMetrics:
        """Returns the accuracy and, if the values mark spans, the F1 of spans, which then decides the best model."""
        return LabelMetrics(self)


class LabelMetrics(HeadMetrics):
    """Measures the accuracy of the ids that a head predicts and, if the values mark spans, the F1 of the spans.

    Args:
      head: The head.
    """

    def __init__(self, head: Head) -> None:
        metrics: dict[str, keras.metrics.Metric] = {"accuracy": Accuracy()}
        if head.label.spans:
            metrics["span"] = SpanF1(_as_text(head.label))
        watched = "span_f1" if head.label.spans else "accuracy"
        super().__init__(head.label, metrics, watched)
        self._head = head

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it."""
        predictions = self._head.predict(outputs, batch[LENGTHS])[f"{self.label.name}{ID_SUFFIX}"]
        for metric in self.metrics.values():
            metric.update_state(batch[self.label.name], predictions, self.lengths(batch))


def _as_text(label: Label) -> list[str]:
    """Decodes the values of a label, which are tags in UTF-8."""
    return [value.decode() for value in label.classes]


def _check_sampled(label: Label, config: HeadConfig) -> None:
    """Checks that fewer values are sampled than the label has."""
    if config.sampled is not None and config.sampled >= len(label.classes):
        raise TaskError(
            f"model.heads.{label.name}.sampled: must be less than {len(label.classes)}, the number of the label's "
            f"values, but is {config.sampled}; leave it out to use all values"
        )


def _class_weights(label: Label, config: HeadConfig) -> tf.Tensor | None:
    """Returns the weight of each value, float32 `[C]`; None if all values have the same weight."""
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
    """Returns the values, ids and scores under the names that a served model uses. Id 0, padding, has the value ""."""
    values = tf.constant([b"", *label.classes])
    return {
        label.name: tf.gather(values, ids),
        f"{label.name}{ID_SUFFIX}": ids,
        f"{label.name}{SCORE_SUFFIX}": scores,
    }
