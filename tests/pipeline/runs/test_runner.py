import logging

import absl.logging
import pytest
from support import tiny_pipeline
from tfx import v1 as tfx
from tfx.orchestration.metadata import Metadata
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing

from tfx_sequence.pipeline.runs import runner


class Recorder:
    """A display that keeps what it is told."""

    def __init__(self):
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def show_message(self, text):
        self.events.append(("say", text))

    def show_plan(self, components):
        self.events.append(("planned", *components))

    def show_start(self, component):
        self.events.append(("started", component))

    def show_end(self, component, status, seconds):
        assert seconds >= 0
        self.events.append(("ended", component, status))

    def show_training(self, numbers):
        self.events.append(("trained", numbers["epoch"]))


@pytest.fixture
def run(tmp_path):
    def run(mode="", recorder=None, **options):
        recorder = recorder or Recorder()
        pipeline = tiny_pipeline.make_pipeline(tmp_path / "root", tmp_path / "serving", mode, **options)
        return runner.run(pipeline, recorder), recorder.events

    return run


def statuses(result):
    return {name: component.status for name, component in result.components.items()}


FIRST_RUN = [
    ("planned", "Read", "Judge"),
    ("started", "Read"),
    ("ended", "Read", "ran"),
    ("started", "Judge"),
    ("trained", 1),
    ("trained", 2),
    ("ended", "Judge", "ran"),
]


def test_run_tells_each_event_in_order_when_all_goes_well(run, tmp_path):
    result, events = run()
    assert events == FIRST_RUN
    assert (result.failed_component, result.error) == (None, None)
    assert statuses(result) == {"Read": "ran", "Judge": "ran"}
    [made] = result.components["Read"].outputs["made"]
    assert made.type == "Examples"
    assert made.uri.startswith(str(tmp_path / "root" / "artifacts" / "Read" / "made"))
    [pushed] = result.list_outputs_of_type("PushedModel")
    assert pushed.properties["pushed_destination"] == str(tmp_path / "serving" / "17")


def test_run_reuses_components_when_nothing_changed(run):
    first, _ = run()
    second, events = run()
    assert events == [
        ("planned", "Read", "Judge"),
        ("started", "Read"),
        ("ended", "Read", "reused"),
        ("started", "Judge"),
        ("ended", "Judge", "reused"),
    ]
    for name in ("Read", "Judge"):
        assert second.components[name].outputs == first.components[name].outputs


def test_run_holds_all_components_as_one_run(run, tmp_path):
    run()
    connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{tmp_path}/root/m.sqlite")
    with Metadata(connection) as handle:
        [context] = handle.store.get_contexts_by_type("pipeline_run")
        assert len(handle.store.get_executions_by_context(context.id)) == 2


def test_run_leaves_the_logger_of_absl_as_it_is(run):
    before = absl.logging.get_verbosity(), list(logging.getLogger("absl").handlers)
    seen = []
    recorder = Recorder()
    recorder.show_start = lambda component: seen.append(
        (absl.logging.get_verbosity(), list(logging.getLogger("absl").handlers))
    )
    run(recorder=recorder)
    assert seen == [before, before]


def test_run_repeats_components_when_the_cache_is_off(run):
    run()
    _, events = run(cache=False)
    assert events == FIRST_RUN


def test_run_keeps_what_came_before_when_a_component_fails(run):
    result, events = run("fail")
    assert events[-1] == ("ended", "Judge", "failed")
    assert result.failed_component == "Judge"
    assert isinstance(result.error, tiny_pipeline.CorpusError)
    assert result.components["Read"].status == "ran"
    assert result.components["Read"].outputs["made"]
    assert result.components["Judge"].outputs == {}
    again, _ = run()
    assert {name: component.status for name, component in again.components.items()} == {
        "Read": "reused",
        "Judge": "ran",
    }


def test_run_is_whole_again_when_it_was_interrupted_before(run):
    result, events = run("interrupt")
    assert events[-1] == ("ended", "Judge", "failed")
    assert isinstance(result.error, KeyboardInterrupt)
    again, _ = run("interrupt")
    assert isinstance(again.error, KeyboardInterrupt), "an execution that was cut off must not pass for a cached one"


def pipeline_of(root, *components):
    return tfx.dsl.Pipeline(
        pipeline_name="resolving",
        pipeline_root=f"{root}/artifacts",
        components=list(components),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{root}/m"),
    )


def test_run_fails_when_tfx_skips_a_component_without_raising(tmp_path):
    latest = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestArtifactStrategy, made=tfx.dsl.Channel(type=Examples)
    ).with_id("Latest")
    judge = tiny_pipeline.Judge(made=latest.outputs["made"], mode="", serving=str(tmp_path))
    result = runner.run(pipeline_of(tmp_path, latest, judge), Recorder())
    assert result.failed_component == "Latest"
    assert str(result.error) == "it did not run, because some of its inputs are missing. The log says which inputs"


def test_run_succeeds_when_a_resolver_finds_no_blessed_model_yet(tmp_path):
    blessed = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=Model),
        model_blessing=tfx.dsl.Channel(type=ModelBlessing),
    ).with_id("Blessed")
    result = runner.run(pipeline_of(tmp_path, tiny_pipeline.Read(), blessed), Recorder())
    assert result.error is None
    assert result.components["Blessed"].status == "ran"


def test_run_succeeds_when_a_condition_leaves_a_component_out(tmp_path):
    read = tiny_pipeline.Read()
    with tfx.dsl.Cond(read.outputs["made"].future()[0].uri == "elsewhere"):
        judge = tiny_pipeline.Judge(made=read.outputs["made"], mode="", serving=str(tmp_path))
    result = runner.run(pipeline_of(tmp_path, read, judge), Recorder())
    assert result.error is None
    assert statuses(result) == {"Read": "ran", "Judge": "skipped"}
