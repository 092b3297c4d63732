"""TFMA metrics over the real steps of padded sequences, for the stock Evaluator.

TFMA's own metrics read padded steps as predictions: they crash where two batches are padded to different lengths, and
count the padding where they do not. These read the lengths, which the model answers with.

They need a model as SequenceTrainer exports it, and its signature `evaluation` as the model spec's `signature_name`.
For a label L it answers with `lengths`, `L`, the labels themselves as `L_label`, and `L_cross_entropy`.

Each metric computes several figures, all named after the label. TFMA takes a threshold to be of the figure that a
metric is named after, so a metric stands in an EvalConfig once for each threshold, each time under another name. It is
computed once all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

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
    """A metric that an accumulator computes.

    Args:
      accumulator: The accumulator.
      name: The full name of the figure that a threshold is of; the first figure if None.
      arguments: The arguments of the subclass, from which TFMA makes the metric again.

    Attributes:
      accumulator: The accumulator.
    """

    def __init__(self, accumulator: MetricAccumulator, name: str | None, **arguments: Any) -> None:
        self.accumulator = accumulator
        super().__init__(self._create_computations, name=name or accumulator.names[0], **arguments)

    @property
    def compute_confidence_interval(self) -> bool:
        """Whether TFMA computes an interval for the figure that the metric is named after: not for a count."""
        figure = self.accumulator.find_figure(self.name)
        return figure is None or not figure.is_count

    # TFMA calls this with the arguments of the metric, and with the model names since there is such an argument.
    def _create_computations(
        self, model_names: Iterable[str] = ("",), **_: Any
    ) -> list[tfma.metrics.MetricComputation]:
        return [
            tfma.metrics.MetricComputation(
                keys=[tfma.metrics.MetricKey(name=name, model_name=model_name) for name in self.accumulator.names],
                preprocessors=[_CountRecord(self.accumulator, model_name)],
                combiner=_AddUpCounts(self.accumulator, model_name),
            )
            for model_name in model_names
        ]


class SequenceAccuracy(_AccumulatedMetric):
    """`<label>_accuracy`, the share of labels that are predicted right, and `<label>_count`, their number.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      name: The figure that a threshold is of; `<label>_accuracy` if None.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None) -> None:
        super().__init__(AccuracyAccumulator(label, per_step), name, label=label, per_step=per_step)


class SequenceCrossEntropy(_AccumulatedMetric):
    """`<label>_cross_entropy` in nats a label, `<label>_bits_per_step`, and `<label>_perplexity`.

    They are NaN for a model whose head gives its label no probability.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      name: The figure that a threshold is of; `<label>_cross_entropy` if None.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None) -> None:
        super().__init__(CrossEntropyAccumulator(label, per_step), name, label=label, per_step=per_step)


class SequenceLabelScores(_AccumulatedMetric):
    """`<label>_macro_precision`, `_macro_recall` and `_macro_f1`, means over the values of the label.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      name: The figure that a threshold is of; `<label>_macro_precision` if None.
      by_label: Also `<label>_precision/<value>`, `_recall/<value>` and `_f1/<value>`.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, by_label: bool = False) -> None:
        accumulator = LabelScoresAccumulator(label, per_step, by_label)
        super().__init__(accumulator, name, label=label, per_step=per_step, by_label=by_label)


class SequenceSpanScores(_AccumulatedMetric):
    """`<label>_span_precision`, `_span_recall`, `_span_f1`, over all spans, and `_span_macro_f1`, over their types.

    Args:
      label: The label feature, whose values are tags such as B-PER.
      per_step: True; there are no spans in a single label.
      name: The figure that a threshold is of; `<label>_span_precision` if None.
      by_label: Also `<label>_span_precision/<type>`, `_span_recall/<type>` and `_span_f1/<type>`.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, by_label: bool = False) -> None:
        accumulator = SpanScoresAccumulator(label, per_step, by_label)
        super().__init__(accumulator, name, label=label, per_step=per_step, by_label=by_label)


class SequenceNumberErrors(_AccumulatedMetric):
    """`<label>_mae`, the mean absolute error, and `<label>_rmse`, the root of the mean squared error.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one label a record.
      name: The figure that a threshold is of; `<label>_mae` if None.
      width: The numbers in a label.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, width: int = 1) -> None:
        accumulator = NumberErrorsAccumulator(label, per_step, width)
        super().__init__(accumulator, name, label=label, per_step=per_step, width=width)


class SequenceMetric(_AccumulatedMetric):
    """Any metric of `METRICS`, such as one that an installed package adds.

    Args:
      metric: Its name in `METRICS`, or its class as `module:Class`.
      label: The label feature.
      name: The figure that a threshold is of; the metric's first figure if None.
      code: A fingerprint of the metric's code, so that an evaluation with changed code is another execution.
      **arguments: The arguments of the metric's class beside `label`.
    """

    def __init__(
        self, metric: str, label: str, name: str | None = None, code: str | None = None, **arguments: Any
    ) -> None:
        accumulator = METRICS.load(metric)(label, **arguments)
        super().__init__(accumulator, name, metric=metric, label=label, code=code, **arguments)


class _CountRecord(tfma.metrics.Preprocessor):
    """Yields the counts of a record."""

    def __init__(self, accumulator: MetricAccumulator, model_name: str) -> None:
        # TFMA tells preprocessors apart by their names.
        super().__init__(name=f"{type(accumulator).__name__}_{accumulator.label}_{model_name}")
        self._accumulator = accumulator
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Counts]:
        answers = extracts[constants.PREDICTIONS_KEY]
        # With several models, TFMA keeps the answers of each under its name.
        yield self._accumulator.count(answers.get(self._model_name, answers))


class _AddUpCounts(beam.CombineFn):
    """Adds up counts, and computes figures from their sum."""

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
        # Jackknife samples merge one accumulator into several others, so none may be changed.
        merged: Counts = Counter()
        for total in totals:
            merged.update(total)
        return merged

    def extract_output(self, total: Counts) -> dict[tfma.metrics.MetricKey, float]:
        figures = self._accumulator.compute(total)
        return {
            tfma.metrics.MetricKey(name=f"{self._accumulator.label}_{figure}", model_name=self._model_name): value
            for figure, value in figures.items()
        }
