"""What a run came to: as text for a person, as one JSON object for a program."""

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
from tfx_sequence.pipeline.runs.progress import number_text, time_text

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult


class RunReport:
    """The result of a run of `config`. Before there is one, or if there is none, its parts are empty."""

    def __init__(self, config: Config | None = None, result: RunResult | None = None) -> None:
        """Reads the metrics of the evaluation, if the run has come so far.

        Raises:
          ValueError: if the run made an evaluation that holds no metrics.
        """
        self.pipeline_root = config.pipeline.artifacts_dir if config else None
        self.components = result.components if result else {}
        evaluations = result.outputs_of_type("ModelEvaluation") if result else []
        self.metrics = read_metrics(evaluations[-1].uri) if evaluations else {}
        self.intervals = read_intervals(evaluations[-1].uri) if evaluations else {}
        self.model = _pushed_model(result) if result else None
        self._config = config
        self._epoch = result.epoch if result else None

    def to_json(self, error: str | None = None) -> str:
        """One line: `metrics`, `model`, `pipeline_root`, `components`; `intervals` and `error` if there are any."""
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
        # A metric of nothing is NaN, which JSON does not have.
        report = json.loads(json.dumps(report), parse_constant=lambda _: None)
        return json.dumps(report if error is None else {**report, "error": error}, ensure_ascii=False)

    def to_text(self, log: str) -> str:
        """How long it took, metrics, places, and what to do next; `log` is one of the places."""
        seconds = sum(result.seconds for result in self.components.values())
        reused = sum(result.status == "reused" for result in self.components.values())
        blocks = [
            f"Finished in {time_text(seconds)}; {reused} of {len(self.components)} components reused",
            _block("Metrics", {name: self._metric(name, value) for name, value in flat(self.metrics)}),
            _block("Places", self._places(log)),
            _block("Next", self._next()),
        ]
        return "\n\n".join(block for block in blocks if block)

    def _metric(self, name: str, value: float) -> str:
        """`0.9424`, or `0.9424  (0.9380 to 0.9468)` with the bounds of its 95% confidence interval."""
        bounds = self.intervals.get(name)
        return number_text(value) + (f"  ({' to '.join(map(number_text, bounds))})" if bounds else "")

    def _places(self, log: str) -> dict[str, str]:
        return {
            "model": near(self.model) if self.model else f"not pushed: {self._why_not_pushed()}",
            "artifacts": near(self.pipeline_root or ""),
            "log": near(log),
        }

    def _why_not_pushed(self) -> str:
        return "; ".join(self._unmet()) or "the evaluation did not bless it"

    def _unmet(self) -> Iterator[str]:
        """What the evaluation should have come to, and did not. How much worse it is than before is not known here."""
        if self._config is None:
            return
        spec = transformed_spec(self._config.spec, self._config.transform)
        wanted = self._config.evaluation
        metrics = list_metrics(spec, further=wanted.metrics)
        bounds = require_accuracy(wanted.thresholds, metrics, wanted.min_accuracy)
        for name, value in flat(self.metrics):
            expected = bounds[name].describe_breach(value) if name in bounds else None
            if expected is not None:
                yield f"{name} is {number_text(value)}, expected {expected}"

    def _next(self) -> dict[str, str]:
        return self._training_hint() | self._model_hint()

    def _training_hint(self) -> dict[str, str]:
        """What to do about a training that ended while the model still became better."""
        epoch = self._epoch
        # The schedules that go down to 0 are made to be at their best in the end.
        if not epoch or not self._config or self._config.training.schedule in ("linear", "cosine"):
            return {}
        if not epoch.get("best_epoch") == epoch["epoch"] == epoch.get("epochs"):
            return {}
        many = f"the last of {epoch['epochs']} epochs was the best"
        return {"train longer": f"{many}: more `epochs` in [training], or a smaller `batch_tokens`, may do better"}

    def _model_hint(self) -> dict[str, str]:
        if not self.model or not self._config:
            return {}
        # The folder of all versions: the command goes on to be right after the next run.
        serving = shlex.quote(near(str(Path(self.model).parent)))
        inputs = [feature for feature in self._config.features.values() if feature.role == "input"]
        if [(feature.kind, feature.context, feature.nested) for feature in inputs] == [("token", False, False)]:
            return {"tag a sentence": f'tfx-sequence predict {serving} "..."'}
        return {"ask about files": f"tfx-sequence predict {serving} --config CONFIG --input FILE --output FOLDER"}


def _pushed_model(result: RunResult) -> str | None:
    """The folder of the version that this run pushed, or that an earlier one did if nothing has changed."""
    for artifact in reversed(result.outputs_of_type("PushedModel")):
        destination = artifact.properties.get("pushed_destination")
        if destination:
            # The artifact holds a copy, which outlives a serving folder that was cleared.
            return str(destination if os.path.isdir(destination) else artifact.uri)
    return None


def flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """The numbers in nested tables, under paths such as `test.accuracy`."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value


def near(path: str) -> str:
    """`path` as it is shortest to type from here: relative if it is below the current folder."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _block(title: str, lines: Mapping[str, str]) -> str:
    width = max(map(len, lines), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in lines.items())]) if lines else ""
