"""Summarises a finished run: as text for a person, as one JSON object for a program."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_evaluator.metric_table import list_metrics
from tfx_sequence.components.sequence_evaluator.thresholds import require_accuracy
from tfx_sequence.components.sequence_transform.config import transformed_spec
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.runs.evaluation_results import read_intervals, read_metrics
from tfx_sequence.pipeline.runs.progress import format_number, format_seconds

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult

_FALLING_SCHEDULES = ("linear", "cosine")
"""Learning-rate schedules that end at 0: their last epoch is the best by design, and says nothing about more epochs."""


class RunReport:
    """The results of a run of `config`; empty before there are any.

    Raises:
      ValueError: if the run made an evaluation that holds no metrics.
    """

    def __init__(self, config: Config | None = None, result: RunResult | None = None) -> None:
        self.pipeline_root = config.pipeline.artifacts_dir if config else None
        self.components = result.components if result else {}
        evaluations = result.outputs_of_type("ModelEvaluation") if result else []
        self.metrics = read_metrics(evaluations[-1].uri) if evaluations else {}
        self.intervals = read_intervals(evaluations[-1].uri) if evaluations else {}
        self.model = _find_pushed_model(result) if result else None
        self._config = config
        self._epoch = result.epoch if result else None

    def to_json(self, error: str | None = None) -> str:
        """Returns one line with `metrics`, `model`, `pipeline_root`, `components`; `intervals`, `error` if any."""
        components = {
            name: {"status": result.status, "seconds": round(result.seconds, 3)}
            for name, result in self.components.items()
        }
        report: dict[str, Any] = {
            "metrics": self.metrics,
            "model": self.model,
            "pipeline_root": self.pipeline_root,
            "components": components,
        }
        if self.intervals:
            report["intervals"] = self.intervals
        # A metric over no steps is NaN, which JSON does not have: it becomes null.
        report = json.loads(json.dumps(report), parse_constant=lambda _: None)
        if error is not None:
            report["error"] = error
        return json.dumps(report, ensure_ascii=False)

    def to_text(self, log: str) -> str:
        """Returns the duration, the metrics, where results lie (`log` among them), and what to do next."""
        seconds = sum(result.seconds for result in self.components.values())
        reused = sum(result.status == "reused" for result in self.components.values())
        metrics = {name: self._format_metric(name, value) for name, value in flatten_metrics(self.metrics)}
        blocks = [
            f"Finished in {format_seconds(seconds)}; {reused} of {len(self.components)} components reused",
            _format_block("Metrics", metrics),
            _format_block("Places", self._describe_places(log)),
            _format_block("Next", {**self._give_training_hint(), **self._give_model_hint()}),
        ]
        return "\n\n".join(block for block in blocks if block)

    def _format_metric(self, name: str, value: float) -> str:
        """Formats a value as `0.9424`, or as `0.9424  (0.9380 to 0.9468)` with its 95% confidence interval."""
        text = format_number(value)
        if name in self.intervals:
            low, high = self.intervals[name]
            text += f"  ({format_number(low)} to {format_number(high)})"
        return text

    def _describe_places(self, log: str) -> dict[str, str]:
        if self.model:
            model = shorten_path(self.model)
        else:
            reasons = "; ".join(self._find_broken_bounds()) or "the evaluation did not bless it"
            model = f"not pushed: {reasons}"
        return {"model": model, "artifacts": shorten_path(self.pipeline_root or ""), "log": shorten_path(log)}

    def _find_broken_bounds(self) -> Iterator[str]:
        """Yields the metrics that miss their bounds. Those compared with an earlier model are not known here."""
        if self._config is None:
            return
        spec = transformed_spec(self._config.spec, self._config.transform)
        evaluation = self._config.evaluation
        metrics = list_metrics(spec, further=evaluation.metrics)
        bounds = require_accuracy(evaluation.thresholds, metrics, evaluation.min_accuracy)
        for name, value in flatten_metrics(self.metrics):
            expected = bounds[name].describe_breach(value) if name in bounds else None
            if expected is not None:
                yield f"{name} is {format_number(value)}, expected {expected}"

    def _give_training_hint(self) -> dict[str, str]:
        """Advises more epochs if training ended while the model still improved."""
        epoch = self._epoch
        if not epoch or not self._config or self._config.training.schedule in _FALLING_SCHEDULES:
            return {}
        if not epoch.get("best_epoch") == epoch["epoch"] == epoch.get("epochs"):
            return {}
        reason = f"the last of {epoch['epochs']} epochs was the best"
        return {"train longer": f"{reason}: more `epochs` in [training], or a smaller `batch_tokens`, may do better"}

    def _give_model_hint(self) -> dict[str, str]:
        """Shows the command that asks the pushed model."""
        if not self.model or not self._config:
            return {}
        # The folder of all versions, not of this one: the command still holds after the next run.
        serving = shlex.quote(shorten_path(str(Path(self.model).parent)))
        inputs = [feature for feature in self._config.features.values() if feature.role == "input"]
        if [(feature.kind, feature.context, feature.nested) for feature in inputs] == [("token", False, False)]:
            return {"tag a sentence": f'tfx-sequence predict {serving} "..."'}
        return {"ask about files": f"tfx-sequence predict {serving} --config CONFIG --input FILE --output FOLDER"}


def _find_pushed_model(result: RunResult) -> str | None:
    """Returns the folder of the version that this run pushed, or an earlier run if nothing has changed since."""
    for artifact in reversed(result.outputs_of_type("PushedModel")):
        destination = artifact.properties.get("pushed_destination")
        if destination:
            # The artifact holds a copy, which is still there after the serving folder was cleared.
            return str(destination if os.path.isdir(destination) else artifact.uri)
    return None


def flatten_metrics(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yields the numbers of nested tables under paths: `{"test": {"accuracy": 0.5}}` -> `("test.accuracy", 0.5)`."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flatten_metrics(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value


def shorten_path(path: str) -> str:
    """Returns `path` relative to the current folder if it is below it, and as it is if not."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _format_block(title: str, lines: Mapping[str, str]) -> str:
    """Formats a title above lines of a name and a text, aligned; empty if there are no lines."""
    if not lines:
        return ""
    width = max(map(len, lines))
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in lines.items())])
