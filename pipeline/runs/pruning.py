"""Finds what old runs have left that nothing reads any more, and removes it when asked to.

These are kept, whatever their age:

- the artifacts that the newest successful runs, and all runs after them, have made, reused or read
- the newest artifact of each output of each component, which a resolver of the latest artifact reads
- the latest blessed model and its blessing, which the Evaluator and a warm start read
- the state of interrupted trainings, the pushed models and ML Metadata itself

ML Metadata keeps a record of each removed artifact, marked as deleted, so that no later run reuses or resolves it.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterable, Iterator
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.orchestration import metadata

from tfx_sequence.pipeline.config.tables import PipelineConfig

# The names in this module are generated at run time, so a type checker does not know them.
_mlmd: Any = metadata_store_pb2

_SUCCESSFUL_STATES = (_mlmd.Execution.COMPLETE, _mlmd.Execution.CACHED)

_INPUT_EVENTS = (_mlmd.Event.INPUT, _mlmd.Event.DECLARED_INPUT)
_OUTPUT_EVENTS = (_mlmd.Event.OUTPUT, _mlmd.Event.DECLARED_OUTPUT, _mlmd.Event.PENDING_OUTPUT)

_SYSTEM_FOLDER = ".system"
"""The folder in which TFX keeps files about the executions of a component."""


@dataclasses.dataclass(frozen=True)
class Prunable:
    """What can be removed from the root of a pipeline.

    Attributes:
      runs: The names of the runs that made it, which are the times of their starts, the oldest first.
      paths: The folders and files to remove, sorted.
      num_bytes: The size of all their files.
      artifact_ids: The ids in ML Metadata of the artifacts to mark as deleted.
    """

    runs: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    num_bytes: int = 0
    artifact_ids: tuple[int, ...] = ()


def find_prunable(pipeline: PipelineConfig, keep_runs: int) -> Prunable:
    """Finds what old runs of a pipeline have left. Nothing is removed.

    Args:
      pipeline: The settings that name the pipeline and its root. Other pipelines in the same store are left alone.
      keep_runs: The number of newest successful runs whose artifacts are kept.
    """
    if not os.path.exists(pipeline.metadata_path):
        return Prunable()
    with metadata.Metadata(metadata.sqlite_metadata_connection_config(pipeline.metadata_path)) as connection:
        history = _History(connection.store, pipeline.name)
        old_runs = history.list_old_runs(keep_runs)
        kept_ids = history.find_kept_artifacts(old_runs)
        artifacts = history.list_artifacts(old_runs)
        kept_paths = [os.path.realpath(artifact.uri) for artifact in history.get_artifacts(kept_ids)]
    artifacts_dir = os.path.realpath(pipeline.artifacts_dir)
    removable = {}
    for artifact in artifacts:
        path = os.path.realpath(artifact.uri)
        # An artifact elsewhere was imported, not made. Two artifacts may be of one folder.
        if artifact.id not in kept_ids and path.startswith(f"{artifacts_dir}/") and not _contains(path, kept_paths):
            removable[artifact.id] = path
    paths = {
        *removable.values(),
        *_list_execution_folders(artifacts_dir, history, old_runs),
        *_list_old_logs(pipeline.logs_dir, history, old_runs),
    }
    chosen = sorted(filter(os.path.exists, paths))
    return Prunable(
        runs=tuple(run.name for run in old_runs),
        paths=tuple(chosen),
        num_bytes=sum(map(_measure, chosen)),
        artifact_ids=tuple(sorted(removable)),
    )


def prune(pipeline: PipelineConfig, prunable: Prunable) -> None:
    """Removes what `find_prunable` has found. Artifacts are marked as deleted first, so that no run uses half of one.

    Raises:
      OSError: if a file cannot be removed.
    """
    if prunable.artifact_ids:
        with metadata.Metadata(metadata.sqlite_metadata_connection_config(pipeline.metadata_path)) as connection:
            artifacts = connection.store.get_artifacts_by_id(list(prunable.artifact_ids))
            for artifact in artifacts:
                artifact.state = _mlmd.Artifact.DELETED
            connection.store.put_artifacts(artifacts)
    for path in prunable.paths:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.remove(path)


class _History:
    """The runs of one pipeline in ML Metadata.

    Args:
      store: The store.
      pipeline_name: The name of the pipeline.
    """

    def __init__(self, store: Any, pipeline_name: str) -> None:
        self._store = store
        context = store.get_context_by_type_and_name("pipeline", pipeline_name)
        executions = store.get_executions_by_context(context.id) if context else []
        self._executions = {execution.id: execution for execution in executions}
        self.runs: list[Any] = []
        self._ids_by_run: dict[int, list[int]] = {}
        for run in store.get_contexts_by_type("pipeline_run"):
            ids = [execution.id for execution in store.get_executions_by_context(run.id)]
            if any(each in self._executions for each in ids):
                self.runs.append(run)
                self._ids_by_run[run.id] = ids
        # The clock may have been set back, but ids only grow.
        self.runs.sort(key=lambda run: run.id)
        self._events = store.get_events_by_execution_ids(list(self._executions)) if executions else []

    def list_old_runs(self, keep_runs: int) -> list[Any]:
        """Returns the runs before the newest `keep_runs` successful ones, the oldest first."""
        successful = [run for run in self.runs if self._has_succeeded(run)]
        if len(successful) < keep_runs:
            return []
        oldest_kept = successful[-keep_runs]
        return [run for run in self.runs if run.id < oldest_kept.id]

    def find_kept_artifacts(self, old_runs: Iterable[Any]) -> set[int]:
        """Returns the ids of the artifacts that a run that is kept, a resolver or a warm start may still read."""
        old_ids = {run.id for run in old_runs}
        kept = set()
        for run in self.runs:
            if run.id not in old_ids:
                kept |= self._list_artifact_ids(run, (*_INPUT_EVENTS, *_OUTPUT_EVENTS))
        return kept | self._find_newest() | self._find_latest_blessed()

    def list_artifacts(self, runs: Iterable[Any]) -> list[Any]:
        """Returns the artifacts that runs have made or reused, without those that are deleted."""
        ids: set[int] = set()
        for run in runs:
            ids |= self._list_artifact_ids(run, _OUTPUT_EVENTS)
        return [artifact for artifact in self.get_artifacts(ids) if artifact.state != _mlmd.Artifact.DELETED]

    def get_artifacts(self, ids: Iterable[int]) -> list[Any]:
        """Returns the artifacts of ids."""
        ids = sorted(ids)
        return list(self._store.get_artifacts_by_id(ids)) if ids else []

    def list_execution_ids(self, run: Any) -> list[int]:
        """Returns the ids of the executions of a run."""
        return self._ids_by_run[run.id]

    def _has_succeeded(self, run: Any) -> bool:
        ids = [each for each in self._ids_by_run[run.id] if each in self._executions]
        states = [self._executions[each].last_known_state for each in ids]
        return all(state in _SUCCESSFUL_STATES for state in states)

    def _list_artifact_ids(self, run: Any, event_types: tuple[Any, ...]) -> set[int]:
        executions = set(self._ids_by_run[run.id])
        events = [event for event in self._events if event.execution_id in executions]
        return {event.artifact_id for event in events if event.type in event_types}

    def _list_outputs(self) -> dict[int, tuple[int, str]]:
        """Returns the id of each artifact that still exists to its component, as a type id, and its output channel."""
        outputs = {}
        for event in self._events:
            if event.type in _OUTPUT_EVENTS:
                execution = self._executions[event.execution_id]
                outputs[event.artifact_id] = (execution.type_id, event.path.steps[0].key)
        live = [each for each in self.get_artifacts(outputs) if each.state == _mlmd.Artifact.LIVE]
        return {artifact.id: outputs[artifact.id] for artifact in live}

    def _find_newest(self) -> set[int]:
        newest: dict[tuple[int, str], int] = {}
        for artifact_id, output in sorted(self._list_outputs().items()):
            newest[output] = artifact_id
        return set(newest.values())

    def _find_latest_blessed(self) -> set[int]:
        """Returns the ids of the model that LatestBlessedModelStrategy finds, and of its blessings."""
        artifacts = self.get_artifacts(self._list_outputs())
        models = {artifact.id for artifact in artifacts if artifact.type == "Model"}
        blessings: dict[int, set[int]] = {}
        for artifact in artifacts:
            properties = artifact.custom_properties
            if artifact.type == "ModelBlessing" and properties["blessed"].int_value == 1:
                blessings.setdefault(properties["current_model_id"].int_value, set()).add(artifact.id)
        blessed = max(models & blessings.keys(), default=None)
        return set() if blessed is None else {blessed, *blessings[blessed]}


def _contains(folder: str, paths: Iterable[str]) -> bool:
    """Returns whether one of the paths is the folder or in it."""
    return any(f"{path}/".startswith(f"{folder}/") for path in paths)


def _list_execution_folders(artifacts_dir: str, history: _History, runs: Iterable[Any]) -> Iterator[str]:
    """Yields the folders of executions in which TFX keeps files about them."""
    components = _list_folders(artifacts_dir)
    for run in runs:
        for component in components:
            yield os.path.join(os.path.realpath(component), _SYSTEM_FOLDER, "stateful_working_dir", run.name)
            for execution in map(str, history.list_execution_ids(run)):
                for kind in ("driver_execution", "executor_execution"):
                    yield os.path.join(os.path.realpath(component), _SYSTEM_FOLDER, kind, execution)


def _list_old_logs(logs_dir: str, history: _History, old_runs: Iterable[Any]) -> Iterator[str]:
    """Yields the logs that were written before the first run that is kept."""
    old_ids = {run.id for run in old_runs}
    kept = [run.create_time_since_epoch for run in history.runs if run.id not in old_ids]
    if not old_ids or not kept or not os.path.isdir(logs_dir):
        return
    for entry in os.scandir(logs_dir):
        if entry.name.endswith(".log") and entry.is_file() and entry.stat().st_mtime * 1000 < min(kept):
            yield os.path.realpath(entry.path)


def _list_folders(parent: str) -> list[str]:
    if not os.path.isdir(parent):
        return []
    return [entry.path for entry in os.scandir(parent) if entry.is_dir(follow_symlinks=False)]


def _measure(path: str) -> int:
    """Returns the size of a file, or of all files in a folder, in bytes."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    files = [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]
    return sum(os.lstat(file).st_size for file in files)
