"""Reads the metrics and their confidence intervals from an evaluation artifact."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

METRICS_FILE = "metrics.json"
"""The file that an evaluator other than TFX's may write. It has metrics by split: `{"test": {"accuracy": 0.93}}`."""


def read_metrics(evaluation_uri: str) -> dict[str, Any]:
    """Reads the metrics of an evaluation.

    Args:
      evaluation_uri: The folder of the evaluation artifact. It has a file `metrics.json`, or the files that TFX's
        Evaluator writes.

    Returns:
      The content of `metrics.json`, if there is such a file. If not, metric name to value over all examples, without
      the values of slices.

    Raises:
      ValueError: if the folder has neither `metrics.json` nor files of TFX's Evaluator.
    """
    file = pathlib.Path(evaluation_uri) / METRICS_FILE
    if file.is_file():
        metrics: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return metrics
    values = {name: _parse_number(value) for name, value in _read_tfma_values(evaluation_uri)}
    return {name: number for name, number in values.items() if number is not None}


def read_intervals(evaluation_uri: str) -> dict[str, tuple[float, float]]:
    """Reads the 95% confidence intervals of an evaluation.

    Args:
      evaluation_uri: The folder of the evaluation artifact, as in `read_metrics`.

    Returns:
      Metric name to the lower and the upper bound of its interval. Metrics without an interval are left out.

    Raises:
      ValueError: if the folder has neither `metrics.json` nor files of TFX's Evaluator.
    """
    if (pathlib.Path(evaluation_uri) / METRICS_FILE).is_file():
        return {}
    intervals = {}
    for name, value in _read_tfma_values(evaluation_uri):
        bounds = value.get("boundedValue")
        if bounds:
            intervals[name] = (float(bounds["lowerBound"]), float(bounds["upperBound"]))
    return intervals


def _read_tfma_values(evaluation_uri: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the name of each metric over all examples, and its value as a dict in the form of TFMA's JSON."""
    import tensorflow_model_analysis as tfma

    # The key of a slice is a tuple of (column, value) pairs. The empty tuple is the key of all examples.
    slices = tfma.load_eval_result(evaluation_uri).slicing_metrics
    outputs_of_all_examples = [outputs for key, outputs in slices if not key]
    # If there is no evaluation in the folder, TFMA returns an empty one without an error.
    if not outputs_of_all_examples:
        raise ValueError(f"{evaluation_uri} holds no evaluation: neither {METRICS_FILE} nor metrics of TFMA")
    for outputs in outputs_of_all_examples:
        yield from _list_values(outputs)


def _list_values(outputs: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields the name and the value of each metric. TFMA has them by the output of the model, then by a sub-key."""
    for metrics_by_sub_key in outputs.values():
        for metrics in metrics_by_sub_key.values():
            yield from metrics.items()


def _parse_number(value: Mapping[str, Any]) -> float | None:
    """Returns the number in a metric's value, or None if the value is not a number."""
    # A metric with a confidence interval has its value in `boundedValue`.
    number = value.get("doubleValue", value.get("boundedValue", {}).get("value"))
    # The number may be the text "NaN", which float() can read.
    return None if number is None else float(number)
