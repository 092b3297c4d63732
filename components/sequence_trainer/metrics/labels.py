"""Keras metrics for predicted labels, such as accuracy and F1, which ignore padding.

Each metric keeps sums, and divides them only in `result`. So the result is exact for the whole data, and does not
depend on how the data is batched. All metrics work eagerly and in `tf.function`::

    accuracy = Accuracy()
    for batch in batches:
        accuracy.update_state(batch["labels"], predictions, batch["lengths"])
    accuracy.result()

Labels and predictions are ids from 1, integers `[B, T]`. With one label per sequence they are `[B]`, and `lengths` is
None. Class c of logits `[B, T, C]` is the label with id c + 1. Before the first real step, results are 0, unless the
metric says otherwise.

The optional argument `weights` is the weight of each sequence, `[B]`, or of each step, `[B, T]`. A step with weight w
counts as if it occurred w times. Numbers of labels or spans, such as `support`, are not weighted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import compute_step_losses
from tfx_sequence.components.sequence_trainer.metrics.spans import count_spans, find_spans
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.tags import read_tags

_SCORE_NAMES = ("precision", "recall", "f1")


class StreamingMetric(keras.metrics.Metric):
    """The base class of metrics that keep sums over all batches.

    Counts are int64, and sums of weights and losses are float64. float32 is not precise enough: adding 1 to 2 ** 24 =
    16.8 million does not change it.
    """

    more_is_better: ClassVar[bool]
    """Whether a greater result means a better model."""

    def add_sum(self, name: str, dtype: str = "int64", shape: tuple[int, ...] = ()) -> keras.Variable:
        """Adds a variable that starts at 0."""
        return self.add_variable(shape, "zeros", dtype=dtype, name=name)

    def reset_state(self) -> None:
        """Sets all sums to 0."""
        for variable in self.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))


class StepMean(StreamingMetric):
    """The mean of one value per real step. Subclasses compute the values and pass them to `add_steps`.

    Args:
      name: The name of the metric in reports; `default_name` if None.
    """

    default_name: str
    """The name of the metric in reports, if the user sets no other name."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name or self.default_name)
        self._total = self.add_sum("total", "float64")
        self._weight = self.add_sum("weight", "float64")

    def add_steps(self, values: tf.Tensor, lengths: tf.Tensor, weights: tf.Tensor | None = None) -> None:
        """Adds the values of the real steps.

        Args:
          values: The value of each step, `[B, T]`. Values at padded steps are ignored.
          lengths: The number of real steps of each sequence, `[B]`.
          weights: The weight of each sequence, `[B]`, or of each step, `[B, T]`; 1 if None.
        """
        mask = make_step_mask(lengths, tf.shape(values)[1])
        step_weights = weigh_steps(mask, weights)
        real_values = tf.where(mask, tf.cast(values, tf.float64), 0)
        self._total.assign_add(tf.reduce_sum(step_weights * real_values))
        self._weight.assign_add(tf.reduce_sum(step_weights))

    def result(self) -> tf.Tensor:
        """Returns the weighted mean so far, a float64 scalar."""
        return tf.math.divide_no_nan(tf.convert_to_tensor(self._total), tf.convert_to_tensor(self._weight))


class Accuracy(StepMean):
    """The share of steps for which the predicted id is the label."""

    more_is_better = True
    default_name = "accuracy"

    def update_state(
        self,
        labels: tf.Tensor,
        predictions: tf.Tensor,
        lengths: tf.Tensor | None,
        weights: tf.Tensor | None = None,
    ) -> None:
        """Adds a batch: label ids and predicted ids `[B, T]`, lengths `[B]`, and weights."""
        labels, predictions, lengths = _convert_to_steps(labels, predictions, lengths)
        self.add_steps(tf.cast(labels, tf.int64) == tf.cast(predictions, tf.int64), lengths, weights)


