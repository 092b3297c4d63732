"""A LocalDagRunner that reports each component as it starts and ends; the stock class has no hooks.

A LocalDagRunner runs any compiled pipeline that it is given, and a component finds its inputs in ML Metadata, not in
the pipeline. So each component is handed to it as a pipeline of one, all with the id of the same run::

    Read -> Train -> Push    becomes    Read, then Train, then Push
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Protocol

from tfx.dsl.compiler import constants
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.portable import runtime_parameter_utils
from tfx.proto.orchestration import pipeline_pb2

# Generated code, which type checkers see nothing of.
_pipeline_pb2: Any = pipeline_pb2


class RunListener(Protocol):
    """Is told how far a run has come."""

    def plan(self, compiled: Any) -> None:
        """Takes the compiled pipeline, with the id of the run, before the first component starts."""

    def start_component(self, component: str) -> None:
        """Takes the id of a component that starts now."""

    def end_component(self, component: str) -> None:
        """Takes the id of a component that ended, and did not raise. It may have been skipped."""


class ReportingLocalDagRunner(local_dag_runner.LocalDagRunner):
    """A LocalDagRunner that tells a listener of each component."""

    def __init__(self, listener: RunListener) -> None:
        super().__init__()
        self._listener = listener

    def run_with_ir(self, pipeline: Any, run_options: Any = None) -> None:
        """Runs the components of a compiled pipeline, one after the other, until one raises."""
        # The base class fills in an id too, at each call, but not where there is one. Filled in here, once, it is that
        # of all components, and ML Metadata holds them as one run.
        run_id = datetime.datetime.now().isoformat()
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
        )
        self._listener.plan(pipeline)
        for component, alone in _split_by_component(pipeline):
            self._listener.start_component(component)
            super().run_with_ir(alone, run_options)
            self._listener.end_component(component)


def _split_by_component(pipeline: Any) -> Iterator[tuple[str, Any]]:
    """Yields the id of each component, and the compiled pipeline with that component alone."""
    for node in pipeline.nodes:
        alone = _pipeline_pb2.Pipeline()
        alone.CopyFrom(pipeline)
        del alone.nodes[:]
        alone.nodes.append(node)
        yield node.pipeline_node.node_info.id, alone
