"""The metrics of the Evaluator: what each one counts in a record, and the figures that it computes from the counts.

Counts are added up over records in any order and grouping, and divided once, at the end::

    record 1: 3 of 4 steps right    {"right": 3, "labels": 4}
    record 2: 0 of 1 step right     {"right": 0, "labels": 1}        sum: 3 of 5, an accuracy of 0.6, not 0.375

A mean of nothing is NaN, so that no threshold holds for it. A precision, recall or F1 of nothing is 0, as is usual.

A new metric is a subclass of `MetricAccumulator`, and a row of `metric_table.METRICS`. TensorFlow is not needed here: a
config, which may have thresholds of any figure, is checked before TensorFlow is loaded.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_evaluator.spans import find_spans
from tfx_sequence.schemas.contract import CROSS_ENTROPY_SUFFIX, LABEL_SUFFIX, LENGTHS

Array = np.ndarray[Any, Any]
Counts = Counter[Any]

LabelKind = Literal["values", "spans", "numbers"]
"""Labels from a set of values, those of them that are tags of spans, and labels that are numbers."""


class Figure(NamedTuple):
    """What is known of a figure before it is computed.

    Attributes:
      more_is_better: Whether the better of two models has the greater figure.
      is_count: Whether it counts the data instead of judging the model. Such a figure has no confidence interval.
    """

    more_is_better: bool
    is_count: bool = False


MORE, LESS = Figure(more_is_better=True), Figure(more_is_better=False)


class MetricAccumulator(abc.ABC):
    """A metric of one label.

    An instance keeps no counts: `count` gives those of one record, and `compute` takes their sum. Beam pickles it.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.

    Attributes:
      label_kind: The labels that the metric can be computed for.
      figures: Name of a figure to what is known of it. The full name is `<label>_<figure>`.
      figures_by_value: The same for figures that there are for each value of the label. The full name is
        `<label>_<figure>/<value>`.
      arguments: The constructor's arguments beside `label`, of `per_step`, `by_label` (whether to compute
        `figures_by_value`) and `width` (the numbers in a label).
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
          answers: What the signature `evaluation` answered for the record, without the batch axis: `[T]`, with any
            padding, or a scalar.

        Raises:
          ValueError: if the model does not have the label.
        """

    @abc.abstractmethod
    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the figures from the counts of all records.

        Returns:
          `<figure>` or `<figure>/<value>`, without the label's name, to its value.
        """

    @property
    def names(self) -> list[str]:
        """The full names of the figures that do not depend on the data."""
        return [f"{self.label}_{figure}" for figure in self.figures]

    @property
    def names_by_value(self) -> list[str]:
        """The full names of the figures for each value of the label, up to the `/`."""
        return [f"{self.label}_{figure}" for figure in self.figures_by_value]

    def find_figure(self, name: str) -> Figure | None:
        """Finds a figure by its full name; None if the metric has no figure of this name."""
        stem, slash, _ = name.partition("/")
        if stem not in (self.names_by_value if slash else self.names):
            return None
        figures = self.figures_by_value if slash else self.figures
        return figures[stem.removeprefix(f"{self.label}_")]

    def count_labels(self, answers: Mapping[str, Array]) -> int:
        """Counts the labels of a record: its real steps, or 1."""
        return int(self._read_answer(answers, LENGTHS)[0]) if self.per_step else 1

    def read_labels_and_predictions(self, answers: Mapping[str, Array], width: int = 1) -> tuple[Array, Array]:
        """Reads a record's labels and predictions, both flat and without padding, `[labels * width]`.

        Raises:
          ValueError: if the model does not have the label.
        """
        real = slice(self.count_labels(answers) * width)
        labels = self._read_answer(answers, f"{self.label}{LABEL_SUFFIX}")
        predictions = self._read_answer(answers, self.label)
        return labels[real], predictions[real]

    def _read_answer(self, answers: Mapping[str, Array], name: str) -> Array:
        if name not in answers:
            raise ValueError(
                f"the metrics of the label {self.label!r} need {name!r}, but the signature of the model (or of the "
                f"baseline) gives {', '.join(sorted(answers))}. The labels of the spec for `make_eval_config` must be "
                "labels that the model was trained with"
            )
        return np.ravel(answers[name])


