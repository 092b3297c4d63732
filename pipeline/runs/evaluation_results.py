"""Reads metrics and their confidence intervals from an evaluation artifact."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

METRICS_FILE = "metrics.json"
"""The file of an evaluation artifact that holds its metrics, by split: `{"test": {"accuracy": 0.93}}`."""


def read_metrics(evaluation_uri: str) -> dict[str, Any]:
    """Reads the metrics of an evaluation.

    Args:
      evaluation_uri: The folder of the evaluation artifact, with a `metrics.json` or with what TFX's Evaluator writes.

    Returns:
      The content of `metrics.json`; or for TFX's Evaluator, metric name to value over the whole evaluation, without its
      slices.

    Raises:
      ValueError: if the folder holds neither.
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
      evaluation_uri: As `read_metrics` takes it.

    Returns:
      Metric name to the lower and the upper bound; metrics without an interval are left out.

    Raises:
      ValueError: as `read_metrics` does.
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
    """Yields the metrics over the whole evaluation, each value as a dict of TFMA's JSON."""
    import tensorflow_model_analysis as tfma

    # A slice's key is a tuple of (column, value) pairs; the key of the whole evaluation is the empty tuple.
    whole = [outputs for key, outputs in tfma.load_eval_result(evaluation_uri).slicing_metrics if not key]
    # Of a folder without an evaluation TFMA loads an empty one, without an error.
    if not whole:
        raise ValueError(f"{evaluation_uri} holds no evaluation: neither {METRICS_FILE} nor metrics of TFMA")
    for outputs in whole:
        for sub_keys in outputs.values():
            for metrics in sub_keys.values():
                yield from metrics.items()


def _parse_number(value: Mapping[str, Any]) -> float | None:
    """Returns a metric's value, which lies elsewhere if it has a confidence interval; None if it is no number."""
    # NaN comes as text, which float() reads.
    number = value.get("doubleValue", value.get("boundedValue", {}).get("value"))
    return None if number is None else float(number)