class TopKAccuracy(StepMean):
    """The share of steps for which the label is among the k classes with the highest logits.

    A step counts as right if fewer than k classes have a higher logit than the label.

    Args:
      k: The number of classes among which the label must be.
      name: The name of the metric in reports; `top_<k>_accuracy` if None.

    Raises:
      ValueError: if `k` is less than 1.
    """

    more_is_better = True

    def __init__(self, k: int, name: str | None = None) -> None:
        super().__init__(name or f"top_{k}_accuracy")
        if k < 1:
            raise ValueError(f"`k` must be at least 1, but is {k}.")
        self.k = k

    def update_state(
        self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None, weights: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: label ids `[B, T]`, logits `[B, T, C]`, lengths `[B]`, and weights."""
        labels, logits, lengths = _convert_to_steps(labels, logits, lengths)
        label_class = convert_to_classes(labels, make_step_mask(lengths, tf.shape(labels)[1]))
        is_higher = logits > tf.gather(logits, label_class, batch_dims=2)[..., None]
        self.add_steps(tf.math.count_nonzero(is_higher, -1) < self.k, lengths, weights)


class CrossEntropy(StepMean):
    """The mean negative log-probability of the label, in nats per step."""

    more_is_better = False
    default_name = "cross_entropy"

    def update_state(
        self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None, weights: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: label ids `[B, T]`, logits `[B, T, C]`, lengths `[B]`, and weights."""
        labels, logits, lengths = _convert_to_steps(labels, logits, lengths)
        self.add_steps(compute_step_losses(logits, labels, lengths), lengths, weights)


class BitsPerStep(CrossEntropy):
    """The mean negative log-probability of the label, in bits per step."""

    default_name = "bits_per_step"

    def result(self) -> tf.Tensor:
        """Returns the mean so far, a float64 scalar."""
        return super().result() / math.log(2)


class Perplexity(CrossEntropy):
    """The exponential of the cross entropy.

    A perplexity of n means that the label is as hard to predict as a choice among n equally likely labels.
    """

    default_name = "perplexity"

    def result(self) -> tf.Tensor:
        """Returns the perplexity so far, a float64 scalar; 1 before the first real step."""
        return tf.exp(super().result())


class LabelScores(StreamingMetric):
    """Precision, recall and F1 of each label, and their means over the labels.

    If the divisor of a score is 0, the score is 0. The means are over all labels that occur in the data or in the
    predictions.

    Args:
      num_labels: The number of labels, C.
      name: The name of the metric in reports.

    Raises:
      ValueError: if `num_labels` is less than 1.
    """

    more_is_better = True

    def __init__(self, num_labels: int, name: str = "label_scores") -> None:
        super().__init__(name=name)
        if num_labels < 1:
            raise ValueError(f"`num_labels` must be at least 1, but is {num_labels}.")
        self._counts = self.add_sum("counts", "float64", shape=(3, num_labels))
        self._support = self.add_sum("support", shape=(num_labels,))

    def update_state(
        self,
        labels: tf.Tensor,
        predictions: tf.Tensor,
        lengths: tf.Tensor | None,
        weights: tf.Tensor | None = None,
    ) -> None:
        """Adds a batch: label ids and predicted ids `[B, T]`, lengths `[B]`, and weights."""
        labels, predictions, lengths = _convert_to_steps(labels, predictions, lengths)
        mask = make_step_mask(lengths, tf.shape(labels)[1])
        step_weights = tf.boolean_mask(weigh_steps(mask, weights), mask)
        true = tf.cast(tf.boolean_mask(labels, mask), tf.int32) - FIRST_ID
        predicted = tf.cast(tf.boolean_mask(predictions, mask), tf.int32) - FIRST_ID
        num_labels = self._counts.shape[1]
        correct_weights = tf.where(true == predicted, step_weights, 0)
        num_correct = tf.math.bincount(true, correct_weights, num_labels, num_labels)
        num_predicted = tf.math.bincount(predicted, step_weights, num_labels, num_labels)
        num_true = tf.math.bincount(true, step_weights, num_labels, num_labels)
        self._counts.assign_add(tf.stack([num_correct, num_predicted, num_true]))
        self._support.assign_add(tf.math.bincount(true, None, num_labels, num_labels, tf.int64))

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the means so far: `macro_precision`, `macro_recall`, `macro_f1`, float64 scalars."""
        return _compute_macro_scores(tf.convert_to_tensor(self._counts))

    def compute_scores_by_label(self) -> dict[str, tf.Tensor]:
        """Returns the scores of each label.

        Returns:
          `precision`, `recall` and `f1`, float64 `[C]`; and `support`, the number of steps with the label, int64 `[C]`.
        """
        scores = _compute_scores(tf.convert_to_tensor(self._counts))
        return scores | {"support": tf.convert_to_tensor(self._support)}


class SpanF1(StreamingMetric):
    """Precision, recall and F1 of tagged spans, such as named entities.

    A predicted span is correct if its type, its first step and its last step are all correct. Results are equal to
    those of seqeval: `"lenient"` to its default mode, and `"BIO"` and `"BIOES"` to its strict mode with IOB2 and IOBES.
    If the divisor of a score is 0, the score is 0. `macro_f1` is the mean F1 over the types of span that occur. The
    weight of a span is the mean of the weights of its steps.

    Args:
      tags: The tags of ids 1, 2, ..., such as `["O", "B-PER", "I-PER"]`.
      scheme: How spans are found: `lenient`, or the name of the scheme to which the tags belong.
      name: The name of the metric in reports.

    Raises:
      ValueError: if the scheme is unknown, or a tag does not belong to the scheme.
    """

    more_is_better = True

    def __init__(self, tags: Sequence[str], scheme: str = "lenient", name: str = "span_f1") -> None:
        super().__init__(name=name)
        self._tag_set = read_tags(tags, scheme)
        num_types = len(self._tag_set.types)
        self._counts = self.add_sum("counts", "float64", shape=(3, num_types))
        self._support = self.add_sum("support", shape=(num_types,))

    def update_state(
        self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor, weights: tf.Tensor | None = None
    ) -> None:
        """Adds a batch: label ids and predicted ids `[B, T]`, lengths `[B]`, and weights."""
        true = find_spans(labels, lengths, self._tag_set)
        predicted = find_spans(predictions, lengths, self._tag_set)
        step_weights = weigh_steps(make_step_mask(lengths, tf.shape(labels)[1]), weights)
        counts, support = count_spans(true, predicted, step_weights, len(self._tag_set.types))
        self._counts.assign_add(counts)
        self._support.assign_add(support)

    def result(self) -> dict[str, tf.Tensor]:
        """Returns `precision`, `recall` and `f1` over all spans so far, and `macro_f1`, float64 scalars."""
        counts = tf.convert_to_tensor(self._counts)
        overall = _compute_scores(tf.reduce_sum(counts, 1))
        scores = {name: overall[name] for name in _SCORE_NAMES}
        return scores | {"macro_f1": _compute_macro_scores(counts)["macro_f1"]}

    def compute_scores_by_type(self) -> dict[str, dict[str, tf.Tensor]]:
        """Returns the `precision`, `recall`, `f1` and `support` (number of spans) of each type of span, scalars."""
        scores = _compute_scores(tf.convert_to_tensor(self._counts))
        scores["support"] = tf.convert_to_tensor(self._support)
        scores_by_type = {}
        for index, span_type in enumerate(self._tag_set.types):
            scores_by_type[span_type] = {name: values[index] for name, values in scores.items()}
        return scores_by_type


def weigh_steps(mask: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Returns the weight of each step, float64 `[B, T]`; 0 at padded steps.

    Args:
      mask: Whether each step is real, bool `[B, T]`.
      weights: The weight of each sequence, `[B]`, or of each step, `[B, T]`; 1 if None.
    """
    ones = tf.cast(mask, tf.float64)
    if weights is None:
        return ones
    weights = tf.cast(weights, tf.float64)
    return ones * weights[:, None] if weights.shape.rank == 1 else zero_padding(weights, mask)


def _convert_to_steps(
    labels: tf.Tensor, outputs: tf.Tensor, lengths: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Turns sequences with one label per sequence into sequences of one step. Other sequences are returned unchanged.

    Returns:
      Labels `[B, T]`, predictions or logits `[B, T, ...]`, and lengths `[B]`.

    Raises:
      ValueError: if there are no lengths for labels per step, or there are lengths for labels per sequence.
    """
    labels, outputs = tf.convert_to_tensor(labels), tf.convert_to_tensor(outputs)
    if (labels.shape.rank == 1) != (lengths is None):
        raise ValueError(
            "labels [B, T], one per step, need `lengths`; labels [B], one per sequence, need `lengths=None`. But the "
            f"labels have the shape {labels.shape}, and `lengths` is {'None' if lengths is None else 'not None'}."
        )
    if lengths is None:
        return labels[:, None], outputs[:, None], tf.ones_like(labels)
    return labels, outputs, lengths


def _compute_scores(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes the scores of each label or type of span.

    Args:
      counts: The weights of correct predictions, of all predictions, and of true labels or spans, float64 `[3, ...]`.

    Returns:
      `precision`, `recall` and `f1`, float64 `[...]`.
    """
    correct, predicted, true = tf.unstack(counts)
    return {
        "precision": tf.math.divide_no_nan(correct, predicted),
        "recall": tf.math.divide_no_nan(correct, true),
        "f1": tf.math.divide_no_nan(2 * correct, predicted + true),
    }


def _compute_macro_scores(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes the mean of each score over the labels or types of span that occur, from counts `[3, N]`."""
    occurs = tf.reduce_any(counts > 0, 0)
    num_occurring = tf.cast(tf.math.count_nonzero(occurs), tf.float64)
    scores = _compute_scores(counts)
    # The scores of a label that does not occur are 0, so they add nothing to the sum.
    return {f"macro_{name}": tf.math.divide_no_nan(tf.reduce_sum(scores[name]), num_occurring) for name in _SCORE_NAMES}
