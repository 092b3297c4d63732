"""Defines the TFMA metric classes that compute the metrics of `METRICS` for the stock Evaluator.

Each class wraps an accumulator, which does the work. TFMA passes the answers of the model for each record to the
accumulator, adds up the counts that it returns, and asks it for the figures of the sum. For the label `tags`::

    answers of a record     tags [N V N x x], tags_label [N N N x x], lengths 3       x is padding
    counts of a record      {"right": 2, "labels": 3}
    sum of all counts       {"right": 80, "labels": 100}
    figures                 tags_accuracy 0.8, tags_count 100

So only real steps count. TFMA's own metrics treat padded steps as predictions: they crash if two batches are padded to
different lengths, and otherwise count the padding.

The model must be one that SequenceTrainer has exported, and the model spec must have the `signature_name` `evaluation`.
For a label L the signature returns the lengths (`lengths`), the predictions (`L`), the labels (`L_label`) and the cross
entropy (`L_cross_entropy`).

TFMA applies a threshold to the figure that has the name of the metric. Therefore an EvalConfig lists a metric once per
threshold, each time under the name of another figure. TFMA still computes the metric only once.

TFX stores the names of these classes in EvalConfigs, so they must not be renamed. A new metric needs no class here: add
it to `metric_table.METRICS`, and `SequenceMetric` wraps it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants

from tfx_sequence.components.sequence_evaluator.accumulators import (
    AccuracyAccumulator,
    Counts,
    CrossEntropyAccumulator,
    LabelScoresAccumulator,
    MetricAccumulator,
    NumberErrorsAccumulator,
    SpanScoresAccumulator,
)
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS


class _AccumulatedMetric(tfma.metrics.Metric):
    """A TFMA metric that an accumulator computes.

    Args:
      accumulator: The accumulator that computes the figures.
      name: The full name of the figure to which a threshold applies. If None, this is the first figure.
      arguments: The arguments of the subclass. TFMA uses them to make a copy of the metric.

    Attributes:
      accumulator: The accumulator that computes the figures.
    """

    def __init__(self, accumulator: MetricAccumulator, name: str | None, **arguments: Any) -> None:
        self.accumulator = accumulator
        super().__init__(self._create_computations, name=name or accumulator.names[0], **arguments)

    @property
    def compute_confidence_interval(self) -> bool:
        """Whether TFMA computes an interval for the figure with the metric's name. False for a count."""
        figure = self.accumulator.find_figure(self.name)
        return figure is None or not figure.is_count

    # TFMA passes the arguments of the metric. It also passes `model_names`, because the function has this parameter.
    def _create_computations(
        self, model_names: Iterable[str] = ("",), **_: Any
    ) -> list[tfma.metrics.MetricComputation]:
        return [self._create_computation(model_name) for model_name in model_names]

    def _create_computation(self, model_name: str) -> tfma.metrics.MetricComputation:
        return tfma.metrics.MetricComputation(
            keys=[tfma.metrics.MetricKey(name=name, model_name=model_name) for name in self.accumulator.names],
            preprocessors=[_CountRecord(self.accumulator, model_name)],
            combiner=_AddUpCounts(self.accumulator, model_name),
        )


class SequenceAccuracy(_AccumulatedMetric):
    """Computes `<label>_accuracy`, the share of labels that are predicted correctly, and `<label>_count`, their number.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      name: The figure to which a threshold applies. If None, this is `<label>_accuracy`.
      code: See `SequenceMetric`.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, code: str | None = None) -> None:
        super().__init__(AccuracyAccumulator(label, per_step), name, label=label, per_step=per_step, code=code)


class SequenceCrossEntropy(_AccumulatedMetric):
    """Computes `<label>_cross_entropy` in nats per label, `<label>_bits_per_step`, and `<label>_perplexity`.

    The figures are NaN if the model's head does not compute a cross entropy.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      name: The figure to which a threshold applies. If None, this is `<label>_cross_entropy`.
      code: See `SequenceMetric`.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, code: str | None = None) -> None:
        super().__init__(CrossEntropyAccumulator(label, per_step), name, label=label, per_step=per_step, code=code)


class _ScoresByValue(_AccumulatedMetric):
    """The base class of metrics that have scores of each value of a label. Subclasses name their accumulator."""

    accumulator_class: ClassVar[type[LabelScoresAccumulator | SpanScoresAccumulator]]

    def __init__(
        self,
        label: str,
        per_step: bool = True,
        name: str | None = None,
        by_label: bool = False,
        code: str | None = None,
    ) -> None:
        accumulator = self.accumulator_class(label, per_step, by_label)
        super().__init__(accumulator, name, label=label, per_step=per_step, by_label=by_label, code=code)


