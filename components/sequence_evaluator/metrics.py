"""TFMA metrics over the real steps of padded sequences, for the stock Evaluator.

TFMA's own metrics read padded steps as predictions: they crash where two batches are padded to different lengths, and
count the padding where they do not. These read the lengths, which the model answers with.

What they need of a model, and SequenceTrainer exports: the signature `evaluation`, which answers for a label L with
`lengths`, `L`, the labels themselves as `L_label`, and `L_cross_entropy`; and to be the model spec's `signature_name`.

Each gives several values, all named after the label. TFMA takes a threshold to be of the value that a metric is named
after: for a threshold of another value name the metric so. It is computed once all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants

from tfx_sequence.components.sequence_evaluator import accumulators as tallies
from tfx_sequence.components.sequence_evaluator.accumulators import Counts, MetricAccumulator


class _SequenceMetric(tfma.metrics.Metric):
    """A metric that adds up a tally. A subclass says which.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one a record.
      name: Of the value that a threshold is of; the first one if None.

    Attributes:
      tally: What it adds up.
      values: The names of its values.
      values_of_each: The names of its values for each value of the label, without `/` and that value.
    """

    tally: Callable[..., MetricAccumulator]

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, **options: Any) -> None:
        """Makes the metric."""
        tally = self.tally(label, per_step, **options)
        self.values, self.values_of_each = tally.names, tally.names_of_each
        super().__init__(self._computations, label=label, per_step=per_step, name=name or self.values[0], **options)

    @property
    def compute_confidence_interval(self) -> bool:
        """Whether TFMA gives an interval for the value that the metric is named after: not for a count of labels."""
        return self.name != f"{self.kwargs['label']}_count"

    def _computations(
        self, label: str, per_step: bool, name: str, model_names: Iterable[str] = ("",), **options: Any
    ) -> list[tfma.metrics.MetricComputation]:
        tally = self.tally(label, per_step, **options)
        return [
            tfma.metrics.MetricComputation(
                keys=[tfma.metrics.MetricKey(name=value, model_name=model_name) for value in tally.names],
                preprocessors=[_Count(tally, model_name)],
                combiner=_Total(tally, model_name),
            )
            for model_name in model_names
        ]


class SequenceAccuracy(_SequenceMetric):
    """`<label>_accuracy`, the share of labels that are answered right, and `<label>_count`, their number."""

    tally = tallies.AccuracyTally


class SequenceCrossEntropy(_SequenceMetric):
    """`<label>_cross_entropy` in nats a label, `<label>_bits_per_step`, and `<label>_perplexity`.

    NaN for a model whose head gives its label no probability.
    """

    tally = tallies.CrossEntropyTally


class SequenceLabelScores(_SequenceMetric):
    """`<label>_macro_precision`, `_macro_recall` and `_macro_f1`, means over the values of the label.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one a record.
      name: Of the value that a threshold is of; `<label>_macro_precision` if None.
      by_label: Also `<label>_precision/<value>`, `_recall/<value>` and `_f1/<value>`.
    """

    tally = tallies.LabelTally

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, by_label: bool = False) -> None:
        """Makes the metric."""
        super().__init__(label, per_step, name, by_label=by_label)


class SequenceSpanScores(_SequenceMetric):
    """`<label>_span_precision`, `_span_recall`, `_span_f1`, over all spans, and `_span_macro_f1`, over their types.

    Args:
      label: The label feature, whose values are tags such as B-PER.
      name: Of the value that a threshold is of; `<label>_span_precision` if None.
      by_label: Also `<label>_span_precision/<type>`, `_span_recall/<type>` and `_span_f1/<type>`.
    """

    tally = tallies.SpanTally

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, by_label: bool = False) -> None:
        """Makes the metric."""
        super().__init__(label, per_step, name, by_label=by_label)


class SequenceNumberErrors(_SequenceMetric):
    """`<label>_mae`, the mean absolute error, and `<label>_rmse`, the root of the mean squared one.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one a record.
      name: Of the value that a threshold is of; `<label>_mae` if None.
      width: How many numbers a label is.
    """

    tally = tallies.NumberTally

    def __init__(self, label: str, per_step: bool = True, name: str | None = None, width: int = 1) -> None:
        """Makes the metric."""
        super().__init__(label, per_step, name, width=width)


class _Count(tfma.metrics.Preprocessor):
    """Yields a record's counts."""

    def __init__(self, tally: MetricAccumulator, model_name: str) -> None:
        # TFMA tells preprocessors apart by their names.
        super().__init__(name=f"{type(tally).__name__}_{tally.label}_{model_name}")
        self._tally = tally
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Counts]:
        predictions = extracts[constants.PREDICTIONS_KEY]
        # With several models, TFMA keeps each one's values under its name.
        yield self._tally.count(predictions.get(self._model_name, predictions))


class _Total(beam.CombineFn):
    """Adds up counts, and makes the values of them."""

    def __init__(self, tally: MetricAccumulator, model_name: str) -> None:
        super().__init__()
        self._tally = tally
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
        return {
            tfma.metrics.MetricKey(name=name, model_name=self._model_name): value
            for name, value in self._tally.values(total).items()
        }
