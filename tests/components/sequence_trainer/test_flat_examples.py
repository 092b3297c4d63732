"""What stock Transform writes, and SequenceTransform's flat form, against SequenceExamples of the same data."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from support.flat_corpus import RECORDS, SCHEMA, SPEC, flat
from support.raw_records import BEAM_ARGS
from tfx.components.transform import component as stock_component
from tfx.components.transform import executor as stock_executor
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import channel_utils, standard_artifacts
from tfx.utils import io_utils

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.model.model import build_model
from tfx_sequence.components.sequence_trainer.run_fn import run_fn
from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training import checkpoint
from tfx_sequence.components.sequence_trainer.training.projector import write_projector
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.components.sequence_transform.executor import Executor
from tfx_sequence.schemas.contract import PROGRESS_LOGGER
from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.tfmd.convert import to_schema

pytestmark = pytest.mark.slow

FLAT, SEQUENCE = example_gen_pb2.FORMAT_TF_EXAMPLE, example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE
LABELS = ("tags", "intent")
STOCK = (stock_component.Transform, stock_executor.Executor)
OURS = (SequenceTransform, Executor)


def transform(folder: Path, kind: Any, raw: int, **settings: Any) -> SimpleNamespace:
    """Runs a Transform on the corpus. Returns the folder of its graph and its files by split."""
    component, executor = kind
    schema, examples = standard_artifacts.Schema(), standard_artifacts.Examples()
    schema.uri, examples.uri = str(folder / "schema"), str(folder / "raw")
    io_utils.write_string_file(f"{schema.uri}/schema.pbtxt", SCHEMA if raw == FLAT else str(to_schema(SPEC)))
    examples.split_names = json.dumps(list(RECORDS))
    examples_utils.set_payload_format(examples, raw)
    for split, records in RECORDS.items():
        path = Path(examples.uri, f"Split-{split}", "data-00000-of-00001.gz")
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records:
                writer.write(flat(record) if raw == FLAT else encode(SPEC, record))
    inputs = {"examples": [examples], "schema": [schema]}
    channels = {name: channel_utils.as_channel(artifacts) for name, artifacts in inputs.items()}
    node = component(**channels, disable_statistics=True, disable_analyzer_cache=True, **settings)
    outputs = {}
    for name, channel in node.outputs.items():
        artifact = channel.type()
        artifact.uri = str(folder / name)
        outputs[name] = [artifact]
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS,
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
    )
    executor(context).Do(inputs, outputs, node.exec_properties)
    written = Path(outputs["transformed_examples"][0].uri)
    files = {split: sorted(map(str, (written / f"Split-{split}").iterdir())) for split in RECORDS}
    return SimpleNamespace(graph_path=outputs["transform_graph"][0].uri, files=files)


WAYS: dict[str, tuple[Any, int, dict[str, Any]]] = {
    "sequences": (OURS, SEQUENCE, {"preprocessing_fn": "support.flat_corpus.our_ids"}),
    "stock": (STOCK, FLAT, {"preprocessing_fn": "support.flat_corpus.stock_ids"}),
    "stock with our ids": (STOCK, FLAT, {"preprocessing_fn": "support.flat_corpus.our_ids"}),
    "stock of sequences": (STOCK, SEQUENCE, {"preprocessing_fn": "support.flat_corpus.stock_ids_without_buckets"}),
    "ours, flat": (OURS, SEQUENCE, {"output_data_format": FLAT}),
}


@pytest.fixture(scope="module")
def make_job(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Job]:
    """Makes the job of one of the ways, each once."""
    made: dict[str, Job] = {}

    def make(way: str) -> Job:
        if way not in made:
            kind, raw, settings = WAYS[way]
            done = transform(tmp_path_factory.mktemp("flat"), kind, raw, **settings)
            args = SimpleNamespace(
                transform_graph_path=done.graph_path,
                custom_config={
                    "model": {"units": 4, "embedding_dim": 3},
                    "training": {"batch_tokens": 8},
                    **({"labels": list(LABELS)} if raw == FLAT else {}),
                },
                hyperparameters=None,
                train_files=done.files["train"],
                eval_files=done.files["eval"],
                base_model=None,
            )
            made[way] = Job.read(args)
        return made[way]

    return make


@pytest.mark.parametrize("way", list(WAYS)[1:])
def test_flat_form_gives_the_batches_of_sequence_examples(make_job: Callable[[str], Job], way: str) -> None:
    job, expected = make_job(way), make_job("sequences")
    assert job.task.inputs == expected.task.inputs
    assert job.task.labels == expected.task.labels
    for split in ("make_train_batches", "make_eval_batches"):
        batches, theirs = (list(getattr(each, split)().make_epoch(0)) for each in (job, expected))
        assert len(batches) == len(theirs)
        for batch, other in zip(batches, theirs, strict=True):
            assert batch.keys() == other.keys()
            for name, value in other.items():
                np.testing.assert_array_equal(batch[name], value, err_msg=name)
                assert batch[name].dtype == value.dtype


def test_ids_are_those_of_a_plain_vocabulary(make_job: Callable[[str], Job]) -> None:
    batches = list(make_job("stock").make_eval_batches().make_epoch(0))
    # By falling frequency, then by value from the end: cat, runs, dog; tags N, V.
    rows = [batch["words"].numpy().tolist() for batch in batches]
    assert rows == [[[2, 2, 2, 2, 2]], [[3, 4, 4]]]
    assert [batch["tags"].numpy().tolist() for batch in batches] == [[[2] * 5], [[1, 2, 2]]]
    assert [batch["intent"].numpy().tolist() for batch in batches] == [[1], [2]]


def test_training_is_not_repeated_when_its_run_was_killed_after_the_export(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, raw, settings = WAYS["sequences"]
    done = transform(tmp_path, kind, raw, **settings)
    monkeypatch.setattr(checkpoint, "WAIT_FACTOR", 0)

    def run(number: int) -> tuple[str, list[str]]:
        """Runs one execution. Returns its exported model, and what it logged."""
        caplog.clear()
        serving_model_dir = str(tmp_path / "model" / str(number))
        run_fn(
            SimpleNamespace(
                transform_graph_path=done.graph_path,
                custom_config={
                    "model": {"units": 4, "embedding_dim": 3},
                    "training": {"batch_tokens": 8, "epochs": 2, "checkpoint_seconds": 1e-6},
                },
                hyperparameters=None,
                train_files=done.files["train"],
                eval_files=done.files["eval"],
                base_model=None,
                model_run_dir=str(tmp_path / "trainer" / "model_run" / str(number)),
                serving_model_dir=serving_model_dir,
            )
        )
        return serving_model_dir, [record.getMessage() for record in caplog.records]

    caplog.set_level(logging.INFO, PROGRESS_LOGGER)
    first, first_log = run(1)
    again, again_log = run(2)
    assert any("epoch" in line for line in first_log)
    assert again_log == ["An earlier run has completed this training; its best weights are exported again"]
    weights, exported_again = (tf.train.load_checkpoint(f"{folder}/variables/variables") for folder in (first, again))
    names = [name for name in weights.get_variable_to_shape_map() if name.endswith("VARIABLE_VALUE")]
    assert names
    for name in names:
        np.testing.assert_array_equal(exported_again.get_tensor(name), weights.get_tensor(name), err_msg=name)


@pytest.mark.parametrize("way", list(WAYS))
def test_projector_names_the_rows_of_each_form(make_job: Callable[[str], Job], way: str, tmp_path: Path) -> None:
    job = make_job(way)
    model = job.make_model()
    build_model(model, job.make_train_batches())
    write_projector(str(tmp_path), model, job.task, job.transform_output)
    assert (tmp_path / "words_values.tsv").read_text() == "cat\nruns\ndog\n[OOV]\n"


def test_served_flat_records_get_the_answers_of_the_batches(make_job: Callable[[str], Job], tmp_path: Path) -> None:
    job, records = make_job("stock"), RECORDS["eval"]
    model = job.make_model()
    longer, shorter = job.make_eval_batches().make_epoch(0)
    expected = []
    for batch in (shorter, longer):
        outputs = model(batch, training=False)
        expected.append(merged(head.predict(outputs[name], batch["lengths"]) for name, head in model.heads.items()))
    ServingModel(model, job.task, job.transform_output).save(str(tmp_path))
    served = tf.saved_model.load(str(tmp_path)).signatures
    unlabeled = [{name: record[name] for name in ("words", "vector")} for record in records]
    padded = {
        "words": tf.constant([["dog", "new", "", "x", "x"], ["runs"] * 5]),
        "vector": tf.constant([record["vector"] for record in records]),
        "lengths": tf.constant([3, 5], tf.int64),
    }
    answers = served["serving_default"](examples=tf.constant([flat(record) for record in unlabeled]))
    again = served["serve_sequences"](**padded)
    for row, (length, of_row) in enumerate(zip((3, 5), expected, strict=True)):
        for name, value in of_row.items():
            for found in (answers, again):
                real = found[name][row, :length] if name.startswith("tags") else found[name][row]
                if value.dtype == tf.float32:
                    np.testing.assert_allclose(real, value[0], rtol=1e-5, err_msg=name)
                else:
                    np.testing.assert_array_equal(real, value[0], err_msg=name)
    assert answers["tags"].numpy()[0, 3:].tolist() == [b"", b""]
    labelled = tf.constant([flat(record) for record in records])
    features = served["transform_features"](examples=labelled)
    for row, batch in enumerate((shorter, longer)):
        for name, value in batch.items():
            found = features[name][row]
            np.testing.assert_array_equal(found[: value.shape[1]] if name in SPEC.sequence else found, value[0])
    assert served["transformed_labels"](examples=labelled)["intent"].numpy().tolist() == [2, 1]
    evaluated = served["evaluation"](examples=labelled)
    assert evaluated["tags_label"].numpy().tolist() == [[b"N", b"V", b"V", b"", b""], [b"V"] * 5]
    assert served["slices"](examples=labelled)["length_bucket"].numpy().tolist() == [b"3-4", b"5-8"]


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("raw", [FLAT, SEQUENCE])
def test_raw_records_are_refused(make_job: Callable[[str], Job], way: str, raw: int, tmp_path: Path) -> None:
    file = tmp_path / "data-00000-of-00001.gz"
    with tf.io.TFRecordWriter(str(file), "GZIP") as writer:
        for record in RECORDS["train"]:
            writer.write(flat(record) if raw == FLAT else encode(SPEC, record))
    args = SimpleNamespace(
        transform_graph_path=str(Path(make_job(way).transform_output.transform_savedmodel_dir).parent),
        custom_config={"labels": list(LABELS)},
        train_files=[str(file)],
        eval_files=[str(file)],
        base_model=None,
    )
    with pytest.raises(TaskError, match="are not transformed examples of this `transform_graph`: their first record "):
        Job.read(args)


@pytest.mark.parametrize("signature", ["evaluation", "transformed_labels", "transform_features"])
def test_a_label_that_a_flat_record_lacks_is_named(
    make_job: Callable[[str], Job], signature: str, tmp_path: Path
) -> None:
    job = make_job("stock")
    model = job.make_model()
    build_model(model, job.make_train_batches())
    ServingModel(model, job.task, job.transform_output).save(str(tmp_path))
    served = tf.saved_model.load(str(tmp_path)).signatures
    records = [{name: record[name] for name in ("words", "intent", "vector")} for record in RECORDS["eval"]]
    with pytest.raises(tf.errors.InvalidArgumentError, match="`tags` does not have as many steps as `words`"):
        served[signature](examples=tf.constant([flat(record) for record in records]))


def merged(answers: Iterable[dict[str, tf.Tensor]]) -> dict[str, tf.Tensor]:
    return {name: value for each in answers for name, value in each.items()}


def test_labels_must_be_told_where_the_schema_has_no_roles(make_job: Callable[[str], Job]) -> None:
    graph = make_job("stock").transform_output
    with pytest.raises(TaskError, match=r"no transformed feature has the role 'label'.*SequenceTrainer\(labels="):
        SequenceTask.load(graph)
    with pytest.raises(TaskError, match="`labels` names 'tag', but the transformed features are intent, vector, tags"):
        SequenceTask.load(graph, ["tag"])
    assert [label.name for label in SequenceTask.load(graph, ["tags"]).labels] == ["tags"]
