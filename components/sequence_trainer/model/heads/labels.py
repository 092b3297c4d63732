"""Defines the heads that choose one of the values of a label, and their metrics.

A softmax chooses each value independently, for every step or for the record. A conditional random field (CRF) chooses
the values of all steps of a sequence together.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.crf import LinearChainCRF, make_tag_constraints
from tfx_sequence.components.sequence_trainer.losses.sampled import sampled_sequence_loss
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    cast_to_full_precision,
    compute_step_losses,
    reduce_steps,
)
from tfx_sequence.components.sequence_trainer.losses.softmax_summary import (
    OutputLayer,
    SoftmaxSummary,
    compute_step_losses_from_summary,
    summarize_softmax,
)
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy, SpanF1, weigh_steps
from tfx_sequence.components.sequence_trainer.model.heads.base import (
    NO_CONTEXT,
    Encoded,
    Head,
    HeadContext,
    HeadMetrics,
    Outputs,
)
from tfx_sequence.components.sequence_trainer.model.pooling import HeadPooling
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes, list_dense_axes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS, SCORE_SUFFIX
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID

MAX_KEPT_CLASSES = 512
"""The maximum number of values for which evaluation and serving keep the logits.

The logits of a step are then at most as wide as the gates of an LSTM with the default 128 units, so they do not
determine how much memory is needed.
"""

_MAX_LISTED_VALUES = 20
"""The maximum number of values of a label that an error message lists, so that it stays readable."""


class SoftmaxHead(Head):
    """Predicts the value of each step, or of the record, by a softmax over all values of the label.

    If the softmax is sampled, training compares the right value with a random sample of the others, which is faster.
    Unseen values are always in the sample: their id is the last one, but they may be more frequent than any value.

    If the label has more than `MAX_KEPT_CLASSES` values, evaluation and serving compute the logits of a few steps at a
    time, and keep a SoftmaxSummary of them.

    Args:
      label: The label.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records and the seed of sampling.

    Raises:
      TaskError: if the label is a number, `class_weights` names a value that the label does not have, or `sampled` is
        not less than the number of values.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        _check_has_values(label)
        _check_sampled(label, config)
        self._class_weights = _make_class_weights(label, config)
        self._pooling = HeadPooling(label.per_step, config.pooling)
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        # A seed is drawn even if it is not used, so that the seeds of later heads do not depend on these settings.
        seed = context.draw_seed()
        self._sampling_seeds = keras.random.SeedGenerator(seed) if config.sampled else None

    def call(self, encoded: Encoded, training: bool = False) -> Outputs:
        """Computes logits, `[B, T, C]` or `[B, C]`.

        In training with a sampled softmax, it returns `hidden` instead, because only some logits will be needed. If the
        label has many values, it returns a SoftmaxSummary in evaluation and serving.
        """
        hidden = self.compute_hidden(encoded)
        if training:
            return hidden if self._sampling_seeds else self.compute_logits(hidden)
        if len(self.label.classes) > MAX_KEPT_CLASSES:
            return summarize_softmax(hidden, self.make_output_layer())
        return self.compute_logits(hidden)

    def compute_hidden(self, encoded: Encoded) -> tf.Tensor:
        """Computes the inputs of the softmax layer, `[B, T, D]` or `[B, D]`."""
        hidden = self._pooling(encoded)
        if not self._dense.built:
            # A sampled softmax uses the weights of the layer in training without calling the layer.
            self._dense.build(hidden.shape)
        return hidden

    def compute_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Maps the inputs of the softmax layer to logits: `[B, T, D]` to `[B, T, C]`, or `[B, D]` to `[B, C]`."""
        return self._dense(hidden)

    def get_output_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the weights of the softmax layer: one row per value `[C, D]`, and the bias `[C]`."""
        return tf.transpose(self._dense.kernel), tf.convert_to_tensor(self._dense.bias)

    def make_output_layer(self) -> OutputLayer:
        """Returns the weights of the softmax layer in full precision, as this layer computes with them."""
        return OutputLayer(self._read_weight(self._dense.kernel), self._read_weight(self._dense.bias))

    def compute_raw_loss(self, outputs: Outputs, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy."""
        outputs, labels, lengths = self._convert_to_steps(outputs, batch)
        losses = self._compute_step_losses(outputs, labels, lengths, self._class_weights, self.config.label_smoothing)
        return reduce_steps(losses, lengths, reduction, self.compute_loss_weights(batch))

    def compute_training_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the cross entropy. With a sampled softmax, it is computed over the sampled values only."""
        if self._sampling_seeds is None or self.config.sampled is None:
            return self.compute_raw_loss(outputs, batch, reduction)
        hidden, labels, lengths = self._convert_to_steps(outputs, batch)
        rows, biases = self.get_output_weights()
        return sampled_sequence_loss(
            hidden,
            labels,
            lengths,
            embeddings=rows,
            biases=biases,
            num_sampled=self.config.sampled,
            num_always=len(self.label.oov_ids),
            seed=tf.cast(self._sampling_seeds.next(), tf.int32),
            reduction=reduction,
            sequence_weights=self.compute_loss_weights(batch),
        )

    def compute_step_cross_entropy(self, outputs: Outputs, batch: Batch) -> tf.Tensor:
        """Computes the cross entropy of each step, without weights or smoothing: `[B, T]`, 0 at padded steps.

        T is 1 if there is one label per record.
        """
        return self._compute_step_losses(*self._convert_to_steps(outputs, batch))

    def compute_cross_entropy(self, outputs: Outputs, batch: Batch) -> tf.Tensor:
        """Computes the cross entropy of each record, summed over its steps, float64 `[B]`."""
        return tf.reduce_sum(tf.cast(self.compute_step_cross_entropy(outputs, batch), tf.float64), 1)

    def compute_weighted_cross_entropy(self, outputs: Outputs, batch: Batch) -> tf.Tensor:
        """Computes the cross entropy of each record, where that of each step is multiplied by its weight, `[B]`."""
        _, labels, lengths = self._convert_to_steps(outputs, batch)
        losses = tf.cast(self.compute_step_cross_entropy(outputs, batch), tf.float64)
        weights = weigh_steps(make_step_mask(lengths, tf.shape(labels)[1]), self.get_label_weights(batch))
        return tf.reduce_sum(weights * losses, 1)

    def _compute_step_losses(
        self,
        outputs: Outputs,
        labels: tf.Tensor,
        lengths: tf.Tensor,
        class_weights: tf.Tensor | None = None,
        label_smoothing: float = 0.0,
    ) -> tf.Tensor:
        """Computes the cross entropy of each step, `[B, T]`, from logits or from a summary of them."""
        settings: dict[str, Any] = {"class_weights": class_weights, "label_smoothing": label_smoothing}
        if isinstance(outputs, SoftmaxSummary):
            layer = self.make_output_layer()
            return compute_step_losses_from_summary(outputs, layer, labels, lengths, **settings)
        return compute_step_losses(outputs, labels, lengths, **settings)

    def _convert_to_steps(self, outputs: Outputs, batch: Batch) -> tuple[Outputs, tf.Tensor, tf.Tensor]:
        """Returns outputs `[B, T, ...]`, labels `[B, T]` and lengths `[B]`; T is 1 if there is one label per record."""
        labels = batch[self.label.name]
        if self.label.per_step:
            return outputs, labels, batch[LENGTHS]
        outputs = tf.nest.map_structure(lambda value: value[:, None], outputs)
        return outputs, labels[:, None], tf.ones_like(labels)

    def _read_weight(self, weight: tf.Tensor | keras.Variable) -> tf.Tensor:
        """Returns a weight as the layer uses it. With mixed precision it is rounded, within `call` and outside."""
        return cast_to_full_precision(tf.cast(weight, self.compute_dtype))

    def predict(self, outputs: Outputs, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the most probable values of a label L.

        Returns:
          `L`, the values, strings; `L_id`, their ids from 1, int64; and `L_score`, their probabilities, float32.
        """
        best_class, scores = _choose_best(outputs)
        ids = best_class + FIRST_ID
        if self.label.per_step:
            real = make_step_mask(lengths, tf.shape(ids)[1])
            ids = tf.where(real, ids, tf.cast(PAD_ID, ids.dtype))
            scores = tf.where(real, scores, 0.0)
        return _name_answers(self.label, ids, scores)

    def list_value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the softmax layer."""
        return list_dense_axes(self._dense, self.label.name)

    def make_metrics(self) -> HeadMetrics:
        """Returns the accuracy and, if the values mark spans, the F1 of spans, which then decides the best model."""
        return LabelMetrics(self)


class CRFHead(Head):
    """Predicts the values of all steps of a sequence together by a linear-chain conditional random field (CRF).

    If the label has `spans`, only sequences of values that are valid under that scheme are predicted.

    Args:
      label: The label, which must have one value per step.
      config: The settings of the head.
      context: The parts of the model that the head may use: the weights of records.

    Raises:
      TaskError: if the label is a number, or has one value per record.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        _check_has_values(label)
        if not label.per_step:
            raise TaskError(
                f"the label {label.name!r} has one value per record, but a CRF needs one per step: use another head, "
                "such as `softmax`"
            )
        allowed = make_tag_constraints(_decode_classes(label), label.spans) if label.spans else None
        self._dense = keras.layers.Dense(len(label.classes), name="logits")
        self._crf = LinearChainCRF(len(label.classes), allowed, name="crf")

    def call(self, encoded: Encoded, training: bool = False) -> tf.Tensor:
        """Computes logits `[B, T, C]`. The loss and the predictions add the transition scores to these."""
        return self._dense(encoded.steps)

    def compute_raw_loss(self, outputs: tf.Tensor, batch: Batch, reduction: Reduction) -> LossParts:
        """Computes the negative log-likelihood."""
        weights = self.compute_record_weights(batch)
        labels = batch[self.label.name]
        return self._crf.compute_loss(outputs, labels, batch[LENGTHS], reduction=reduction, sequence_weights=weights)

    def compute_cross_entropy(self, outputs: tf.Tensor, batch: Batch) -> tf.Tensor:
        """Computes the negative log-likelihood of each sequence, `[B]`."""
        return -self._crf.compute_log_likelihood(outputs, batch[self.label.name], batch[LENGTHS])

    def predict(self, outputs: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the most probable sequence of values of a label L.

        Returns:
          `L`, the values, strings; `L_id`, their ids from 1, int64; and `L_score`, float32. The score of a step is the
          marginal probability of its id: the total probability of all sequences that have this id at this step.
        """
        ids, _ = self._crf.decode(outputs, lengths)
        marginals = self._crf.compute_marginals(outputs, lengths)
        classes = tf.maximum(ids - FIRST_ID, 0)  # Padded steps have id 0. Their score is replaced below.
        scores = tf.gather(marginals, classes, batch_dims=2)
        return _name_answers(self.label, ids, tf.where(ids == PAD_ID, 0.0, scores))

    def list_value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits and of the CRF."""
        name = self.label.name
        return [
            *list_dense_axes(self._dense, name),
            (self._crf.transitions, (name, name)),
            (self._crf.start, (name,)),
            (self._crf.end, (name,)),
        ]

    def make_metrics(self) -> HeadMetrics:
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
            metrics["span"] = SpanF1(_decode_classes(head.label))
        watched = "span_f1" if head.label.spans else "accuracy"
        super().__init__(head, metrics, watched)

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it."""
        answers = self.head.predict(outputs, batch[LENGTHS])
        predictions = answers[f"{self.label.name}{ID_SUFFIX}"]
        labels = batch[self.label.name]
        for metric in self.metrics.values():
            metric.update_state(labels, predictions, self.get_lengths(batch), self.get_weights(batch))


def _choose_best(outputs: Outputs) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the most probable class of each step or record, int64, and its probability, from logits or a summary."""
    if isinstance(outputs, SoftmaxSummary):
        return outputs.best_class, outputs.best_probability
    probabilities = tf.nn.softmax(cast_to_full_precision(outputs))
    return tf.argmax(probabilities, axis=-1), tf.reduce_max(probabilities, axis=-1)


def _decode_classes(label: Label) -> list[str]:
    """Decodes the values of a label, which are tags in UTF-8."""
    return [value.decode() for value in label.classes]


def _check_has_values(label: Label) -> None:
    """Raises a TaskError if the label is a number, so that there is no value to choose."""
    if not label.classes:
        raise TaskError(
            f"the label {label.name!r} has no values, but this head chooses one: use `regression` if it is a number"
        )


def _check_sampled(label: Label, config: HeadConfig) -> None:
    """Checks that fewer values are sampled than the label has, without unseen values, which are always sampled.

    Raises:
      TaskError: if not.
    """
    num_values = len(label.classes) - len(label.oov_ids)
    if config.sampled is not None and config.sampled >= num_values:
        raise TaskError(
            f"model.heads.{label.name}.sampled: must be less than {num_values}, the number of the label's "
            f"values, but is {config.sampled}; leave it out to use all values"
        )


def _make_class_weights(label: Label, config: HeadConfig) -> tf.Tensor | None:
    """Makes the weight of each value, float32 `[C]`; None if all values have the same weight.

    Raises:
      TaskError: if a weight is given for a value that the label does not have.
    """
    values = [value.decode(errors="replace") for value in label.classes]
    if unknown := [value for value in config.class_weights if value not in values]:
        more = ", ..." if len(values) > _MAX_LISTED_VALUES else ""
        raise TaskError(
            f"model.heads.{label.name}.class_weights: the label has no value {unknown[0]!r}; its values are "
            f"{', '.join(values[:_MAX_LISTED_VALUES])}{more}"
        )
    if not config.class_weights:
        return None
    return tf.constant([config.class_weights.get(value, 1.0) for value in values])


def _name_answers(label: Label, ids: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """Returns the values, ids and scores under the names that a served model uses. Id 0, padding, has the value ""."""
    value_by_id = tf.constant([b"", *label.classes])
    return {
        label.name: tf.gather(value_by_id, ids),
        f"{label.name}{ID_SUFFIX}": ids,
        f"{label.name}{SCORE_SUFFIX}": scores,
    }
