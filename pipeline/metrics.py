"""The numbers of an evaluation, from the artifact that it wrote."""

from __future__ import annotations

import json
import pathlib
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
    return _tfma_metrics(evaluation_uri)


def _tfma_metrics(evaluation_uri: str) -> dict[str, float]:
    import tensorflow_model_analysis as tfma

    # TFMA takes a folder without an evaluation for an evaluation of nothing. A slice's key is a tuple of column and
    # value; that of the whole is the empty tuple.
    whole = [outputs for key, outputs in tfma.load_eval_result(evaluation_uri).slicing_metrics if not key]
    if not whole:
        raise ValueError(f"{evaluation_uri} holds no evaluation: neither {METRICS_FILE} nor metrics of TFMA")
    return {
        name: value["doubleValue"]
        for outputs in whole
        for sub_keys in outputs.values()
        for metrics in sub_keys.values()
        for name, value in metrics.items()
        if "doubleValue" in value
    }
