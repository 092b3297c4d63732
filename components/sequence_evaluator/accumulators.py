"""What a metric counts of each record, and what the sum over records comes to.

Counts are added up over records in any order and grouping, and divided once, at the end::

    record 1: 3 of 4 steps right    {"right": 3, "steps": 4}
    record 2: 0 of 1                {"right": 0, "steps": 1}        sum: 3 of 5, an accuracy of 0.6, not 0.375

What has nothing to divide by is NaN if it is a mean, so that no threshold holds for it, and 0 if it is a precision, a
recall or an F1, as is usual.
"""

from __future__ import annotations

import abc
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_evaluator.spans import find_spans
from tfx_sequence.schemas.contract import LENGTHS

Array = np.ndarray[Any, Any]
Counts = Counter[Any]


class MetricAccumulator(abc.ABC):
    """Counts what one metric needs of one label.

    Attributes:
      label: The label feature.
      per_step: True for one label a step, False for one a record.
      names: The names of the values that there always are.
      names_of_each: The names of the values that there are for each value of the label, without `/` and that value.
    """

    def __init__(self, label: str, per_step: bool, values: Iterable[str], of_each: Iterable[str] = ()) -> None:
        """Takes the label, and what its name is put before in the names of values."""
        self.label = label
        self.per_step = per_step
        self.names = [f"{label}_{value}" for value in values]
        self.names_of_each = [f"{label}_{value}" for value in of_each]

    @abc.abstractmethod
    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts one record.

        Args:
          answers: What the signature `evaluation` gave for it, without the batch axis: `[T]`, padded with anything, or
            a scalar.
        """

    @abc.abstractmethod
    def values(self, counts: Counts) -> dict[str, float]:
        """Name to value, for the counts of all records."""

    def steps(self, answers: Mapping[str, Array]) -> int:
        """How many labels the record has."""
        return int(self._given(answers, LENGTHS)[0]) if self.per_step else 1

    def pair(self, answers: Mapping[str, Array], width: int = 1) -> tuple[Array, Array]:
        """The record's labels and what was answered, each flat and without padding; `width` values a label.

        Raises:
          ValueError: if the model does not have the label.
        """
        real = slice(self.steps(answers) * width)
        return self._given(answers, f"{self.label}_label")[real], self._given(answers, self.label)[real]

    def _given(self, answers: Mapping[str, Array], name: str) -> Array:
        if name not in answers:
            raise ValueError(
                f"the metrics of the label {self.label!r} need {name!r}, but the signature of the model (or of the "
                f"baseline) gives {', '.join(sorted(answers))}. The labels of the spec for `make_eval_config` must be "
                "labels that the model was trained with"
            )
        return np.ravel(answers[name])


class AccuracyTally(MetricAccumulator):
    """The share of labels that are answered right, and their number."""

    def __init__(self, label: str, per_step: bool) -> None:
        """Takes the label."""
        super().__init__(label, per_step, ["accuracy", "count"])

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts labels, and those that were right."""
        label, answer = self.pair(answers)
        return _sums(right=int(np.sum(label == answer)), labels=self.steps(answers))

    def values(self, counts: Counts) -> dict[str, float]:
        """Divides them."""
        figures = _mean(counts["right"], counts["labels"]), float(counts["labels"])
        return dict(zip(self.names, figures, strict=True))


class CrossEntropyTally(MetricAccumulator):
    """How unlikely the labels are: the mean in nats and in bits, and the perplexity."""

    def __init__(self, label: str, per_step: bool) -> None:
        """Takes the label."""
        super().__init__(label, per_step, ["cross_entropy", "bits_per_step", "perplexity"])

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Adds up nats; NaN if the model's head gives its label no probability."""
        nats = answers.get(f"{self.label}_cross_entropy", math.nan)
        return _sums(nats=float(np.ravel(nats)[0]), labels=self.steps(answers))

    def values(self, counts: Counts) -> dict[str, float]:
        """Divides them by the number of labels."""
        mean = _mean(counts["nats"], counts["labels"])
        return dict(zip(self.names, (mean, mean / math.log(2), float(np.exp(mean))), strict=True))


