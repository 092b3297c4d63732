"""The numbers of an evaluation, from the artifact that it wrote."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

METRICS_FILE = "metrics.json"
"""The file of an evaluation artifact that holds its metrics, by split: `{"test": {"accuracy": 0.93}}`."""


def read_metrics(evaluation_uri: str) -> dict[str, Any]:
    """Reads the metrics that an evaluation came to.

    Args:
      evaluation_uri: The folder of the evaluation artifact, with a `metrics.json` or with what TFX's Evaluator writes.

    Returns:
      What `metrics.json` holds; or for TFX's Evaluator, metric name to value over the whole evaluation, not its slices.

    Raises:
      ValueError: if the folder holds neither.
    """
    file = pathlib.Path(evaluation_uri) / METRICS_FILE
    if file.is_file():
        metrics: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return metrics
    values = {name: _number(value) for name, value in _tfma_values(evaluation_uri)}
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
    return {
        name: (float(bounded["lowerBound"]), float(bounded["upperBound"]))
        for name, value in _tfma_values(evaluation_uri)
        if (bounded := value.get("boundedValue"))
    }


def _tfma_values(evaluation_uri: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The metrics over the whole evaluation, each as TFMA's JSON has it."""
    import tensorflow_model_analysis as tfma

    # TFMA takes a folder without an evaluation for an evaluation of nothing. A slice's key is a tuple of column and
    # value; that of the whole is the empty tuple.
    whole = [outputs for key, outputs in tfma.load_eval_result(evaluation_uri).slicing_metrics if not key]
    if not whole:
        raise ValueError(f"{evaluation_uri} holds no evaluation: neither {METRICS_FILE} nor metrics of TFMA")
    for outputs in whole:
        for sub_keys in outputs.values():
            for metrics in sub_keys.values():
                yield from metrics.items()


def _number(value: Mapping[str, Any]) -> float | None:
    """The value itself, with confidence intervals or without; None if it is no number. NaN comes as text."""
    number = value.get("doubleValue", value.get("boundedValue", {}).get("value"))
    return None if number is None else float(number)