class AccuracyAccumulator(MetricAccumulator):
    """The share of labels that are predicted right, and the number of labels."""

    label_kind = "values"
    figures: ClassVar = {"accuracy": MORE, "count": Figure(more_is_better=True, is_count=True)}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts labels, and right predictions."""
        labels, predictions = self.read_labels_and_predictions(answers)
        return make_counts(right=int(np.sum(labels == predictions)), labels=self.count_labels(answers))

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides right predictions by labels."""
        return {"accuracy": _divide(counts["right"], counts["labels"]), "count": float(counts["labels"])}


class CrossEntropyAccumulator(MetricAccumulator):
    """How unlikely the labels are to the model: the mean in nats and in bits, and the perplexity."""

    label_kind = "values"
    figures: ClassVar = {"cross_entropy": LESS, "bits_per_step": LESS, "perplexity": LESS}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts labels and nats; the nats are NaN if the model's head gives its label no probability."""
        nats = answers.get(f"{self.label}{CROSS_ENTROPY_SUFFIX}", math.nan)
        return make_counts(nats=float(np.ravel(nats)[0]), labels=self.count_labels(answers))

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides nats by labels."""
        mean = _divide(counts["nats"], counts["labels"])
        # NumPy's exponential of a great number is infinite; that of `math` raises.
        return {"cross_entropy": mean, "bits_per_step": mean / math.log(2), "perplexity": float(np.exp(mean))}


class NumberErrorsAccumulator(MetricAccumulator):
    """How far predicted numbers are off: the mean absolute error, and the root of the mean squared error.

    If a label is a vector, all of its numbers are averaged together.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      width: The numbers in a label.
    """

    label_kind = "numbers"
    figures: ClassVar = {"mae": LESS, "rmse": LESS}
    arguments: ClassVar = ("per_step", "width")

    def __init__(self, label: str, per_step: bool = True, width: int = 1) -> None:
        super().__init__(label, per_step)
        self._width = width

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Adds up errors and squared errors."""
        labels, predictions = self.read_labels_and_predictions(answers, self._width)
        errors = predictions.astype(np.float64) - labels.astype(np.float64)
        return make_counts(absolute=float(np.abs(errors).sum()), squared=float((errors**2).sum()), numbers=errors.size)

    def compute(self, counts: Counts) -> dict[str, float]:
        """Divides both by the number of numbers."""
        squared = _divide(counts["squared"], counts["numbers"])
        return {"mae": _divide(counts["absolute"], counts["numbers"]), "rmse": math.sqrt(squared)}


class Scores(NamedTuple):
    """Precision, recall, and F1, their harmonic mean."""

    precision: float
    recall: float
    f1: float


class _ScoresAccumulator(MetricAccumulator):
    """Counts by value: how often it is a label, how often it is predicted, and how often rightly so.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      by_label: Also compute the scores of each value of the label.
    """

    arguments: ClassVar[tuple[str, ...]] = ("per_step", "by_label")

    def __init__(self, label: str, per_step: bool = True, by_label: bool = False) -> None:
        super().__init__(label, per_step)
        self._by_label = by_label

    @property
    def names_by_value(self) -> list[str]:
        """The full names of the scores of each value, up to the `/`; none unless they are wanted."""
        return super().names_by_value if self._by_label else []

    def compute_by_value(self, scores: Mapping[bytes, Scores], counts: Counts) -> dict[str, float]:
        """Names the scores of each value that occurs as a label, if they are wanted.

        A value that is only predicted is left out, so that the names are the same for every model.
        """
        if not self._by_label:
            return {}
        named: dict[str, float] = {}
        for value, scores_of_value in scores.items():
            if counts["label", value]:
                text = value.decode(errors="replace")
                for figure, score in zip(self.figures_by_value, scores_of_value, strict=True):
                    named[f"{figure}/{text}"] = score
        return named