class NumberTally(MetricAccumulator):
    """How far numbers are off: the mean absolute error, and the root of the mean squared one.

    Of several numbers a label, over all of them.
    """

    def __init__(self, label: str, per_step: bool, width: int = 1) -> None:
        """Takes the label, and how many numbers one is."""
        super().__init__(label, per_step, ["mae", "rmse"])
        self._width = width

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Adds up errors and their squares."""
        label, answer = self.pair(answers, self._width)
        errors = answer.astype(np.float64) - label.astype(np.float64)
        return _sums(absolute=float(np.abs(errors).sum()), squared=float((errors**2).sum()), numbers=errors.size)

    def values(self, counts: Counts) -> dict[str, float]:
        """Divides them."""
        absolute, squared = (_mean(counts[kind], counts["numbers"]) for kind in ("absolute", "squared"))
        return dict(zip(self.names, (absolute, math.sqrt(squared)), strict=True))


class Scores(NamedTuple):
    """Precision, recall, and their harmonic mean."""

    precision: float
    recall: float
    f1: float


class LabelTally(MetricAccumulator):
    """Precision, recall and F1 of the values of a label: their means over the values, and if wanted each one's.

    A mean is over the values that occur, as label or as answer. The scores of a single value are given if it occurs as
    label, so that the names are the same for every model.
    """

    def __init__(self, label: str, per_step: bool, by_label: bool = False) -> None:
        """Takes the label, and whether the scores of each value are wanted."""
        means = [f"macro_{score}" for score in Scores._fields]
        super().__init__(label, per_step, means, Scores._fields if by_label else ())

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts each value as label, as answer, and as answer that is right."""
        label, answer = self.pair(answers)
        return _count(true=label.tolist(), answered=answer.tolist(), found=label[label == answer].tolist())

    def values(self, counts: Counts) -> dict[str, float]:
        """Divides them."""
        scores = _scores_of_each(counts)
        return dict(zip(self.names, _mean_scores(scores), strict=True)) | self.values_of_each(scores, counts)

    def values_of_each(self, scores: Mapping[bytes, Scores], counts: Counts) -> dict[str, float]:
        """Name to value, for the values of the label that occur."""
        return {
            f"{name}/{value.decode(errors='replace')}": score
            for value, of_value in scores.items()
            if counts["true", value] and self.names_of_each
            for name, score in zip(self.names_of_each, of_value, strict=True)
        }


class SpanTally(LabelTally):
    """Precision, recall and F1 of spans: one is found if its type, its first and its last step are right.

    Equal to seqeval's in its default mode: over all spans, the mean F1 over the types, and if wanted each type's.
    """

    def __init__(self, label: str, per_step: bool = True, by_label: bool = False) -> None:
        """Takes the label, and whether the scores of each type are wanted."""
        over_all = [f"span_{score}" for score in Scores._fields]
        MetricAccumulator.__init__(self, label, per_step, [*over_all, "span_macro_f1"], over_all if by_label else ())

    def count(self, answers: Mapping[str, Array]) -> Counts:
        """Counts the spans of each type, as `LabelTally` does values."""
        label, answer = (find_spans(tag.decode() for tag in tags) for tags in self.pair(answers))
        spans = {"true": label, "answered": answer, "found": label & answer}
        return _count(**{kind: [span.type.encode() for span in some] for kind, some in spans.items()})

    def values(self, counts: Counts) -> dict[str, float]:
        """Divides them."""
        scores = _scores_of_each(counts)
        total: Counts = Counter()
        for (kind, _), number in counts.items():
            total[kind] += number
        figures = (*_scores(total["found"], total["answered"], total["true"]), _mean_scores(scores).f1)
        return dict(zip(self.names, figures, strict=True)) | self.values_of_each(scores, counts)


def _sums(**numbers: float) -> Counts:
    # The type of Counter knows integers only; it adds up floats just as well.
    counts: Any = Counter()
    counts.update(numbers)
    return counts


def _count(**occurring: list[bytes]) -> Counts:
    return Counter((kind, value) for kind, values in occurring.items() for value in values)


def _scores_of_each(counts: Counts) -> dict[bytes, Scores]:
    return {
        value: _scores(*(counts[kind, value] for kind in ("found", "answered", "true")))
        for value in sorted({value for _, value in counts})
    }


def _scores(found: int, answered: int, true: int) -> Scores:
    return Scores(_mean(found, answered, 0.0), _mean(found, true, 0.0), _mean(2 * found, answered + true, 0.0))


def _mean_scores(scores: Mapping[bytes, Scores]) -> Scores:
    sums = (sum(getattr(each, score) for each in scores.values()) for score in Scores._fields)
    return Scores(*(_mean(total, len(scores), 0.0) for total in sums))


def _mean(total: float, count: float, empty: float = math.nan) -> float:
    return total / count if count else empty
