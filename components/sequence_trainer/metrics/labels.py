"""Metrics of predicted labels that leave padding out and add up exactly over batches.

Each is a `keras.metrics.Metric` that keeps sums and divides when it is asked, so that its result is that of the whole
data, however it is batched. All work eagerly and in `tf.function`::

    accuracy = Accuracy()
    for batch in batches:
        accuracy.update_state(batch["labels"], predictions, batch["lengths"])
    accuracy.result()

Labels and predictions are ids from 1, integers `[B, T]`, or `[B]` with `lengths=None` for one label a sequence. Class c
of logits `[B, T, C]` is the label with id c + 1. Without any real step a result is 0, unless a metric says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask
from tfx_sequence.components.sequence_trainer.losses.sequence import step_losses
from tfx_sequence.components.sequence_trainer.metrics.spans import count_spans, find_spans
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.tags import read_tags


class StreamingMetric(keras.metrics.Metric):
    """A metric that is made of sums, to which batches add.

    Counts are int64 and losses float64: a float32 that reaches 2 ** 24 = 16.8 million no longer grows by 1.
    """

    more_is_better: ClassVar[bool]
    """Whether a greater result means a better model."""

    def add_sum(self, name: str, dtype: str = "int64", shape: tuple[int, ...] = ()) -> Any:
        """Makes a variable that starts at 0."""
        return self.add_variable(shape, "zeros", dtype=dtype, name=name)

    def reset_state(self) -> None:
        """Forgets all batches."""
        for variable in self.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))


class StepMean(StreamingMetric):
    """The mean of a value of each real step; a subclass says of which one.

    Args:
      name: The name that results are shown under; `default_name` if None.
    """

    default_name: str

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name or self.default_name)
        self._total = self.add_sum("total", "float64")
        self._steps = self.add_sum("steps")

    def add_steps(self, values: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds the values `[B, T]` of the first `lengths` `[B]` steps of each sequence."""
        mask = step_mask(lengths, tf.shape(values)[1])
        self._total.assign_add(tf.reduce_sum(tf.where(mask, tf.cast(values, tf.float64), 0)))
        self._steps.assign_add(tf.math.count_nonzero(mask))

    def result(self) -> tf.Tensor:
        """Returns the mean so far, a float64 scalar."""
        return tf.math.divide_no_nan(tf.convert_to_tensor(self._total), tf.cast(self._steps, tf.float64))


class Accuracy(StepMean):
    """The share of steps whose predicted id is the label."""

    more_is_better = True
    default_name = "accuracy"

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        labels, predictions, lengths = _as_steps(labels, predictions, lengths)
        self.add_steps(tf.cast(labels, tf.int64) == tf.cast(predictions, tf.int64), lengths)


class TopKAccuracy(StepMean):
    """The share of steps whose label is among the k likeliest: fewer than k classes have a higher logit.

    Args:
      k: How many classes are looked at.
      name: The name that results are shown under; `top_<k>_accuracy` if None.
    """

    more_is_better = True

    def __init__(self, k: int, name: str | None = None) -> None:
        super().__init__(name or f"top_{k}_accuracy")
        self.k = k

    def update_state(self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]`, logits `[B, T, C]` and lengths `[B]`."""
        labels, logits, lengths = _as_steps(labels, logits, lengths)
        label_class = classes(labels, step_mask(lengths, tf.shape(labels)[1]))
        is_higher = logits > tf.gather(logits, label_class, batch_dims=2)[..., None]
        self.add_steps(tf.math.count_nonzero(is_higher, -1) < self.k, lengths)


class CrossEntropy(StepMean):
    """The mean negative log-probability of the label, in nats a step."""

    more_is_better = False
    default_name = "cross_entropy"

    def update_state(self, labels: tf.Tensor, logits: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]`, logits `[B, T, C]` and lengths `[B]`."""
        labels, logits, lengths = _as_steps(labels, logits, lengths)
        self.add_steps(step_losses(logits, labels, lengths), lengths)


class BitsPerStep(CrossEntropy):
    """The mean negative log-probability of the label, in bits a step."""

    default_name = "bits_per_step"

    def result(self) -> tf.Tensor:
        """Returns the mean so far, a float64 scalar."""
        return super().result() / math.log(2)


class Perplexity(CrossEntropy):
    """The exponential of the cross entropy: the number of evenly likely labels that are as hard to guess."""

    default_name = "perplexity"

    def result(self) -> tf.Tensor:
        """Returns the perplexity so far, a float64 scalar; 1 without any step."""
        return tf.exp(super().result())


class LabelScores(StreamingMetric):
    """Precision, recall and F1 of each label, and their mean over the labels.

    A score whose divisor is 0 is 0. The mean is over the labels that occur, as truth or as prediction.

    Args:
      num_labels: The number of labels, C.
      name: The name that results are shown under.
    """

    more_is_better = True

    def __init__(self, num_labels: int, name: str = "label_scores") -> None:
        super().__init__(name=name)
        self._counts = self.add_sum("counts", shape=(3, num_labels))

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor | None) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        labels, predictions, lengths = _as_steps(labels, predictions, lengths)
        mask = step_mask(lengths, tf.shape(labels)[1])
        true = tf.cast(tf.boolean_mask(labels, mask), tf.int32) - FIRST_ID
        predicted = tf.cast(tf.boolean_mask(predictions, mask), tf.int32) - FIRST_ID
        found = tf.boolean_mask(true, true == predicted)
        size = self._counts.shape[1]
        counts = [tf.math.bincount(ids, None, size, size, tf.int64) for ids in (found, predicted, true)]
        self._counts.assign_add(tf.stack(counts))

    def result(self) -> dict[str, tf.Tensor]:
        """Returns the means so far: `macro_precision`, `macro_recall`, `macro_f1`, float64 scalars."""
        return _macro_scores(tf.convert_to_tensor(self._counts))

    def by_label(self) -> dict[str, tf.Tensor]:
        """Returns each label's `precision`, `recall` and `f1`, float64 `[C]`, and `support`, its steps, int64 `[C]`."""
        return _scores(tf.convert_to_tensor(self._counts))


