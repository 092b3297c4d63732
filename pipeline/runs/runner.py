"""Runs a pipeline on this machine, under TFX's own LocalDagRunner, and tells what happens."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping
from typing import Any

import absl.logging
from ml_metadata import errors as mlmd_errors
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import local_dag_runner

from tfx_sequence.pipeline.runs.progress import Display, Numbers, Status, training_progress, within_epoch

# LocalDagRunner has no hooks; it logs these, word for word the same in TFX 1.16 and 1.21. They only tell when: how a
# component ended is read from ML Metadata.
_RUNNING = "Component %s is running."
_FINISHED = "Component %s is finished."

# Generated code, which type checkers see nothing of.
_mlmd: Any = metadata_store_pb2

_STATUSES: dict[int, Status] = {_mlmd.Execution.COMPLETE: "ran", _mlmd.Execution.CACHED: "reused"}


@dataclasses.dataclass(frozen=True)
class OutputArtifact:
    """What a component made, or reused.

    Attributes:
      type: The artifact type's name, such as `Examples`.
      uri: Where it is.
      properties: Its custom properties in ML Metadata.
    """

    type: str
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ComponentResult:
    """How a component ended.

    Attributes:
      status: `pending` is a component that was not reached.
      seconds: How long it took.
      outputs: Output channel to artifacts.
    """

    status: Status
    seconds: float
    outputs: Mapping[str, tuple[OutputArtifact, ...]]


@dataclasses.dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
      components: Component id to result, in the order of the pipeline.
      failed: The id of the component that failed, if one did.
      error: What it raised; None if all went well.
      epoch: The numbers of the last epoch that was trained; None if none was.
    """

    components: Mapping[str, ComponentResult]
    failed: str | None = None
    error: BaseException | None = None
    epoch: Numbers | None = None

    def outputs_of_type(self, type_name: str) -> list[OutputArtifact]:
        """The output artifacts of a type, such as `ModelEvaluation`, in the order of the pipeline."""
        channels = (channel for result in self.components.values() for channel in result.outputs.values())
        return [artifact for channel in channels for artifact in channel if artifact.type == type_name]


class NotRunError(RuntimeError):
    """A component did not run, though nothing was raised: TFX found that its inputs were not there."""


def run(pipeline: tfx_pipeline.Pipeline, display: Display) -> RunResult:
    """Runs all components of a pipeline, one after the other, until one fails.

    Args:
      pipeline: Any pipeline with an ML Metadata connection.
      display: Is told of each start and end, and of each epoch of training.

    Returns:
      The results. What a component raised, Ctrl-C included, is in `error`: the results that came before stay of use.
    """
    run = _Run(pipeline, display)
    error: BaseException | None = None
    try:
        with _absl_info(_Events(run)), training_progress(run.trained):
            run.start()
    except (Exception, KeyboardInterrupt) as raised:
        error = raised
        run.stop()
    return run.result(error)


