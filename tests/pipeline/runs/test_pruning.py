import json
import os
import random
from typing import NamedTuple

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.types import standard_artifacts

from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.runs.pruning import find_prunable, prune
from tfx_sequence.pipeline.runs.run_lock import lock_root

COMPONENTS = {"Gen": "Examples", "Trainer": "Model", "Evaluator": "ModelBlessing"}


class History(NamedTuple):
    """A pipeline in ML Metadata: its settings and its store."""

    pipeline: object
    store: metadata_store.MetadataStore

    def add_run(self, name, blessed=True, succeeds=True, reused=(), imported=None):
        """Adds a run. Returns component to the id of its artifact. The artifacts in `reused` are those of a cache."""
        pipeline, store = self
        properties = {"name": mlmd.STRING}
        run_type = store.put_context_type(mlmd.ContextType(name="pipeline_run"), can_add_fields=True)
        pipeline_type = store.put_context_type(mlmd.ContextType(name="pipeline"), can_add_fields=True)
        found = store.get_context_by_type_and_name("pipeline", pipeline.name)
        contexts = [mlmd.Context(type_id=run_type, name=name)]
        contexts += [] if found else [mlmd.Context(type_id=pipeline_type, name=pipeline.name)]
        run_id = store.put_contexts(contexts)[0]
        pipeline_id = store.get_context_by_type_and_name("pipeline", pipeline.name).id
        made = {}
        for component, type_name in COMPONENTS.items():
            execution_type = store.put_execution_type(mlmd.ExecutionType(name=component), can_add_fields=True)
            artifact_type = store.put_artifact_type(
                mlmd.ArtifactType(name=type_name, properties=properties), can_add_fields=True
            )
            fails = component == "Evaluator" and not succeeds
            state = mlmd.Execution.FAILED if fails else mlmd.Execution.COMPLETE
            (execution,) = store.put_executions([mlmd.Execution(type_id=execution_type, last_known_state=state)])
            store.put_attributions_and_associations(
                [], [mlmd.Association(execution_id=execution, context_id=each) for each in (run_id, pipeline_id)]
            )
            events = []
            if component != "Gen":
                events.append(make_event(made["Gen"], execution, mlmd.Event.INPUT))
            if component in dict(reused):
                made[component] = dict(reused)[component]
            elif not fails:
                uri = imported if component == "Gen" and imported else self.folder(component, execution)
                os.makedirs(uri, exist_ok=True)
                with open(os.path.join(uri, "data"), "w") as file:
                    file.write("data")
                artifact = mlmd.Artifact(type_id=artifact_type, uri=uri, state=mlmd.Artifact.LIVE)
                if component == "Evaluator":
                    artifact.custom_properties["blessed"].int_value = int(blessed)
                    artifact.custom_properties["current_model_id"].int_value = made["Trainer"]
                (made[component],) = store.put_artifacts([artifact])
            if component in made:
                events.append(make_event(made[component], execution, mlmd.Event.OUTPUT))
            store.put_events(events)
            os.makedirs(f"{pipeline.artifacts_dir}/{component}/.system/executor_execution/{execution}", exist_ok=True)
        return made

    def folder(self, component, execution):
        return f"{self.pipeline.artifacts_dir}/{component}/out/{execution}"

    def exists(self, artifact_id):
        """Whether an artifact is whole: for ML Metadata and on the disk. It must not be one without the other."""
        (artifact,) = self.store.get_artifacts_by_id([artifact_id])
        is_there = os.path.exists(os.path.join(artifact.uri, "data"))
        assert is_there == (artifact.state == mlmd.Artifact.LIVE)
        return is_there

    def resolve(self):
        """Returns the id of the model that TFX's resolver finds among the live artifacts."""
        inputs = {}
        for kind in (standard_artifacts.Model, standard_artifacts.ModelBlessing):
            inputs[kind.TYPE_NAME] = []
            for each in self.store.get_artifacts_by_type(kind.TYPE_NAME):
                if each.state == mlmd.Artifact.LIVE:
                    artifact = kind()
                    artifact.set_mlmd_artifact(each)
                    inputs[kind.TYPE_NAME].append(artifact)
        return [model.id for model in LatestBlessedModelStrategy().resolve_artifacts(None, inputs)["Model"]]


def make_event(artifact, execution, kind):
    path = mlmd.Event.Path(steps=[mlmd.Event.Path.Step(key="out"), mlmd.Event.Path.Step(index=0)])
    return mlmd.Event(artifact_id=artifact, execution_id=execution, type=kind, path=path)


@pytest.fixture
def history(config_file):
    pipeline = load_config(config_file).pipeline
    os.makedirs(pipeline.root)
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = pipeline.metadata_path
    config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    return History(pipeline, metadata_store.MetadataStore(config))


def prune_runs(history, keep):
    prunable = find_prunable(history.pipeline, keep)
    prune(history.pipeline, prunable)
    return prunable