class LabelScoresAccumulator(_ScoresAccumulator):
    """Precision, recall and F1 of the values of a label: their means over the values, and if wanted each one's.

    A mean is over the values that occur, as a label or as a prediction.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      by_label: Also compute the scores of each value of the label.
    """

    label_kind = "values"
    figures: ClassVar = {"macro_precision": MORE, "macro_recall": MORE, "macro_f1": MORE}
    figures_by_value: ClassVar = {"precision": MORE, "recall": MORE, "f1": MORE}

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the values of labels, of predictions, and of right predictions."""
        labels, predictions = self.read_labels_and_predictions(answers)
        right = labels[labels == predictions]
        return _count_values(label=labels.tolist(), predicted=predictions.tolist(), right=right.tolist())

    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the scores of each value, and their means."""
        scores = _compute_scores(counts)
        means = dict(zip(self.figures, _average(scores), strict=True))
        return means | self.compute_by_value(scores, counts)


class SpanScoresAccumulator(_ScoresAccumulator):
    """Precision, recall and F1 of spans. A predicted span is right if its type, first and last step are.

    The scores equal those of seqeval in its default mode: over all spans, the mean F1 over the types of spans, and if
    wanted the scores of each type.

    Args:
      label: The label feature, whose values are tags such as B-PER.
      per_step: True; there are no spans in a single label.
      by_label: Also compute the scores of each type of span.
    """

    label_kind = "spans"
    figures: ClassVar = {"span_precision": MORE, "span_recall": MORE, "span_f1": MORE, "span_macro_f1": MORE}
    figures_by_value: ClassVar = {"span_precision": MORE, "span_recall": MORE, "span_f1": MORE}
    arguments: ClassVar = ("by_label",)

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the types of spans of the labels, of spans of the predictions, and of spans of both."""
        labels, predictions = self.read_labels_and_predictions(answers)
        true = find_spans(tag.decode() for tag in labels)
        predicted = find_spans(tag.decode() for tag in predictions)
        return _count_values(
            label=[span.type.encode() for span in true],
            predicted=[span.type.encode() for span in predicted],
            right=[span.type.encode() for span in true & predicted],
        )

    def compute(self, counts: Counts) -> dict[str, float]:
        """Computes the scores over all spans, the mean F1 of the types, and the scores of each type."""
        total: Counts = Counter()
        for (role, _), number in counts.items():
            total[role] += number
        scores = _compute_scores(counts)
        over_all = _score(total["right"], total["predicted"], total["label"])
        figures = dict(zip(self.figures, (*over_all, _average(scores).f1), strict=True))
        return figures | self.compute_by_value(scores, counts)


def make_counts(**numbers: float) -> Counts:
    """Makes counts of integers and floats."""
    # The type of `Counter` knows integers only, but it adds up floats as well.
    counts: Any = Counter()
    counts.update(numbers)
    return counts


def _count_values(**values_by_role: list[bytes]) -> Counts:
    """Counts `(role, value)`; the roles are `label`, `predicted` and `right`."""
    counts: Counts = Counter()
    for role, values in values_by_role.items():
        counts.update((role, value) for value in values)
    return counts


def _compute_scores(counts: Counts) -> dict[bytes, Scores]:
    values = sorted({value for _, value in counts})
    return {
        value: _score(counts["right", value], counts["predicted", value], counts["label", value]) for value in values
    }


def _score(right: int, predicted: int, true: int) -> Scores:
    return Scores(
        precision=_divide(right, predicted, 0.0),
        recall=_divide(right, true, 0.0),
        f1=_divide(2 * right, predicted + true, 0.0),
    )


def _average(scores: Mapping[bytes, Scores]) -> Scores:
    sums = [sum(getattr(scores_of_value, score) for scores_of_value in scores.values()) for score in Scores._fields]
    return Scores(*(_divide(total, len(scores), 0.0) for total in sums))


def _divide(total: float, count: float, of_nothing: float = math.nan) -> float:
    return total / count if count else of_nothing
