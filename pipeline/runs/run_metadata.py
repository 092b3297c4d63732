"""Reads from ML Metadata how the components of a run ended, and which artifacts they produced."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ml_metadata import errors as mlmd_errors
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from tfx_sequence.pipeline.runs.progress import Status

# The names in this module are generated at run time, so a type checker does not know them.
_mlmd: Any = metadata_store_pb2

_STATUSES: dict[int, Status] = {_mlmd.Execution.COMPLETE: "ran", _mlmd.Execution.CACHED: "reused"}
"""The states of ML Metadata that mean success, and their status. Every other state means that the component failed."""


@dataclasses.dataclass(frozen=True)
class OutputArtifact:
    """An artifact that a component produced or reused.

    Attributes:
      type: The name of the artifact's type, such as `Examples`.
      uri: The folder of the artifact.
      properties: The custom properties of the artifact in ML Metadata, name to value.
    """

    type: str
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ExecutedComponent:
    """A component that has an execution in ML Metadata.

    Attributes:
      status: `ran`, `reused` or `failed`.
      outputs: The name of each output channel to its artifacts. Empty if the component failed.
    """

    status: Status
    outputs: Mapping[str, tuple[OutputArtifact, ...]]


def read_executed_components(connection_config: Any, pipeline: Any) -> dict[str, ExecutedComponent]:
    """Reads which components of one run were executed.

    Args:
      connection_config: The configuration of the connection to ML Metadata, a `ConnectionConfig` proto.
      pipeline: The compiled pipeline, a `Pipeline` proto of TFX that has the id of its run.

    Returns:
      Component id to its execution. A component has no execution if the run ended before it, or if the pipeline runs it
      under a condition that is false.
    """
    with metadata.Metadata(connection_config) as connection:
        store = connection.store
        executions = _read_executions(store, pipeline)
        return {component: _read_component(store, execution) for component, execution in executions.items()}


def _read_executions(store: Any, pipeline: Any) -> dict[str, Any]:
    """Returns component id to the `Execution` proto of the run."""
    run_id = pipeline.runtime_spec.pipeline_run_id.field_value.string_value
    try:
        run = store.get_context_by_type_and_name("pipeline_run", run_id)
    except mlmd_errors.NotFoundError:
        run = None
    if run is None:
        return {}
    executions = {}
    for execution in store.get_executions_by_context(run.id):
        # An execution belongs to several contexts. The one of the type `node` has the name `<pipeline>.<component id>`.
        contexts = store.get_contexts_by_execution(execution.id)
        for node_name in [context.name for context in contexts if context.type == "node"]:
            component = node_name.removeprefix(f"{pipeline.pipeline_info.id}.")
            executions[component] = execution
    return executions


def _read_component(store: Any, execution: Any) -> ExecutedComponent:
    status = _STATUSES.get(execution.last_known_state, "failed")
    outputs = {} if status == "failed" else _read_outputs(store, execution)
    return ExecutedComponent(status, outputs)


def _read_outputs(store: Any, execution: Any) -> dict[str, tuple[OutputArtifact, ...]]:
    """Returns the name of each output channel to its artifacts, in the order in which they were recorded."""
    events = [event for event in store.get_events_by_execution_ids([execution.id]) if event.type == _mlmd.Event.OUTPUT]
    artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
    artifacts_by_id = {artifact.id: artifact for artifact in artifacts}
    outputs: dict[str, tuple[OutputArtifact, ...]] = {}
    for event in events:
        artifact = artifacts_by_id[event.artifact_id]
        output = OutputArtifact(artifact.type, artifact.uri, _read_properties(artifact))
        # The first step of the path is the name of the channel, the second is the position of the artifact in it.
        channel = event.path.steps[0].key
        outputs[channel] = (*outputs.get(channel, ()), output)
    return outputs


def _read_properties(artifact: Any) -> dict[str, Any]:
    # A value is a oneof: it has one field for an integer, one for a float, one for a string, and others.
    return {name: getattr(value, value.WhichOneof("value")) for name, value in artifact.custom_properties.items()}