def test_old_runs_are_removed_and_the_latest_blessed_model_stays(history):
    runs = [history.add_run(f"run{number}", blessed=number == 1) for number in range(5)]
    prunable = prune_runs(history, keep=2)
    assert prunable.runs == ("run0", "run1", "run2")
    kept = [{component for component, artifact in run.items() if history.exists(artifact)} for run in runs]
    assert kept == [set(), {"Trainer", "Evaluator"}, set(), set(COMPONENTS), set(COMPONENTS)]
    assert history.resolve() == [runs[1]["Trainer"]]
    # Of the three runs, the folders of two whole ones and the examples of the third, and a folder of each execution.
    assert len(prunable.paths) == 7 + 9
    assert not any(map(os.path.exists, prunable.paths))


def test_artifacts_that_a_kept_run_has_reused_or_read_stay(history):
    first = history.add_run("run0")
    second = history.add_run("run1", reused=[("Gen", first["Gen"])])
    prune_runs(history, keep=1)
    assert {component for component, artifact in first.items() if history.exists(artifact)} == {"Gen"}
    assert all(map(history.exists, second.values()))


def test_failed_runs_neither_count_nor_lose_what_the_next_run_reuses(history):
    runs = [history.add_run(f"run{number}", succeeds=number < 2) for number in range(4)]
    assert find_prunable(history.pipeline, 3).runs == ()
    assert prune_runs(history, keep=1).runs == ("run0",)
    for run in runs[1:]:
        assert all(map(history.exists, run.values()))


def test_newest_artifact_of_each_output_stays_though_its_run_is_old(history):
    history.add_run("run0")
    odd = history.add_run("run1")
    # Later runs have read data that was made before: the newest examples are those of the old run.
    others = [history.add_run(f"run{number}", reused=[("Gen", 1)]) for number in (2, 3)]
    prune_runs(history, keep=1)
    assert history.exists(odd["Gen"])
    assert not history.exists(odd["Trainer"])
    assert all(map(history.exists, others[1].values()))


def test_nothing_outside_of_the_artifacts_of_this_pipeline_is_removed(history, tmp_path):
    imported = history.add_run("run0", imported=str(tmp_path / "mine"))
    state = f"{history.pipeline.artifacts_dir}/Trainer/state/abc"
    os.makedirs(state)
    os.makedirs(f"{history.pipeline.root}/serving/1")
    for number in (1, 2):
        history.add_run(f"run{number}")
    other = History(history.pipeline.model_copy(update={"name": "other"}), history.store)
    of_other = other.add_run("other0")
    prune_runs(history, keep=1)
    assert history.exists(imported["Gen"])
    assert not history.exists(imported["Trainer"])
    assert os.path.exists(state)
    assert os.path.exists(f"{history.pipeline.root}/serving/1")
    assert all(map(history.exists, of_other.values()))


def test_prune_keeps_what_the_rules_say_for_any_history(history):
    moments = random.Random(0)
    runs = []
    for number in range(12):
        reused = [(name, artifact) for name, artifact in (runs[-1] if runs else {}).items() if moments.random() < 0.3]
        runs.append(history.add_run(f"run{number}", moments.random() < 0.2, moments.random() < 0.7, reused))
    resolved = history.resolve()
    newest = [max(run[name] for run in runs if name in run) for name in COMPONENTS]
    for keep in (4, 2, 1):
        prune_runs(history, keep)
        assert history.resolve() == resolved
        assert all(map(history.exists, newest))
        successful = [number for number, run in enumerate(runs) if "Evaluator" in run]
        for run in runs[successful[-keep] :]:
            assert all(map(history.exists, run.values()))
    live = sum(history.exists(artifact.id) for artifact in history.store.get_artifacts())
    assert live < len(history.store.get_artifacts())


def test_command_shows_first_and_removes_with_yes(history, config_file, capfd):
    runs = [history.add_run(f"run{number}") for number in range(3)]
    os.makedirs(history.pipeline.logs_dir)
    for name, time in (("old.log", 1), ("new.log", 1 << 40), ("notes.txt", 1)):
        path = f"{history.pipeline.logs_dir}/{name}"
        with open(path, "w") as file:
            file.write("log")
        os.utime(path, (time, time))
    arguments = ["prune", str(config_file), "--keep-runs", "1"]
    assert main(arguments) == 0
    out = capfd.readouterr().out.splitlines()
    assert out[-1] == f"would remove {len(out) - 1} folders and files of 2 runs, 27 bytes; --yes removes them"
    assert all(map(history.exists, runs[0].values()))
    assert main([*arguments, "--yes", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["removed"], report["runs"], report["paths"]) == (True, ["run0", "run1"], out[:-1])
    assert not any(map(history.exists, runs[0].values()))
    assert sorted(os.listdir(history.pipeline.logs_dir)) == ["new.log", "notes.txt"]
    assert main(arguments) == 0
    assert capfd.readouterr().out == "nothing to remove\n"


def test_command_does_not_run_beside_a_run(history, config_file, capfd):
    history.add_run("run0")
    with lock_root(history.pipeline.root):
        assert main(["prune", str(config_file)]) == 2
    assert "is in use by process" in capfd.readouterr().err


def test_pipeline_without_a_run_has_nothing_to_remove(config_file, capfd):
    assert main(["prune", str(config_file)]) == 0
    assert capfd.readouterr().out == "nothing to remove\n"
    assert not (config_file.parent / "runs").exists()
    assert main(["prune", str(config_file), "--keep-runs", "0"]) == 2
