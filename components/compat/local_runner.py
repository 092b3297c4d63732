"""Defines a LocalDagRunner that reports when each component starts and ends, as the stock class has no hooks for this.

A LocalDagRunner can run any compiled pipeline, and a component finds its inputs in ML Metadata, not in the pipeline. So
the runner here passes each component to the stock class as a pipeline with one component. All these pipelines have the
same run id::

    Read -> Train -> Push    becomes    Read, then Train, then Push
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Protocol, TypeAlias

from tfx.dsl.compiler import constants
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

# Type checkers cannot see the generated code.
_pipeline_pb2: Any = pipeline_pb2

CompiledPipeline: TypeAlias = Any
"""A `pipeline_pb2.Pipeline`."""


class RunListener(Protocol):
    """Receives the progress of a run."""

    def plan(self, compiled: CompiledPipeline) -> None:
        """Receives the compiled pipeline, which has the run id, before the first component starts."""

    def start_component(self, component: str) -> None:
        """Receives the id of a component before it starts."""

    def end_component(self, component: str) -> None:
        """Receives the id of a component that ended without an error. The component may have been skipped."""


class ReportingLocalDagRunner(local_dag_runner.LocalDagRunner):
    """A LocalDagRunner that reports each component to a listener.

    Args:
      listener: The object that receives the progress.
    """

    def __init__(self, listener: RunListener) -> None:
        super().__init__()
        self._listener = listener

    def run_with_ir(self, pipeline: CompiledPipeline, run_options: Any = None) -> None:
        """Runs the components of a compiled pipeline in order. The first error of a component ends the run."""
        # The base class sets a new run id at each call, but keeps an id that is set already. As the id is set here,
        # all components have the same id, and ML Metadata stores them as one run.
        run_id = datetime.datetime.now().isoformat()
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
        )
        self._listener.plan(pipeline)
        for component, component_pipeline in _split_by_component(pipeline):
            self._listener.start_component(component)
            super().run_with_ir(component_pipeline, run_options)
            self._listener.end_component(component)


def _split_by_component(pipeline: CompiledPipeline) -> Iterator[tuple[str, CompiledPipeline]]:
    """Yields the id of each component, and a copy of the compiled pipeline with this component only."""
    for node in pipeline.nodes:
        component_pipeline = _pipeline_pb2.Pipeline()
        component_pipeline.CopyFrom(pipeline)
        del component_pipeline.nodes[:]
        component_pipeline.nodes.append(node)
        yield node.pipeline_node.node_info.id, component_pipeline
