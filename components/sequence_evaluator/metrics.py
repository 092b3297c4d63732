"""TFMA metrics over the real steps of padded sequences, for the stock Evaluator.

TFMA's own metrics read padded steps as predictions: they crash where two batches are padded to different lengths, and
count the padding where they do not. These read the lengths, which the served model answers with.

What they need of a model, and SequenceTrainer exports: the `serving_default` signature with `lengths` and, for a label
L, `L_id`; and the `transformed_labels` signature with the label's ids as L.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants

LENGTHS = "lengths"


class SequenceAccuracy(tfma.metrics.Metric):
    """The share of real steps (or of records, for one label a record) whose predicted id is the label's.

    Args:
      label: The label feature.
      per_step: True for one label a step, False for one a record.
      name: The metric's name; `<label>_accuracy` if None. The number of real labels comes along, as `<label>_count`.
    """

    def __init__(self, label: str, per_step: bool = True, name: str | None = None) -> None:
        """Makes the metric."""
        super().__init__(_computations, label=label, per_step=per_step, name=name or f"{label}_accuracy")


def _computations(
    label: str, per_step: bool, name: str, eval_config: Any = None, model_names: Iterable[str] = ("",), **_: Any
) -> list[tfma.metrics.MetricComputation]:
    return [
        tfma.metrics.MetricComputation(
            keys=[
                accuracy := tfma.metrics.MetricKey(name=name, model_name=model_name),
                seen := tfma.metrics.MetricKey(name=f"{label}_count", model_name=model_name),
            ],
            preprocessors=[_LabelsOfRecord(label, per_step, model_name)],
            combiner=_Share(accuracy, seen),
        )
        for model_name in model_names
    ]


class _LabelsOfRecord(tfma.metrics.Preprocessor):
    """Yields, for each record, how many of its labels are predicted right and how many there are."""

    def __init__(self, label: str, per_step: bool, model_name: str) -> None:
        # TFMA tells preprocessors apart by their names.
        super().__init__(name=f"labels_{label}_{model_name}")
        self._label = label
        self._per_step = per_step
        self._model_name = model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[tuple[int, int]]:
        predictions = _of_model(extracts[constants.PREDICTIONS_KEY], self._model_name)
        labels = _of_model(extracts[constants.TRANSFORMED_FEATURES_KEY], self._model_name)[self._label]
        count = int(np.ravel(predictions[LENGTHS])[0]) if self._per_step else 1
        yield count_right(labels, predictions[f"{self._label}_id"], count), count


def count_right(labels: np.ndarray[Any, Any], predicted: np.ndarray[Any, Any], count: int) -> int:
    """How many of the first `count` labels are predicted right: ids twice, each padded with anything to any length."""
    return int(np.sum(np.ravel(labels)[:count] == np.ravel(predicted)[:count]))


class _Share(beam.CombineFn):
    """Adds up (right, seen) and divides once."""

    def __init__(self, share: tfma.metrics.MetricKey, count: tfma.metrics.MetricKey) -> None:
        super().__init__()
        self._keys = share, count

    def create_accumulator(self) -> tuple[int, int]:
        return 0, 0

    def add_input(self, total: tuple[int, int], element: Any) -> tuple[int, int]:
        right, seen = element
        return total[0] + right, total[1] + seen

    def merge_accumulators(self, totals: Iterable[tuple[int, int]]) -> tuple[int, int]:
        rights, seens = zip(*totals, strict=True)
        return sum(rights), sum(seens)

    def extract_output(self, total: tuple[int, int]) -> dict[tfma.metrics.MetricKey, float]:
        right, seen = total
        share, count = self._keys
        return {share: right / seen if seen else float("nan"), count: float(seen)}


def _of_model(value: dict[str, Any], model_name: str) -> dict[str, Any]:
    """With several models, TFMA keeps each one's values under its name."""
    return value.get(model_name, value)
