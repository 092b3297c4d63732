"""Metrics of padded batches, streaming: only real steps count, and batches of unequal padding add up exactly.

Each is a `keras.metrics.Metric` that keeps sums and divides when asked, so that the result over batches is the result
over the data, however it is batched. All work eagerly and in `tf.function`::

    accuracy = Accuracy()
    for batch in batches:
        accuracy.update_state(batch["labels"], predictions, batch["lengths"])
    accuracy.result()

Conventions: labels and predictions are ids from 1, integers `[B, T]` (`[B]` with `lengths=None` for one label a
sequence), and class c of logits `[B, T, C]` is the label with id c + 1. Without any real step a result is 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask
from tfx_sequence.components.sequence_trainer.losses.sequence import step_losses
from tfx_sequence.components.sequence_trainer.metrics.spans import Scheme, count_spans, find_spans, read_tags
from tfx_sequence.schemas.spec import FIRST_ID


class StreamingMetric(keras.metrics.Metric):
    """Sums that batches add to. Counts are integers and losses float64: float32 stops counting at 16.8 million."""

    more_is_better: ClassVar[bool]
    """Whether a greater result is of a better model: what a monitor goes by."""

    def _sum(self, name: str, dtype: str = "int64", shape: tuple[int, ...] = ()) -> Any:
        return self.add_variable(shape, "zeros", dtype=dtype, name=name)

    def reset_state(self) -> None:
        """Forgets all batches."""
        for variable in self.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))


class StepMean(StreamingMetric):
    """The mean of something over real steps."""

    default_name: str

    def __init__(self, name: str | None = None) -> None:
        """Takes the name that results are shown under; the metric's own if None."""
        super().__init__(name=name or self.default_name)
        self._total = self._sum("total", "float64")
        self._steps = self._sum("steps")

    def _add(self, values: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds the first `lengths` `[B]` of `values` `[B, T]`."""
        mask = step_mask(lengths, tf.shape(values)[1])
        self._total.assign_add(tf.reduce_sum(tf.where(mask, tf.cast(values, tf.float64), 0)))
        self._steps.assign_add(tf.math.count_nonzero(mask))

    def result(self) -> tf.Tensor:
        """The mean so far, a float64 scalar."""
        return tf.math.divide_no_nan(tf.convert_to_tensor(self._total), tf.cast(self._steps, tf.float64))


class Accuracy(StepMean):
    """The share of steps whose predicted id is the label."""

    more_is_better = True
    default_name = "accuracy"

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        labels, predictions, lengths = _steps(labels, predictions, lengths)
        self._add(tf.cast(labels, tf.int64) == tf.cast(predictions, tf.int64), lengths)


class TopKAccuracy(StepMean):
    """The share of steps whose label is among the k likeliest: fewer than k classes have a higher logit."""

    more_is_better = True

    def __init__(self, k: int, name: str | None = None) -> None:
        """Takes k, and the name that results are shown under; `top_<k>_accuracy` if None."""
        super().__init__(name or f"top_{k}_accuracy")
        self.k = k

    def update_state(self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]`, logits `[B, T, C]` and lengths `[B]`."""
        labels, logits, lengths = _steps(labels, logits, lengths)
        target = classes(labels, step_mask(lengths, tf.shape(labels)[1]))
        higher = logits > tf.gather(logits, target, batch_dims=2)[..., None]
        self._add(tf.math.count_nonzero(higher, -1) < self.k, lengths)


class CrossEntropy(StepMean):
    """The mean negative log-probability of the label, in nats a step."""

    more_is_better = False
    default_name = "cross_entropy"

    def update_state(self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]`, logits `[B, T, C]` and lengths `[B]`."""
        labels, logits, lengths = _steps(labels, logits, lengths)
        self._add(step_losses(logits, labels, lengths), lengths)


class BitsPerStep(CrossEntropy):
    """The mean negative log-probability of the label, in bits a step."""

    default_name = "bits_per_step"

    def result(self) -> tf.Tensor:
        """The mean so far, a float64 scalar."""
        return super().result() / math.log(2)


class Perplexity(CrossEntropy):
    """The exponential of the cross entropy: the number of evenly likely labels that are as hard to guess."""

    default_name = "perplexity"

    def result(self) -> tf.Tensor:
        """The perplexity so far, a float64 scalar; 1 without any step."""
        return tf.exp(super().result())


class LabelScores(StreamingMetric):
    """Precision, recall and F1 of each label, and their mean over the labels.

    What has nothing to divide by is 0. The mean is over the labels that occur, as truth or as prediction.
    """

    more_is_better = True

    def __init__(self, num_labels: int, name: str = "label_scores") -> None:
        """Takes the number of labels, C."""
        super().__init__(name=name)
        self._counts = self._sum("counts", shape=(3, num_labels))

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        labels, predictions, lengths = _steps(labels, predictions, lengths)
        mask = step_mask(lengths, tf.shape(labels)[1])
        labels = tf.cast(tf.boolean_mask(labels, mask), tf.int32) - FIRST_ID
        predictions = tf.cast(tf.boolean_mask(predictions, mask), tf.int32) - FIRST_ID
        found = tf.boolean_mask(labels, labels == predictions)
        size = self._counts.shape[1]
        self._counts.assign_add(
            tf.stack([tf.math.bincount(ids, None, size, size, tf.int64) for ids in (found, predictions, labels)])
        )

    def result(self) -> dict[str, tf.Tensor]:
        """The means so far: `macro_precision`, `macro_recall`, `macro_f1`, float64 scalars."""
        return _macro(tf.convert_to_tensor(self._counts))

    def by_label(self) -> dict[str, tf.Tensor]:
        """`precision`, `recall` and `f1` of each label, float64 `[C]`, and `support`, int64 `[C]`, its steps."""
        return _scores(tf.convert_to_tensor(self._counts))


class SpanF1(StreamingMetric):
    """Precision, recall and F1 of the spans of a tag set: a span is found if type, first and last step are right.

    Equal to seqeval's: its default mode (`scheme="lenient"`), or its strict mode with IOB2 (`"BIO"`) or IOBES
    (`"BIOES"`). What has nothing to divide by is 0. `macro_f1` is the mean over the types that occur.
    """

    more_is_better = True

    def __init__(self, tags: Sequence[str], scheme: Scheme = "lenient", name: str = "span_f1") -> None:
        """Takes the tags of ids 1, 2, ..., such as `["O", "B-PER", "I-PER"]`."""
        super().__init__(name=name)
        self._table = read_tags(tags, scheme)
        self._scheme = scheme
        self._counts = self._sum("counts", shape=(3, len(self._table.types)))

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        true = find_spans(labels, lengths, self._table, self._scheme)
        predicted = find_spans(predictions, lengths, self._table, self._scheme)
        self._counts.assign_add(count_spans(true, predicted, len(self._table.types)))

    def result(self) -> dict[str, tf.Tensor]:
        """Over all spans so far `precision`, `recall`, `f1`, and `macro_f1`, float64 scalars."""
        counts = tf.convert_to_tensor(self._counts)
        micro = _scores(tf.reduce_sum(counts, 1))
        return {name: micro[name] for name in ("precision", "recall", "f1")} | {"macro_f1": _macro(counts)["macro_f1"]}

    def by_type(self) -> dict[str, dict[str, tf.Tensor]]:
        """For each type of span its `precision`, `recall`, `f1` and `support`, scalars."""
        scores = _scores(tf.convert_to_tensor(self._counts))
        return {name: {key: values[at] for key, values in scores.items()} for at, name in enumerate(self._table.types)}


def _steps(labels: tf.Tensor, others: tf.Tensor, lengths: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Labels `[B, T]`, predictions or logits `[B, T, ...]` and lengths `[B]`; T is 1 for one label a sequence.

    Raises:
      ValueError: if lengths are missing, or stand beside one label a sequence.
    """
    labels, others = tf.convert_to_tensor(labels), tf.convert_to_tensor(others)
    if (labels.shape.rank == 1) != (lengths is None):
        raise ValueError(
            "labels [B, T] need `lengths`, and labels [B], one a sequence, need `lengths=None`; given are labels of "
            f"shape {labels.shape} and lengths {'None' if lengths is None else 'of their own'}"
        )
    if lengths is None:
        return labels[:, None], others[:, None], tf.ones_like(labels)
    return labels, others, lengths


def _scores(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Scores from counts of found, predicted and true, int64 `[3, ...]`."""
    found, predicted, true = tf.unstack(tf.cast(counts, tf.float64))
    return {
        "precision": tf.math.divide_no_nan(found, predicted),
        "recall": tf.math.divide_no_nan(found, true),
        "f1": tf.math.divide_no_nan(2 * found, predicted + true),
        "support": counts[2],
    }


def _macro(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    occurs = tf.reduce_any(counts > 0, 0)
    number = tf.cast(tf.math.count_nonzero(occurs), tf.float64)
    scores = _scores(counts)
    return {
        f"macro_{name}": tf.math.divide_no_nan(tf.reduce_sum(scores[name]), number)
        for name in ("precision", "recall", "f1")
    }
