"""Runs a pipeline on this machine with TFX's LocalDagRunner, and reports when each component starts and ends."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfx.orchestration import pipeline as tfx_pipeline

from tfx_sequence.components.compat.local_runner import ReportingLocalDagRunner
from tfx_sequence.pipeline.runs.progress import (
    Display,
    Status,
    TrainingProgress,
    Trial,
    is_within_epoch,
    listen_to_training,
)
from tfx_sequence.pipeline.runs.run_metadata import ExecutedComponent, OutputArtifact, read_executed_components


@dataclasses.dataclass(frozen=True)
class ComponentResult:
    """The outcome of one component in a run.

    Attributes:
      status: The status of the component. It is `pending` if the run ended before the component started.
      seconds: The duration of the component.
      outputs: The name of each output channel to its artifacts.
    """

    status: Status
    seconds: float
    outputs: Mapping[str, tuple[OutputArtifact, ...]]


@dataclasses.dataclass(frozen=True)
class RunResult:
    """The outcome of a run.

    Attributes:
      components: Component id to result, in the order of the pipeline.
      failed_component: The id of the component that failed, or None if no component failed.
      error: The exception that ended the run, or None if the run succeeded.
      epoch: The numbers of the last epoch of training, or None if no model was trained.
      trials: The trials of a Tuner that have ended. Empty if the Tuner was reused.
    """

    components: Mapping[str, ComponentResult]
    failed_component: str | None = None
    error: BaseException | None = None
    epoch: TrainingProgress | None = None
    trials: Sequence[Trial] = ()

    def list_outputs_of_type(self, type_name: str) -> list[OutputArtifact]:
        """Returns the output artifacts of a type, such as `ModelEvaluation`, in the order of the pipeline."""
        channels = (channel for result in self.components.values() for channel in result.outputs.values())
        return [artifact for channel in channels for artifact in channel if artifact.type == type_name]


class NotRunError(RuntimeError):
    """A component did not run because its inputs are missing. TFX itself raises no exception in this case."""


def run(pipeline: tfx_pipeline.Pipeline, display: Display) -> RunResult:
    """Runs all components of a pipeline, one after the other, until one fails.

    Args:
      pipeline: A pipeline that has a connection to ML Metadata.
      display: The display that shows the start and the end of each component, and the epochs of training.

    Returns:
      The results. An exception of a component, or Ctrl-C, is not raised but stored in `error`, so that the results of
      the components before it are not lost.
    """
    progress = _RunProgress(pipeline, display)
    error: BaseException | None = None
    try:
        with listen_to_training(progress.update_training, progress.update_trial):
            ReportingLocalDagRunner(progress).run(pipeline)
    except (Exception, KeyboardInterrupt, SystemExit) as raised:
        error = raised
        progress.fail_running_component()
    return progress.make_result(error)


class _RunningComponent(NamedTuple):
    """The component that runs now, and when it started, in seconds of `time.monotonic`."""

    id: str
    started_at: float


class _RunProgress:
    """Records how far a run has come, and passes each event on to a display.

    The runner calls the methods `plan`, `start_component` and `end_component`. Training calls `update_training`, and a
    Tuner calls `update_trial`.
    """

    def __init__(self, pipeline: tfx_pipeline.Pipeline, display: Display) -> None:
        self._pipeline = pipeline
        self._display = display
        self._compiled_pipeline: Any = None
        self._components: list[str] = []
        self._ended_components: dict[str, ComponentResult] = {}
        self._running: _RunningComponent | None = None
        self._epoch: TrainingProgress | None = None
        self._trials: list[Trial] = []

    def plan(self, compiled: Any) -> None:
        self._compiled_pipeline = compiled
        self._components = [node.pipeline_node.node_info.id for node in compiled.nodes]
        self._display.show_plan(self._components)

    def start_component(self, component: str) -> None:
        self._running = _RunningComponent(component, time.monotonic())
        self._display.show_start(component)

    def end_component(self, component: str) -> None:
        executed = self._read_components().get(component)
        if executed is None:
            # If a component has a condition that is false, TFX ends it without an execution.
            self._end("skipped", {})
        else:
            self._end(executed.status, executed.outputs)

    def update_training(self, progress: TrainingProgress) -> None:
        if not is_within_epoch(progress):
            self._epoch = progress
        self._display.show_training(progress)

    def update_trial(self, trial: Trial) -> None:
        if "score" in trial:
            self._trials.append(trial)
        self._display.show_trial(trial)

    def fail_running_component(self) -> None:
        if self._running is not None:
            self._end("failed", {})

    def make_result(self, error: BaseException | None) -> RunResult:
        if self._compiled_pipeline is None:
            # The pipeline could not be compiled, so ML Metadata knows nothing about it.
            return RunResult({}, error=error)
        pending = ComponentResult("pending", 0.0, {})
        components = {component: self._ended_components.get(component, pending) for component in self._components}
        failed_component = next((name for name, result in components.items() if result.status == "failed"), None)
        if error is None and failed_component is not None:
            # The report of a failure begins with the id of the component, to which "it" refers.
            error = NotRunError("it did not run, because some of its inputs are missing. The log says which inputs")
        return RunResult(components, failed_component, error, self._epoch, self._trials)

    def _end(self, status: Status, outputs: Mapping[str, tuple[OutputArtifact, ...]]) -> None:
        """Records and shows how the running component ended."""
        assert self._running is not None, "a component must start before it ends"
        component, started_at = self._running
        self._running = None
        seconds = time.monotonic() - started_at
        self._ended_components[component] = ComponentResult(status, seconds, outputs)
        self._display.show_end(component, status, seconds)

    def _read_components(self) -> dict[str, ExecutedComponent]:
        return read_executed_components(self._pipeline.metadata_connection_config, self._compiled_pipeline)
