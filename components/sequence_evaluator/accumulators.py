"""Implements the Evaluator's metrics as classes that count one record and compute figures from the sum of the counts.

A figure is a single number of an evaluation, such as an accuracy. The counts of all records are added up in any order
and in any groups. They are divided once, at the end::

    record 1: 3 of 4 steps right    {"right": 3, "labels": 4}
    record 2: 0 of 1 step right     {"right": 0, "labels": 1}        sum: 3 of 5, an accuracy of 0.6, not 0.375

If the model returns weights, a label with weight w counts as if it occurred w times. Only the figure `count`, which is
the number of labels, is not weighted.

A mean of zero values is NaN, so that it meets no threshold. A precision, recall or F1 without any value is 0, as in
scikit-learn.

A new metric is a subclass of `MetricAccumulator` and a row of `metric_table.METRICS`. It needs no other code.

This module does not import TensorFlow, because a config with thresholds is checked before TensorFlow is loaded.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_evaluator.spans import find_spans
from tfx_sequence.schemas.contract import CROSS_ENTROPY_SUFFIX, LABEL_SUFFIX, LENGTHS, WEIGHT_SUFFIX

Array = np.ndarray[Any, Any]
Counts = Counter[Any]

LabelKind = Literal["values", "spans", "numbers"]
"""The labels that a metric can measure: values of a set, tags of spans, or numbers. Tags of spans are also values."""


class Figure(NamedTuple):
    """The properties of a figure that are known before the figure is computed.

    Attributes:
      more_is_better: Whether a greater figure means a better model.
      is_count: Whether the figure counts the data and does not judge the model. TFMA computes no confidence interval
        for a count.
    """

    more_is_better: bool
    is_count: bool = False


MORE, LESS = Figure(more_is_better=True), Figure(more_is_better=False)


class MetricAccumulator(abc.ABC):
    """The base class of metrics. An instance computes the figures of one label.

    An instance stores no counts. `count` returns the counts of one record, and `compute` receives the sum of the counts
    of all records. Beam pickles the instance.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.

    Attributes:
      label_kind: The kind of labels that the metric can be computed for.
      figures: A dict of figure name to the properties of the figure. The full name is `<label>_<figure>`.
      figures_by_value: The same for figures that are computed separately for each value of the label. The full name is
        `<label>_<figure>/<value>`.
      arguments: The names of the constructor's arguments other than `label`. Possible names are `per_step`, `by_label`
        (whether to compute `figures_by_value`) and `width` (the number of numbers in one label).
    """

    label_kind: ClassVar[LabelKind]
    figures: ClassVar[Mapping[str, Figure]]
    figures_by_value: ClassVar[Mapping[str, Figure]] = {}
    arguments: ClassVar[tuple[str, ...]] = ("per_step",)

    def __init__(self, label: str, per_step: bool = True) -> None:
        self.label = label
        self.per_step = per_step

    @abc.abstractmethod
    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts one record.

        Args:
          answers: The outputs of the model's signature `evaluation` for the record, without the batch axis. An output
            is `[T]`, including the padding, or a scalar.

        Raises:
          ValueError: if the model was not trained with the label.
        """

    @abc.abstractmethod
    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the figures from the counts of all records.

        Returns:
          A dict of `<figure>` or `<figure>/<value>` to the value of the figure. The keys omit the label's name.
        """

    @property
    def names(self) -> list[str]:
        """The full names of `figures`."""
        return [f"{self.label}_{figure}" for figure in self.figures]

    @property
    def names_by_value(self) -> list[str]:
        """The full names of `figures_by_value`, without the `/<value>` at the end."""
        return [f"{self.label}_{figure}" for figure in self.figures_by_value]

    def find_figure(self, name: str) -> Figure | None:
        """Returns the properties of a figure, or None if the metric has no figure with this full name."""
        stem, slash, _ = name.partition("/")
        if stem not in (self.names_by_value if slash else self.names):
            return None
        figures = self.figures_by_value if slash else self.figures
        return figures[stem.removeprefix(f"{self.label}_")]

    def count_labels(self, answers: Mapping[str, Array]) -> int:
        """Returns the number of labels of a record: the number of its real steps, or 1 for a label per record."""
        return int(self._read_answer(answers, LENGTHS)[0]) if self.per_step else 1

    def read_weights(self, answers: Mapping[str, Array]) -> Array:
        """Reads the weights of the labels of a record, float64 `[labels]`; 1 if the model returns no weights."""
        num_labels = self.count_labels(answers)
        weights = np.ravel(answers.get(f"{self.label}{WEIGHT_SUFFIX}", 1.0)).astype(np.float64)
        # A weight of the whole record is the weight of each of its labels.
        return np.repeat(weights, num_labels) if weights.size == 1 else weights[:num_labels]

    def read_labels_and_predictions(self, answers: Mapping[str, Array], width: int = 1) -> tuple[Array, Array]:
        """Reads the labels and the predictions of a record.

        Args:
          answers: See `count`.
          width: The number of numbers in one label.

        Returns:
          The labels and the predictions, both flat and without padding, `[labels * width]`.

        Raises:
          ValueError: if the model was not trained with the label.
        """
        # The padding follows the real steps.
        num_real = self.count_labels(answers) * width
        labels = self._read_answer(answers, f"{self.label}{LABEL_SUFFIX}")
        predictions = self._read_answer(answers, self.label)
        return labels[:num_real], predictions[:num_real]

    def _read_answer(self, answers: Mapping[str, Array], name: str) -> Array:
        if name not in answers:
            raise ValueError(
                f"the metrics of the label {self.label!r} need {name!r}, but the signature of the model (or of the "
                f"baseline) returns {', '.join(sorted(answers))}. The labels of the spec for `make_eval_config` must "
                "be labels that the model was trained with"
            )
        return np.ravel(answers[name])


class AccuracyAccumulator(MetricAccumulator):
    """Computes the share of labels that are predicted correctly, and the number of labels."""

    label_kind = "values"
    figures: ClassVar = {"accuracy": MORE, "count": Figure(more_is_better=True, is_count=True)}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the labels, and sums the weights of all labels and of those that are predicted correctly."""
        labels, predictions = self.read_labels_and_predictions(answers)
        weights = self.read_weights(answers)
        return make_counts(
            right=float(weights[labels == predictions].sum()),
            weight=float(weights.sum()),
            labels=self.count_labels(answers),
        )

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides the weight of the correct predictions by the weight of all labels."""
        return {"accuracy": _divide(counts["right"], counts["weight"]), "count": float(counts["labels"])}


class CrossEntropyAccumulator(MetricAccumulator):
    """Computes the cross entropy of the labels: the mean in nats per label and in bits, and the perplexity."""

    label_kind = "values"
    figures: ClassVar = {"cross_entropy": LESS, "bits_per_step": LESS, "perplexity": LESS}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Sums the weights of the labels, and their weighted cross entropy in nats.

        The sum is NaN if the model has no output for the cross entropy of the label.
        """
        # The model has multiplied the cross entropy of each label by its weight.
        nats = answers.get(f"{self.label}{CROSS_ENTROPY_SUFFIX}", math.nan)
        return make_counts(nats=float(np.ravel(nats)[0]), weight=float(self.read_weights(answers).sum()))

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides the sum of nats by the weight of all labels."""
        mean = _divide(counts["nats"], counts["weight"])
        # For a large mean `np.exp` returns infinity, where `math.exp` raises an OverflowError.
        return {"cross_entropy": mean, "bits_per_step": mean / math.log(2), "perplexity": float(np.exp(mean))}


class NumberErrorsAccumulator(MetricAccumulator):
    """Computes the mean absolute error of predicted numbers, and the root of the mean squared error.

    If a label is a vector, the mean is over all numbers of all vectors.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      width: The number of numbers in one label.
    """

    label_kind = "numbers"
    figures: ClassVar = {"mae": LESS, "rmse": LESS}
    arguments: ClassVar = ("per_step", "width")

    def __init__(self, label: str, per_step: bool = True, width: int = 1) -> None:
        super().__init__(label, per_step)
        self._width = width

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Sums the weights of all numbers, the weighted absolute errors and the weighted squared errors."""
        labels, predictions = self.read_labels_and_predictions(answers, self._width)
        errors = predictions.astype(np.float64) - labels.astype(np.float64)
        weights = np.repeat(self.read_weights(answers), self._width)
        return make_counts(
            absolute=float(weights @ np.abs(errors)), squared=float(weights @ errors**2), weight=float(weights.sum())
        )

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides both sums by the weight of all numbers."""
        mean_absolute = _divide(counts["absolute"], counts["weight"])
        mean_squared = _divide(counts["squared"], counts["weight"])
        return {"mae": mean_absolute, "rmse": math.sqrt(mean_squared)}


class Scores(NamedTuple):
    """A precision, a recall, and their harmonic mean F1."""

    precision: float
    recall: float
    f1: float


class _ScoresAccumulator(MetricAccumulator):
    """The base class of metrics that compute precision, recall and F1.

    The counts have the keys `(role, value)`. For each value they say how often the value is the label (role `label`),
    how often it is predicted (`predicted`), and how often it is predicted correctly (`right`). If there are weights,
    the counts are sums of weights.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      by_label: Also compute the scores of each value of the label.
    """

    arguments: ClassVar[tuple[str, ...]] = ("per_step", "by_label")

    def __init__(self, label: str, per_step: bool = True, by_label: bool = False) -> None:
        super().__init__(label, per_step)
        self._by_label = by_label

    @property
    def names_by_value(self) -> list[str]:
        """The full names of `figures_by_value`, without the `/<value>`. The list is empty unless `by_label` is True."""
        return super().names_by_value if self._by_label else []

    def compute_by_value(self, scores: Mapping[bytes, Scores], counts: Counts) -> dict[str, float]:
        """Returns `<figure>/<value>` to score for each value that occurs as a label, or {} unless `by_label` is True.

        A value that only occurs as a prediction is left out, so that all models have the same names.
        """
        if not self._by_label:
            return {}
        labelled_values = [value for value in scores if counts["label", value]]
        score_by_name: dict[str, float] = {}
        for value in labelled_values:
            text = value.decode(errors="replace")
            for figure, score in zip(self.figures_by_value, scores[value], strict=True):
                score_by_name[f"{figure}/{text}"] = score
        return score_by_name


class LabelScoresAccumulator(_ScoresAccumulator):
    """Computes the means of precision, recall and F1 over the values of a label, and optionally those of each value.

    The means are over the values that occur as a label or as a prediction.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      by_label: Also compute the scores of each value of the label.
    """

    label_kind = "values"
    figures: ClassVar = {"macro_precision": MORE, "macro_recall": MORE, "macro_f1": MORE}
    figures_by_value: ClassVar = {"precision": MORE, "recall": MORE, "f1": MORE}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the values of the labels, of the predictions, and of the correct predictions."""
        labels, predictions = self.read_labels_and_predictions(answers)
        weights = self.read_weights(answers)
        is_right = labels == predictions
        counts: Counts = Counter()
        _add_weights(counts, "label", labels.tolist(), weights.tolist())
        _add_weights(counts, "predicted", predictions.tolist(), weights.tolist())
        _add_weights(counts, "right", labels[is_right].tolist(), weights[is_right].tolist())
        return counts

    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the scores of each value and the means of the scores."""
        scores = _compute_scores_by_value(counts)
        means = dict(zip(self.figures, _average_scores(scores), strict=True))
        return means | self.compute_by_value(scores, counts)


class SpanScoresAccumulator(_ScoresAccumulator):
    """Computes precision, recall and F1 over all spans, the mean F1 of the types, and optionally scores of each type.

    A predicted span is correct if a labelled span has the same type, the same first step and the same last step. The
    scores equal those of seqeval in its default mode. The weight of a span is the mean of the weights of its steps.

    Args:
      label: The label feature, whose values are tags such as B-PER.
      per_step: Must be True, because a label of the whole record has no spans.
      by_label: Also compute the scores of each type of span.
    """

    label_kind = "spans"
    figures: ClassVar = {"span_precision": MORE, "span_recall": MORE, "span_f1": MORE, "span_macro_f1": MORE}
    figures_by_value: ClassVar = {"span_precision": MORE, "span_recall": MORE, "span_f1": MORE}
    arguments: ClassVar = ("by_label",)

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the types of the labelled spans, of the predicted spans, and of the correctly predicted spans."""
        labels, predictions = self.read_labels_and_predictions(answers)
        step_weights = self.read_weights(answers)
        labelled_spans = find_spans(tag.decode() for tag in labels)
        predicted_spans = find_spans(tag.decode() for tag in predictions)
        right_spans = labelled_spans & predicted_spans
        counts: Counts = Counter()
        for role, spans in (("label", labelled_spans), ("predicted", predicted_spans), ("right", right_spans)):
            # In a fixed order, so that rounding is the same in each run.
            ordered = sorted(spans)
            span_weights = [float(np.mean(step_weights[span.start : span.end])) for span in ordered]
            _add_weights(counts, role, [span.type.encode() for span in ordered], span_weights)
        return counts

    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the scores over all spans, the mean F1 of the types, and the scores of each type."""
        num_spans_by_role: Counts = Counter()
        for (role, _), num_spans in counts.items():
            num_spans_by_role[role] += num_spans
        scores_over_all = _compute_scores(
            right=num_spans_by_role["right"],
            predicted=num_spans_by_role["predicted"],
            labelled=num_spans_by_role["label"],
        )
        scores = _compute_scores_by_value(counts)
        figures = dict(zip(self.figures, (*scores_over_all, _average_scores(scores).f1), strict=True))
        return figures | self.compute_by_value(scores, counts)


def make_counts(**numbers: float) -> Counts:
    """Makes counts whose values are integers or floats."""
    # `Counter` is typed for integers only, but it adds floats as well.
    counts: Any = Counter()
    counts.update(numbers)
    return counts


def _add_weights(counts: Counts, role: str, values: Iterable[bytes], weights: Iterable[float]) -> None:
    """Adds the weight of each value to the count of the pair `(role, value)`."""
    # `Counter` is typed for integers only, but it adds floats as well.
    sums: Any = counts
    for value, weight in zip(values, weights, strict=True):
        sums[role, value] += weight


def _compute_scores_by_value(counts: Counts) -> dict[bytes, Scores]:
    """Computes the scores of each value that occurs in the counts. A value whose weights are all 0 does not occur."""
    scores = {}
    for value in sorted({value for (_, value), weight in counts.items() if weight}):
        scores[value] = _compute_scores(
            right=counts["right", value], predicted=counts["predicted", value], labelled=counts["label", value]
        )
    return scores


def _compute_scores(right: float, predicted: float, labelled: float) -> Scores:
    """Computes scores from the weights of correct predictions, of predictions and of labels."""
    return Scores(
        precision=_divide(right, predicted, 0.0),
        recall=_divide(right, labelled, 0.0),
        f1=_divide(2 * right, predicted + labelled, 0.0),
    )


def _average_scores(scores: Mapping[bytes, Scores]) -> Scores:
    """Computes the mean precision, the mean recall and the mean F1 of all values."""
    return Scores(
        precision=_divide(sum(score.precision for score in scores.values()), len(scores), 0.0),
        recall=_divide(sum(score.recall for score in scores.values()), len(scores), 0.0),
        f1=_divide(sum(score.f1 for score in scores.values()), len(scores), 0.0),
    )


def _divide(total: float, count: float, if_zero: float = math.nan) -> float:
    """Returns `total / count`, or `if_zero` if the count is 0."""
    return total / count if count else if_zero
