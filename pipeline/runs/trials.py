"""Reads and formats the trials of a Tuner."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx_sequence.pipeline.runs.progress import Trial, format_number

_RESULTS_FILE = "tuner_results.json"
"""The file in the artifact of the stock Tuner that lists the trials that succeeded, best first."""


def read_trials(uri: str) -> list[Trial]:
    """Reads the trials that succeeded from an artifact of the type `TunerResults`, in the order of their numbers."""
    with open(os.path.join(uri, _RESULTS_FILE), encoding="utf-8") as file:
        rows: list[dict[str, Any]] = json.load(file)
    trials = []
    for row in rows:
        # Keras Tuner counts trials from 0.
        number, score = int(row.pop("trial_id")) + 1, row.pop("score")
        trials.append({"number": number, "settings": row, "score": score})
    return sorted(trials, key=lambda trial: trial["number"])


def format_trials(trials: Sequence[Trial]) -> list[str]:
    """Formats trials as the lines of a table. The trial with the highest score is marked.

    ::

        number  score    model.units  model.dropout
        1       0.9123   64           0.3
        2       0.9401   128          0.5            best
        3       failed   256          0.1
        4       running  96           0.2
    """
    names = list(dict.fromkeys(name for trial in trials for name in trial["settings"]))
    rows = [["number", "score", *names, ""]]
    best = max((trial["score"] for trial in trials if trial.get("score") is not None), default=None)
    for trial in trials:
        settings = [_format_setting(trial["settings"].get(name, "")) for name in names]
        is_best = best is not None and trial.get("score") == best
        rows.append([str(trial["number"]), _format_score(trial), *settings, "best" if is_best else ""])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def format_settings(settings: Mapping[str, Any]) -> str:
    """Formats settings as one line, such as `model.units 64  model.dropout 0.3`."""
    return "  ".join(f"{name} {_format_setting(value)}" for name, value in settings.items())


def _format_score(trial: Trial) -> str:
    if "score" not in trial:
        return "running"
    return "failed" if trial["score"] is None else format_number(trial["score"])


def _format_setting(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
