"""What a run came to: as text for a person, as one JSON object for a program."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfx_sequence.pipeline.config import Config
from tfx_sequence.pipeline.metrics import read_metrics
from tfx_sequence.pipeline.progress import number_text

if TYPE_CHECKING:
    from tfx_sequence.pipeline.runner import RunResult


class Report:
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
        self.model = _pushed_model(result) if result else None

    def to_json(self, error: str | None = None) -> str:
        """One line: `metrics`, `model`, `pipeline_root`, `components`, and `error` if there is one."""
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
        return json.dumps(report if error is None else {**report, "error": error}, ensure_ascii=False)

    def to_text(self, log: str) -> str:
        """Metrics, places, and what to do next."""
        places = {"model": self.model or "not pushed: the evaluation did not bless it", "artifacts": self.pipeline_root}
        blocks = [
            ("Metrics", {name: number_text(value) for name, value in flat(self.metrics)}),
            ("Places", {name: near(place) for name, place in {**places, "log": log}.items() if place}),
        ]
        if self.model:
            serving = shlex.quote(near(str(Path(self.model).parent)))
            blocks.append(("Next", {"tag a sentence": f'tfx-sequence predict {serving} "..."'}))
        return "\n\n".join(_block(title, lines) for title, lines in blocks if lines)


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
    width = max(map(len, lines))
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in lines.items())])