class SpanF1(StreamingMetric):
    """Precision, recall and F1 of the spans of a tag set: a span is found if type, first and last step are right.

    Equal to seqeval's: its default mode (`scheme="lenient"`), or its strict mode with IOB2 (`"BIO"`) or IOBES
    (`"BIOES"`). A score whose divisor is 0 is 0. `macro_f1` is the mean over the types that occur.

    Args:
      tags: The tags of ids 1, 2, ..., such as `["O", "B-PER", "I-PER"]`.
      scheme: How spans are found: `lenient`, or a scheme that the tags are of.
      name: The name that results are shown under.

    Raises:
      ValueError: if the scheme is unknown, or a tag is not of it.
    """

    more_is_better = True

    def __init__(self, tags: Sequence[str], scheme: str = "lenient", name: str = "span_f1") -> None:
        super().__init__(name=name)
        self._tag_set = read_tags(tags, scheme)
        self._counts = self.add_sum("counts", shape=(3, len(self._tag_set.types)))

    def update_state(self, labels: tf.Tensor, predictions: tf.Tensor, lengths: tf.Tensor) -> None:
        """Adds a batch: ids `[B, T]` twice, and lengths `[B]`."""
        true = find_spans(labels, lengths, self._tag_set)
        predicted = find_spans(predictions, lengths, self._tag_set)
        self._counts.assign_add(count_spans(true, predicted, len(self._tag_set.types)))

    def result(self) -> dict[str, tf.Tensor]:
        """Returns `precision`, `recall` and `f1` over all spans so far, and `macro_f1`, float64 scalars."""
        counts = tf.convert_to_tensor(self._counts)
        over_all = _scores(tf.reduce_sum(counts, 1))
        scores = {name: over_all[name] for name in ("precision", "recall", "f1")}
        return scores | {"macro_f1": _macro_scores(counts)["macro_f1"]}

    def by_type(self) -> dict[str, dict[str, tf.Tensor]]:
        """Returns for each type of span its `precision`, `recall`, `f1` and `support`, scalars."""
        scores = _scores(tf.convert_to_tensor(self._counts))
        return {
            type_: {name: values[index] for name, values in scores.items()}
            for index, type_ in enumerate(self._tag_set.types)
        }


def _as_steps(
    labels: tf.Tensor, outputs: tf.Tensor, lengths: tf.Tensor | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Makes one label a sequence a sequence of one step.

    Returns:
      Labels `[B, T]`, predictions or logits `[B, T, ...]`, and lengths `[B]`.

    Raises:
      ValueError: if lengths are missing, or stand beside one label a sequence.
    """
    labels, outputs = tf.convert_to_tensor(labels), tf.convert_to_tensor(outputs)
    if (labels.shape.rank == 1) != (lengths is None):
        raise ValueError(
            "labels [B, T] need `lengths`, and labels [B], one a sequence, need `lengths=None`; given are labels of "
            f"shape {labels.shape} and lengths {'None' if lengths is None else 'of their own'}"
        )
    if lengths is None:
        return labels[:, None], outputs[:, None], tf.ones_like(labels)
    return labels, outputs, lengths


def _scores(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes scores from the numbers of found, predicted and true ones, int64 `[3, ...]`."""
    found, predicted, true = tf.unstack(tf.cast(counts, tf.float64))
    return {
        "precision": tf.math.divide_no_nan(found, predicted),
        "recall": tf.math.divide_no_nan(found, true),
        "f1": tf.math.divide_no_nan(2 * found, predicted + true),
        "support": counts[2],
    }


def _macro_scores(counts: tf.Tensor) -> dict[str, tf.Tensor]:
    """Computes the mean of each score over the labels, or types, that occur: int64 `[3, N]` to scalars."""
    occurs = tf.reduce_any(counts > 0, 0)
    number = tf.cast(tf.math.count_nonzero(occurs), tf.float64)
    scores = _scores(counts)
    return {
        f"macro_{name}": tf.math.divide_no_nan(tf.reduce_sum(scores[name]), number)
        for name in ("precision", "recall", "f1")
    }
