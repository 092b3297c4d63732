"""Reads from ML Metadata how the components of one run ended, and the artifacts that they made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ml_metadata import errors as mlmd_errors
from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from tfx_sequence.pipeline.runs.progress import Status

# Generated code, which type checkers see nothing of.
_mlmd: Any = metadata_store_pb2

_STATUSES: dict[int, Status] = {_mlmd.Execution.COMPLETE: "ran", _mlmd.Execution.CACHED: "reused"}
"""ML Metadata's states of success; every other one is a failure."""


@dataclasses.dataclass(frozen=True)
class OutputArtifact:
    """An artifact that a component made, or reused.

    Attributes:
      type: The artifact type's name, such as `Examples`.
      uri: Where it is.
      properties: Its custom properties in ML Metadata.
    """

    type: str
    uri: str
    properties: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ExecutedComponent:
    """A component that has an execution in ML Metadata.

    Attributes:
      status: `ran`, `reused` or `failed`.
      outputs: Output channel to artifacts; empty if the component failed.
    """

    status: Status
    outputs: Mapping[str, tuple[OutputArtifact, ...]]


def read_executed_components(connection_config: Any, pipeline: Any) -> dict[str, ExecutedComponent]:
    """Reads all that ML Metadata knows about one run.

    Args:
      connection_config: The pipeline's ML Metadata connection.
      pipeline: The compiled pipeline, with the id of its run filled in.

    Returns:
      Component id to how it ended. A component that was not reached has no execution, nor has one that stands under
      a condition that does not hold.
    """
    with metadata.Metadata(connection_config) as connection:
        store = connection.store
        return {
            component: _read_component(store, execution)
            for component, execution in _read_executions(store, pipeline).items()
        }


def _read_executions(store: Any, pipeline: Any) -> dict[str, Any]:
    """Returns component id to its execution in the run."""
    run_id = pipeline.runtime_spec.pipeline_run_id.field_value.string_value
    try:
        run = store.get_context_by_type_and_name("pipeline_run", run_id)
    except mlmd_errors.NotFoundError:
        run = None
    if run is None:
        return {}
    # The context of a node is named `<pipeline>.<component id>`.
    prefix = f"{pipeline.pipeline_info.id}."
    executions = {}
    for execution in store.get_executions_by_context(run.id):
        for context in store.get_contexts_by_execution(execution.id):
            if context.type == "node":
                executions[context.name.removeprefix(prefix)] = execution
    return executions


def _read_component(store: Any, execution: Any) -> ExecutedComponent:
    status = _STATUSES.get(execution.last_known_state, "failed")
    return ExecutedComponent(status, {} if status == "failed" else _read_outputs(store, execution))


def _read_outputs(store: Any, execution: Any) -> dict[str, tuple[OutputArtifact, ...]]:
    events = [event for event in store.get_events_by_execution_ids([execution.id]) if event.type == _mlmd.Event.OUTPUT]
    artifacts = store.get_artifacts_by_id([event.artifact_id for event in events])
    artifacts_by_id = {artifact.id: artifact for artifact in artifacts}
    outputs: dict[str, tuple[OutputArtifact, ...]] = {}
    for event in events:
        artifact = artifacts_by_id[event.artifact_id]
        # A value is a oneof of an integer, a float, a string and others.
        properties = {
            name: getattr(value, value.WhichOneof("value")) for name, value in artifact.custom_properties.items()
        }
        channel = event.path.steps[0].key
        outputs[channel] = (*outputs.get(channel, ()), OutputArtifact(artifact.type, artifact.uri, properties))
    return outputs