class _Run(local_dag_runner.LocalDagRunner):
    """A LocalDagRunner for one run, which keeps the compiled pipeline and the times."""

    def __init__(self, pipeline: tfx_pipeline.Pipeline, display: Display) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._display = display
        self._compiled: Any = None
        self._statuses: dict[str, Status] = {}
        self._seconds: dict[str, float] = {}
        self._current: str | None = None
        self._since = 0.0
        self._epoch: Numbers | None = None

    def start(self) -> None:
        self.run(self._pipeline)

    def run_with_ir(self, pipeline: Any, run_options: Any = None) -> None:
        # The base class writes the run's id into this very object.
        self._compiled = pipeline
        nodes = [node.pipeline_node.node_info.id for node in pipeline.nodes]
        self._statuses = dict.fromkeys(nodes, "pending")
        self._display.planned(nodes)
        super().run_with_ir(pipeline, run_options)

    def component_started(self, component: str) -> None:
        self._current, self._since = component, time.monotonic()
        self._display.started(component)

    def component_ended(self, component: str) -> None:
        with self._store() as store:
            execution = self._executions(store).get(component)
        # What stands under a condition that does not hold is finished without an execution.
        self._end(component, _STATUSES.get(execution.last_known_state, "failed") if execution else "skipped")

    def trained(self, numbers: Numbers) -> None:
        if not within_epoch(numbers):
            self._epoch = numbers
        self._display.trained(numbers)

    def stop(self) -> None:
        """Whatever runs has failed."""
        if self._current is not None:
            self._end(self._current, "failed")

    def result(self, error: BaseException | None) -> RunResult:
        if not self._statuses:
            # It failed before there was anything in ML Metadata.
            return RunResult({}, error=error)
        with self._store() as store:
            executions = self._executions(store)
            components = {
                component: ComponentResult(
                    status=status,
                    seconds=self._seconds.get(component, 0.0),
                    outputs=_outputs(store, executions[component]) if status in ("ran", "reused") else {},
                )
                for component, status in self._statuses.items()
            }
        failed = next((name for name, status in self._statuses.items() if status == "failed"), None)
        if error is None and failed is not None:
            error = NotRunError("it did not run: its inputs are not there. The log tells which")
        return RunResult(components, failed, error, self._epoch)

    def _end(self, component: str, status: Status) -> None:
        self._statuses[component], self._current = status, None
        self._seconds[component] = time.monotonic() - self._since
        self._display.ended(component, status, self._seconds[component])

    @contextlib.contextmanager
    def _store(self) -> Iterator[Any]:
        with metadata.Metadata(self._pipeline.metadata_connection_config) as connection:
            yield connection.store

    def _executions(self, store: Any) -> dict[str, Any]:
        """Component id to its execution in this run."""
        run_id = self._compiled.runtime_spec.pipeline_run_id.field_value.string_value
        try:
            context = store.get_context_by_type_and_name("pipeline_run", run_id)
        except mlmd_errors.NotFoundError:
            context = None
        if context is None:
            return {}
        prefix = f"{self._compiled.pipeline_info.id}."
        return {
            node.name.removeprefix(prefix): execution
            for execution in store.get_executions_by_context(context.id)
            for node in store.get_contexts_by_execution(execution.id)
            if node.type == "node"
        }


def _outputs(store: Any, execution: Any) -> dict[str, tuple[OutputArtifact, ...]]:
    events = [event for event in store.get_events_by_execution_ids([execution.id]) if event.type == _mlmd.Event.OUTPUT]
    artifacts = {
        artifact.id: artifact for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    outputs: dict[str, tuple[OutputArtifact, ...]] = {}
    for event in events:
        artifact, channel = artifacts[event.artifact_id], event.path.steps[0].key
        properties = {
            name: getattr(value, value.WhichOneof("value")) for name, value in artifact.custom_properties.items()
        }
        outputs[channel] = (*outputs.get(channel, ()), OutputArtifact(artifact.type, artifact.uri, properties))
    return outputs


class _Events(logging.Handler):
    """Turns what LocalDagRunner logs into calls."""

    def __init__(self, run: _Run) -> None:
        super().__init__(logging.INFO)
        self._run = run

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg not in (_RUNNING, _FINISHED) or not isinstance(record.args, tuple):
            return
        component = str(record.args[0])
        if record.msg == _RUNNING:
            self._run.component_started(component)
        else:
            self._run.component_ended(component)


@contextlib.contextmanager
def _absl_info(handler: logging.Handler) -> Iterator[None]:
    """Hands TFX's log records to `handler`. absl drops those of level INFO before they are made, unless told not to."""
    logger = logging.getLogger("absl")
    verbosity = absl.logging.get_verbosity()
    logger.addHandler(handler)
    # Not the logger's own level, which absl sets again from its verbosity now and then.
    absl.logging.set_verbosity(absl.logging.INFO)
    try:
        yield
    finally:
        absl.logging.set_verbosity(verbosity)
        logger.removeHandler(handler)
