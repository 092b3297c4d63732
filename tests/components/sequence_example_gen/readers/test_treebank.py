"""The embedded default: a real treebank with documented counts, through the executor and through a pipeline."""

import importlib.metadata
import json
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.components import StatisticsGen
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.executor import Executor
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="FORM"),
        "tags": Feature(kind="categorical", role="label", source="UPOS"),
        "sent_id": Feature(kind="token", role="key", context=True),
    }
)
COUNTS = {"train": 3881, "eval": 485, "test": 485}


@pytest.fixture(scope="module")
def folder():
    files = importlib.metadata.files("turkish-treebanks")
    (folder,) = {Path(file.locate()).parent for file in files if file.suffix == ".conllu"}
    return folder


@pytest.fixture(scope="module")
def component(folder):
    return SequenceExampleGen(
        input_base=str(folder),
        spec=SPEC,
        read=ReadConfig(format="conllu"),
        split=SplitConfig(shares={"train": 8, "eval": 1, "test": 1}, by="index"),
        input_config=example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="all", pattern="*.conllu")]),
    )


@pytest.fixture(scope="module")
def examples(component, tmp_path_factory):
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path_factory.mktemp("examples"))
    properties = {key: value for key, value in component.spec.exec_properties.items() if value is not None}
    Executor().Do({}, {"examples": [examples]}, properties)
    return examples


def read_split(examples, split):
    paths = sorted(str(path) for path in Path(artifact_utils.get_split_uri([examples], split)).iterdir())
    return [decode(SPEC, data.numpy()) for data in tf.data.TFRecordDataset(paths, "GZIP")]


def read_by_hand(folder):
    """The sentences and their splits, by the few lines that the literature's split is described in."""
    for path in sorted(folder.glob("*.conllu")):
        for index, block in enumerate(path.read_text(encoding="utf-8").strip().split("\n\n")):
            rows = [line.split("\t") for line in block.split("\n") if not line.startswith("#")]
            split = "train" if index % 10 < 8 else "eval" if index % 10 == 8 else "test"
            yield split, ([row[1] for row in rows], [row[3] for row in rows])


def test_counts_are_the_documented_ones(examples):
    splits = {split: read_split(examples, split) for split in COUNTS}
    records = [record for split in splits.values() for record in split]
    assert {split: len(records) for split, records in splits.items()} == COUNTS
    assert sum(len(record["tokens"]) for record in records) == 81_370
    assert len({tag for record in records for tag in record["tags"]}) == 14
    assert max(len(record["tokens"]) for record in records) == 88


def test_sentences_are_those_of_the_files(examples, folder):
    want = {}
    for split, sentence in read_by_hand(folder):
        want.setdefault(split, Counter())[str(sentence)] += 1
    for split in COUNTS:
        got = Counter(str((record["tokens"], record["tags"])) for record in read_split(examples, split))
        assert got == want[split]


def test_artifact_says_what_it_holds(examples):
    assert json.loads(examples.split_names) == ["train", "eval", "test"]
    assert examples.get_string_custom_property("payload_format") == "FORMAT_TF_SEQUENCE_EXAMPLE"
    assert examples.get_string_custom_property("file_format") == "tfrecords_gzip"
    counts = {name: examples.get_int_custom_property(f"records_{name}") for name in ("read", "accepted", "rejected")}
    assert counts == {"read": 4851, "accepted": 4851, "rejected": 0}


@pytest.mark.slow
def test_stock_statistics_gen_reads_it_in_a_pipeline_and_a_second_run_is_cached(component, tmp_path):
    connection = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))

    def run():
        statistics = StatisticsGen(examples=component.outputs["examples"])
        LocalDagRunner().run(
            pipeline.Pipeline("p", str(tmp_path / "root"), connection, [component, statistics], enable_cache=True)
        )
        with metadata.Metadata(connection) as store:
            (examples,) = store.store.get_artifacts_by_type("Examples")
            return examples, [str(execution.last_known_state) for execution in store.store.get_executions()]

    examples, _ = run()
    properties = {name: value.string_value or value.int_value for name, value in examples.custom_properties.items()}
    assert properties["payload_format"] == "FORMAT_TF_SEQUENCE_EXAMPLE"
    assert properties["records_accepted"] == 4851
    assert properties["span"] == 0
    assert "web.conllu" in properties["input_fingerprint"] or "num_files:2" in properties["input_fingerprint"]
    counts = {split: statistics_of(tmp_path, split).num_examples for split in COUNTS}
    assert counts == COUNTS
    again, states = run()
    assert again.uri == examples.uri
    assert len(states) == 4


def statistics_of(tmp_path, split):
    from tensorflow_data_validation import load_stats_binary

    (path,) = (tmp_path / "root/StatisticsGen/statistics").glob(f"*/Split-{split}/FeatureStats.pb")
    return load_stats_binary(str(path)).datasets[0]
