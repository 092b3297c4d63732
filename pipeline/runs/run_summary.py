"""Summarises a finished run, as text for a person or as one JSON object for a program."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx_sequence.components.sequence_evaluator.metric_table import list_metrics
from tfx_sequence.components.sequence_evaluator.thresholds import require_accuracy
from tfx_sequence.components.sequence_transform.config import make_transformed_spec
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.runs.evaluation_results import read_intervals, read_metrics
from tfx_sequence.pipeline.runs.model_questions import name_question, reads_words
from tfx_sequence.pipeline.runs.progress import Trial, format_number, format_seconds
from tfx_sequence.pipeline.runs.run_warnings import find_warnings
from tfx_sequence.pipeline.runs.trials import format_trials, read_trials
from tfx_sequence.schemas.contract import SKIPPED_BATCHES

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runs.runner import RunResult


class RunReport:
    """The results of a run, for a summary.

    Args:
      config: The config of the run. None if it could not be read.
      result: The outcome of the run. None if the pipeline could not be run.

    Attributes:
      pipeline_root: The folder of the artifacts, or None without a config.
      components: Component id to result.
      metrics: The metrics of the last evaluation, by name or by split.
      intervals: Metric name to the lower and the upper bound of its 95% confidence interval.
      model: The folder of the pushed model, or None if no model was pushed.
      is_blessed: Whether no evaluation, and no test of the model's server, refused to bless the model.
      skipped_batches: The number of batches that training passed over because their loss was not finite.
      warnings: What did not end the run, but should be known. Empty if the config or the result is None.
      trials: The trials of a Tuner, in the order in which they ran. Empty if there was no Tuner.

    Raises:
      ValueError: if there is an evaluation artifact without metrics.
    """

    def __init__(self, config: Config | None = None, result: RunResult | None = None) -> None:
        self.pipeline_root = config.pipeline.artifacts_dir if config else None
        self.components = result.components if result else {}
        evaluations = result.list_outputs_of_type("ModelEvaluation") if result else []
        self.metrics = read_metrics(evaluations[-1].uri) if evaluations else {}
        self.intervals = read_intervals(evaluations[-1].uri) if evaluations else {}
        self.model = _find_pushed_model(result) if result else None
        self.is_blessed = _is_blessed(result) if result else True
        self.trials = _list_trials(result) if result else []
        self._config = config
        self._epoch = result.epoch if result else None
        self.warnings = find_warnings(config, result, dict(flatten_metrics(self.metrics))) if config and result else []
        self.skipped_batches = int((self._epoch or {}).get(SKIPPED_BATCHES, 0))

    def to_json(self, error: str | None = None) -> str:
        """Returns the results as one line of JSON.

        The object has the keys `metrics`, `model`, `pipeline_root` and `components`. It also has `warnings` if there
        are any, `intervals` if there are confidence intervals, `trials` if there was a Tuner, `skipped_batches` if
        training passed over batches, and `error` if there is an error message.
        """
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
        if self.warnings:
            report["warnings"] = [dataclasses.asdict(warning) for warning in self.warnings]
        if self.skipped_batches:
            report[SKIPPED_BATCHES] = self.skipped_batches
        if self.trials:
            report["trials"] = [
                {key: value for key, value in trial.items() if key != "trials"} for trial in self.trials
            ]
        # The mean over no steps is NaN. JSON has no NaN, so it is written as null: reading the JSON again replaces it.
        report = json.loads(json.dumps(report), parse_constant=lambda _: None)
        if error is not None:
            report["error"] = error
        return json.dumps(report, ensure_ascii=False)

    def to_text(self, log: str) -> str:
        """Returns the results as text: the duration, the metrics, the folders of the results, and advice.

        Args:
          log: The path of the log, which is shown with the folders.
        """
        seconds = sum(result.seconds for result in self.components.values())
        num_reused = [result.status for result in self.components.values()].count("reused")
        metrics = {name: self._format_metric(name, value) for name, value in flatten_metrics(self.metrics)}
        blocks = [
            f"Finished in {format_seconds(seconds)}; {num_reused} of {len(self.components)} components reused",
            self._describe_skipped_batches(),
            _format_lines("Trials", format_trials(self.trials) if self.trials else []),
            _format_block("Metrics", metrics),
            _format_block("Places", self._describe_places(log)),
            _format_lines("Warnings", self._describe_warnings()),
            _format_block("Next", self._make_model_hint()),
        ]
        return "\n\n".join(block for block in blocks if block)

    def _describe_skipped_batches(self) -> str:
        """Returns a sentence about the batches that training passed over, or an empty text if there are none."""
        if not self.skipped_batches:
            return ""
        batches = "1 batch" if self.skipped_batches == 1 else f"{self.skipped_batches} batches"
        return f"Training passed over {batches} whose loss was not finite; the log names the records"

    def _format_metric(self, name: str, value: float) -> str:
        """Formats a value as `0.9424`, or as `0.9424  (0.9380 to 0.9468)` with its 95% confidence interval."""
        text = format_number(value)
        if name in self.intervals:
            low, high = self.intervals[name]
            text += f"  ({format_number(low)} to {format_number(high)})"
        return text

    def _describe_places(self, log: str) -> dict[str, str]:
        model = shorten_path(self.model) if self.model else f"not pushed: {self.describe_missing_blessing()}"
        places = {"model": model}
        if self.pipeline_root is not None:
            places["artifacts"] = shorten_path(self.pipeline_root)
        return {**places, "log": shorten_path(log)}

    def describe_missing_blessing(self) -> str:
        """Returns which metrics are not within their bounds, or, if none is known, that there was no blessing."""
        return "; ".join(self._describe_broken_bounds()) or "the evaluation did not bless it"

    def _describe_broken_bounds(self) -> Iterator[str]:
        """Yields a sentence about each metric that is not within its bounds.

        Bounds relative to an earlier model are left out, because the metrics of that model are not known here.
        """
        if self._config is None:
            return
        spec = make_transformed_spec(self._config.spec, self._config.transform)
        evaluation = self._config.evaluation
        metrics = list_metrics(spec, additional=evaluation.metrics)
        bounds = require_accuracy(evaluation.thresholds, metrics, evaluation.min_accuracy)
        for name, value in flatten_metrics(self.metrics):
            expected = bounds[name].describe_breach(value) if name in bounds else None
            if expected is not None:
                yield f"{name} is {format_number(value)}, expected {expected}"

    def _describe_warnings(self) -> list[str]:
        """Returns two lines for each warning: what was found, and where to read more."""
        lines = []
        for warning in self.warnings:
            lines += [warning.text, f"  see {shorten_path(warning.see)}"]
        return lines

    def _make_model_hint(self) -> dict[str, str]:
        """Returns the command that asks the pushed model, or nothing if no model was pushed."""
        if not self.model or not self._config:
            return {}
        # The command names the folder of all versions, not the folder of this version, so that it uses the newest model
        # after the next run too.
        serving = shlex.quote(shorten_path(str(Path(self.model).parent)))
        if reads_words(self._config):
            return {name_question(self._config): f'tfx-sequence predict {serving} "..."'}
        return {"ask about files": f"tfx-sequence predict {serving} --config CONFIG --input FILE --output FOLDER"}


def _find_pushed_model(result: RunResult) -> str | None:
    """Returns the folder of the model that this run pushed, or that an earlier run pushed if the Pusher was reused."""
    for artifact in reversed(result.list_outputs_of_type("PushedModel")):
        destination = artifact.properties.get("pushed_destination")
        if destination:
            # The artifact has a copy of the model. The copy is used if somebody has deleted the pushed model.
            return str(destination if os.path.isdir(destination) else artifact.uri)
    return None


def _is_blessed(result: RunResult) -> bool:
    """Returns whether each blessing of the run says yes. A pipeline without an Evaluator has none."""
    evaluated = [artifact.properties.get("blessed") == 1 for artifact in result.list_outputs_of_type("ModelBlessing")]
    # The stock InfraValidator writes a text.
    loaded = [
        artifact.properties.get("blessing_status") == "INFRA_BLESSED"
        for artifact in result.list_outputs_of_type("InfraBlessing")
    ]
    return all([*evaluated, *loaded])


def _list_trials(result: RunResult) -> list[Trial]:
    """Returns the trials of this run, or those of an earlier run if the Tuner was reused."""
    if result.trials:
        return list(result.trials)
    return [trial for artifact in result.list_outputs_of_type("TunerResults") for trial in read_trials(artifact.uri)]


def flatten_metrics(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yields the path and the value of each number in nested tables: `{"test": {"f1": 0.5}}` -> `("test.f1", 0.5)`."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flatten_metrics(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", value


def shorten_path(path: str) -> str:
    """Returns a path relative to the current folder if it is below that folder. If not, the path is not changed."""
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative


def _format_block(title: str, lines: Mapping[str, str]) -> str:
    """Formats a title, and below it one line per name with its text. Returns an empty text if there are no names."""
    width = max(map(len, lines), default=0)
    return _format_lines(title, [f"{name:<{width}}  {text}" for name, text in lines.items()])


def _format_lines(title: str, lines: Sequence[str]) -> str:
    """Formats a title, and below it the lines. Returns an empty text if there are no lines."""
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""