class SequenceLabelScores(_ScoresByValue):
    """Computes `<label>_macro_precision`, `_macro_recall` and `_macro_f1`, the means over the values of the label.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      name: The figure to which a threshold applies. If None, this is `<label>_macro_precision`.
      by_label: Whether to compute also `<label>_precision/<value>`, `_recall/<value>` and `_f1/<value>`.
      code: See `SequenceMetric`.
    """

    accumulator_class = LabelScoresAccumulator


class SequenceSpanScores(_ScoresByValue):
    """Computes the scores of spans.

    `<label>_span_precision`, `_span_recall` and `_span_f1` are over all spans. `<label>_span_macro_f1` is the mean of
    the F1 of each type of span.

    Args:
      label: The label feature, whose values are tags such as B-PER.
      per_step: Must be True, because a label of the whole record has no spans.
      name: The figure to which a threshold applies. If None, this is `<label>_span_precision`.
      by_label: Whether to compute also `<label>_span_precision/<type>`, `_span_recall/<type>` and `_span_f1/<type>`.
      code: See `SequenceMetric`.
    """

    accumulator_class = SpanScoresAccumulator


class SequenceNumberErrors(_AccumulatedMetric):
    """Computes `<label>_mae`, the mean absolute error, and `<label>_rmse`, the root of the mean squared error.

    Args:
      label: The label feature.
      per_step: True for one label per step, False for one label per record.
      name: The figure to which a threshold applies. If None, this is `<label>_mae`.
      width: The number of numbers in one label.
      code: See `SequenceMetric`.
    """

    def __init__(
        self, label: str, per_step: bool = True, name: str | None = None, width: int = 1, code: str | None = None
    ) -> None:
        accumulator = NumberErrorsAccumulator(label, per_step, width)
        super().__init__(accumulator, name, label=label, per_step=per_step, width=width, code=code)


class SequenceMetric(_AccumulatedMetric):
    """Computes any metric of `METRICS`, such as one that an installed package adds.

    Args:
      metric: The metric's name in `METRICS`, or its class as `module:Class`.
      label: The label feature.
      name: The figure to which a threshold applies. If None, this is the metric's first figure.
      code: A fingerprint of the metric's code. If the code changes, TFX runs the Evaluator again.
      **arguments: The arguments of the metric's class other than `label`.
    """

    def __init__(
        self, metric: str, label: str, name: str | None = None, code: str | None = None, **arguments: Any
    ) -> None:
        accumulator = METRICS.load(metric)(label, **arguments)
        super().__init__(accumulator, name, metric=metric, label=label, code=code, **arguments)


class _CountRecord(tfma.metrics.Preprocessor):
    """Yields the counts of each record."""

    def __init__(self, accumulator: MetricAccumulator, model_name: str) -> None:
        # TFMA distinguishes preprocessors by their names.
        super().__init__(name=f"{type(accumulator).__name__}_{accumulator.label}_{model_name}")
        self._accumulator = accumulator
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Counts]:
        predictions = extracts[constants.PREDICTIONS_KEY]
        # With several models, `predictions` is a dict of model name to the answers of the model. With one model, it is
        # the answers themselves.
        answers = predictions.get(self._model_name, predictions)
        yield self._accumulator.count(answers)


class _AddUpCounts(beam.CombineFn):
    """Adds up the counts of records and computes the figures from the sum."""

    def __init__(self, accumulator: MetricAccumulator, model_name: str) -> None:
        super().__init__()
        self._accumulator = accumulator
        self._model_name = model_name

    def create_accumulator(self) -> Counts:
        return Counter()

    def add_input(self, total: Counts, element: Counts) -> Counts:
        total.update(element)
        return total

    def merge_accumulators(self, totals: Iterable[Counts]) -> Counts:
        # The jackknife merges the same counts into several samples, so the counts themselves must not change.
        sum_of_totals: Counts = Counter()
        for total in totals:
            sum_of_totals.update(total)
        return sum_of_totals

    def extract_output(self, total: Counts) -> dict[tfma.metrics.MetricKey, float]:
        values_by_key = {}
        for figure, value in self._accumulator.compute(total).items():
            full_name = f"{self._accumulator.label}_{figure}"
            values_by_key[tfma.metrics.MetricKey(name=full_name, model_name=self._model_name)] = value
        return values_by_key
