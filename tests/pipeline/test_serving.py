"""A model that is trained, evaluated, blessed, pushed and served: its numbers are the same wherever they are taken.

One pipeline is run four times, with a bad model, a good one, a bad one again and an Evaluator that fails. What does
not change is read from its cache.
"""

from __future__ import annotations

import ast
import base64
import http.client
import itertools
import json
import logging
import os
import random
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from seqeval.metrics import classification_report
from sklearn.metrics import precision_recall_fscore_support
from support.raw_records import BEAM_ARGS
from tensorflow_serving.apis import prediction_log_pb2
from tfx import v1 as tfx

from tfx_sequence.components.sequence_evaluator import Threshold, make_eval_config
from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceTrainer, TrainingConfig
from tfx_sequence.components.sequence_trainer.serving.signatures import SIGNATURES
from tfx_sequence.components.sequence_transform import SequenceTransform, VocabularyConfig
from tfx_sequence.schemas.records.examples import decode, encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

pytestmark = pytest.mark.slow

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "topic": Feature(kind="categorical", context=True),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "pitch": Feature(kind="vector", width=2, role="label"),
    },
    min_length=0,
)
WORDS = {"ann": "B-PER", "lee": "I-PER", "rome": "B-LOC", "runs": "O", "to": "O", "may": "B-PER"}
SPLITS = {"train": 60, "eval": 40}
BAD = TrainingConfig(epochs=1, learning_rate=1e-12)
GOOD = TrainingConfig(epochs=12, learning_rate=0.03, monitor="tags_accuracy", patience=12)
ENOUGH = {"tags_accuracy": Threshold(at_least=0.6)}


def _records(split: str) -> list[dict[str, Any]]:
    """What a word is decides its tag, but for `may`, which is one of two."""
    rng = random.Random(split)
    records = []
    for number in range(SPLITS[split]):
        words = rng.choices(list(WORDS), k=rng.randint(1, 9)) if number else list(WORDS)
        tags = [WORDS[word] if word != "may" or rng.random() < 0.7 else "O" for word in words]
        pitch = [[len(word) / 4, rng.random()] for word in words]
        intent = "move" if "to" in words else "rest"
        records.append(
            {"words": words, "topic": rng.choice(["a", "b"]), "tags": tags, "intent": intent, "pitch": pitch}
        )
    return records


class Project:
    """The pipeline, and what its runs have left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.epochs: list[dict[str, float]] = []
        for split in SPLITS:
            lines = "".join(json.dumps(record) + "\n" for record in _records(split))
            (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")

    @property
    def versions(self) -> list[Path]:
        return sorted((self.folder / "serving").glob("*"), key=lambda version: int(version.name))

    def output(self, component: str, name: str) -> Path:
        """The newest output of a component."""
        return max((self.folder / "root" / component / name).iterdir(), key=lambda path: int(path.name))

    def run(self, training: TrainingConfig, eval_config: Any) -> None:
        example_gen = SequenceExampleGen(
            input_base=str(self.folder),
            spec=SPEC,
            read=ReadConfig(format="jsonl"),
            input_config=tfx.proto.Input(
                splits=[tfx.proto.Input.Split(name=split, pattern=f"{split}.jsonl") for split in SPLITS]
            ),
        )
        examples = example_gen.outputs["examples"]
        statistics_gen = tfx.components.StatisticsGen(examples=examples)
        schema_gen = SequenceSchemaGen(statistics=statistics_gen.outputs["statistics"], spec=SPEC)
        transform = SequenceTransform(
            examples=examples,
            schema=schema_gen.outputs["schema"],
            transform={"words": VocabularyConfig(affixes=(2,), characters=True)},
            disable_statistics=True,
        )
        trainer = SequenceTrainer(
            examples=transform.outputs["transformed_examples"],
            transform_graph=transform.outputs["transform_graph"],
            model=ModelConfig(units=8, embedding_dim=8),
            training=training,
        )
        latest = tfx.dsl.Resolver(
            strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
            model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
            model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
        ).with_id("latest_blessed")
        model = trainer.outputs["model"]
        evaluator = tfx.components.Evaluator(
            examples=examples,
            model=model,
            baseline_model=latest.outputs["model"],
            eval_config=eval_config,
            example_splits=["eval"],
        )
        blessing = evaluator.outputs["blessing"]
        bulk_inferrer = tfx.components.BulkInferrer(
            examples=examples,
            model=model,
            model_blessing=blessing,
            data_spec=tfx.proto.DataSpec(example_splits=["eval"]),
            model_spec=tfx.proto.ModelSpec(model_signature_name=["bulk_inference"]),
        )
        filesystem = tfx.proto.PushDestination.Filesystem(base_directory=f"{self.folder}/serving")
        pusher = tfx.components.Pusher(
            model=model,
            model_blessing=blessing,
            push_destination=tfx.proto.PushDestination(filesystem=filesystem),
        )
        components = [example_gen, statistics_gen, schema_gen, transform, trainer, latest]
        tfx.orchestration.LocalDagRunner().run(
            tfx.dsl.Pipeline(
                pipeline_name="serving",
                pipeline_root=f"{self.folder}/root",
                metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
                    f"{self.folder}/metadata.sqlite"
                ),
                components=[*components, evaluator, bulk_inferrer, pusher],
                enable_cache=True,
                beam_pipeline_args=BEAM_ARGS,
            )
        )


class _Epochs(logging.Handler):
    """Keeps the figures of each epoch."""

    def __init__(self, kept: list[dict[str, float]]) -> None:
        super().__init__(logging.INFO)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        figures = getattr(record, "progress", {})
        if "eval_loss" in figures:
            self._kept.append(figures)


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The first run: a model with random weights."""
    project = Project(tmp_path_factory.mktemp("serving"))
    project.run(BAD, make_eval_config(SPEC, thresholds=ENOUGH))
    return project


@pytest.fixture(scope="module")
def served(refused: Project) -> Project:
    """The second run: a model that has learnt."""
    logger, handler = logging.getLogger("tfx_sequence.progress"), _Epochs(refused.epochs)
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    slices = ["topic", "length_bucket", "intent"]
    refused.run(GOOD, make_eval_config(SPEC, thresholds=ENOUGH, slices=slices, by_label=True))
    logger.removeHandler(handler)
    return refused


@pytest.fixture(scope="module")
def model(served: Project) -> Any:
    (version,) = served.versions
    return tf.saved_model.load(str(version))


@pytest.fixture(scope="module")
def raw(served: Project) -> dict[str, list[bytes]]:
    """Split to the records as SequenceExampleGen wrote them."""
    folder = served.output("SequenceExampleGen", "examples")
    return {split: _read(folder / f"Split-{split}") for split in SPLITS}


@pytest.fixture(scope="module")
def metrics(served: Project) -> dict[tuple[Any, ...], dict[str, float]]:
    """Slice to the metrics of the stock Evaluator; the empty slice is the whole."""
    result = tfma.load_eval_result(str(served.output("Evaluator", "evaluation")))
    return {
        key: {name: value["doubleValue"] for name, value in figures[""][""].items()}
        for key, figures in result.slicing_metrics
    }


def _read(folder: Path) -> list[bytes]:
    files = sorted(map(str, folder.glob("*")))
    return list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def _blessed(project: Project) -> bool:
    return (project.output("Evaluator", "blessing") / "BLESSED").exists()


# --- Blessing ---------------------------------------------------------------------------------------------------------


def test_a_model_with_random_weights_is_neither_blessed_nor_pushed(refused: Project) -> None:
    # Asked before `served` runs, as fixtures are made when they are first needed.
    blessings = sorted((refused.folder / "root" / "Evaluator" / "blessing").iterdir(), key=lambda path: int(path.name))
    assert (blessings[0] / "NOT_BLESSED").exists()
    assert len(refused.versions) == len(blessings) - 1


def test_a_better_model_is_blessed_and_pushed(served: Project) -> None:
    assert _blessed(served)
    assert len(served.versions) == 1


def test_docs_lines_show_the_metrics_of_an_evaluation(
    served: Project, metrics: dict[tuple[Any, ...], dict[str, float]], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (root / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import tensorflow_model_analysis.*?)```", page, re.DOTALL)
    exec(code.replace("artifacts/Evaluator/evaluation/7", str(served.output("Evaluator", "evaluation"))), {})
    shown = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    assert {name: ast.literal_eval(value)["doubleValue"] for name, value in shown.items()} == metrics[()]


# --- One metric, four ways --------------------------------------------------------------------------------------------


def _score(records: list[dict[str, Any]], answers: list[dict[str, Any]]) -> dict[str, float]:
    """The metrics of labels, by scikit-learn, seqeval and NumPy. Answers are padded with anything."""
    pairs = [(record, answer, len(record["words"])) for record, answer in zip(records, answers, strict=True)]
    truth = [record["tags"] for record, _, _ in pairs]
    tags = [list(answer["tags"][:length]) for _, answer, length in pairs]
    flat = [list(itertools.chain(*each)) for each in (truth, tags)]
    intents = [record["intent"] for record in records], [answer["intent"] for answer in answers]
    errors = np.concatenate([np.array(a["pitch"])[:length] - np.array(r["pitch"]) for r, a, length in pairs])
    spans = classification_report(truth, tags, output_dict=True, zero_division=0)
    return {
        "tags_accuracy": float(np.mean(np.array(flat[0]) == np.array(flat[1]))),
        "tags_count": len(flat[0]),
        "tags_macro_f1": precision_recall_fscore_support(*flat, average="macro", zero_division=0)[2],
        "tags_span_f1": spans["micro avg"]["f1-score"],
        "tags_span_f1/PER": spans["PER"]["f1-score"],
        "intent_accuracy": float(np.mean(np.array(intents[0]) == np.array(intents[1]))),
        "pitch_mae": float(np.abs(errors).mean()),
        "pitch_rmse": float(np.sqrt((errors**2).mean())),
    }


def _texts(value: Any) -> Any:
    """bytes to str, however deep."""
    if isinstance(value, (list, np.ndarray)):
        return [_texts(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


def test_evaluator_gives_the_metrics_that_training_itself_gave(
    served: Project, metrics: dict[tuple[Any, ...], dict[str, float]]
) -> None:
    best = max(served.epochs, key=lambda figures: (figures["eval_tags_accuracy"], -figures["eval_loss"]))
    assert best["epoch"] == served.epochs[-1]["best_epoch"]
    whole = metrics[()]
    common = {name: value for name in whole if (value := best.get(f"eval_{name}")) is not None}
    assert {"tags_accuracy", "tags_span_f1", "intent_accuracy", "pitch_mae", "pitch_rmse"} <= common.keys()
    assert 0.6 < whole["tags_accuracy"] < 1
    for name, value in common.items():
        assert whole[name] == pytest.approx(value, abs=1e-6), name


def test_bulk_inferrers_output_gives_the_evaluators_metrics(
    served: Project, raw: dict[str, list[bytes]], metrics: dict[tuple[Any, ...], dict[str, float]]
) -> None:
    answers: dict[str, dict[str, Any]] = {}
    for data in _read(served.output("BulkInferrer", "inference_result")):
        log = prediction_log_pb2.PredictionLog.FromString(data).predict_log
        (example,) = tf.make_ndarray(log.request.inputs["examples"]).tolist()
        outputs = {name: tf.make_ndarray(proto)[0] for name, proto in log.response.outputs.items()}
        answer = {name: _texts(value) for name, value in outputs.items()}
        (answer["intent"],) = answer["intent"]
        answers[_key(example)] = answer
    got = _score([decode(SPEC, record) for record in raw["eval"]], [answers[_key(record)] for record in raw["eval"]])
    for name, value in got.items():
        assert metrics[()][name] == pytest.approx(value, abs=1e-6), name


def _key(record: bytes) -> str:
    """What a record holds: BulkInferrer writes it anew, with its features in another order."""
    return json.dumps(_columns(record), sort_keys=True, default=repr)


@pytest.fixture(scope="module")
def ask(served: Project, root: Path) -> Iterator[Callable[[list[bytes]], tuple[int, Any]]]:
    """Asks the pushed model, in a server process of its own, over HTTP. Gives status and content."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "benchmarks/serving.py", "--child", "serve", "http", str(port), served.versions[0], "-"]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL) as process:

        def request(method: str, body: str | None = None) -> tuple[int, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            connection.request(method, "/", body)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

        def ask(examples: list[bytes]) -> tuple[int, Any]:
            return request("POST", json.dumps({"examples": [base64.b64encode(each).decode() for each in examples]}))

        while process.poll() is None:
            try:
                request("GET")
                break
            except OSError:
                time.sleep(0.1)
        yield ask
        process.terminate()


def test_served_model_gives_the_evaluators_metrics_over_the_wire(
    ask: Callable[[list[bytes]], tuple[int, Any]],
    raw: dict[str, list[bytes]],
    metrics: dict[tuple[Any, ...], dict[str, float]],
) -> None:
    answers: list[dict[str, Any]] = []
    for start in range(0, len(raw["eval"]), 7):
        status, columns = ask(raw["eval"][start : start + 7])
        assert status == 200
        answers += [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for name, value in _score([decode(SPEC, record) for record in raw["eval"]], answers).items():
        assert metrics[()][name] == pytest.approx(value, abs=1e-6), name


def test_cross_entropy_is_that_of_the_probabilities(
    model: Any, raw: dict[str, list[bytes]], metrics: dict[tuple[Any, ...], dict[str, float]]
) -> None:
    answers = model.signatures["evaluation"](examples=tf.constant(raw["eval"]))
    nats, scores = (answers[f"intent_{name}"].numpy().astype(np.float64) for name in ("cross_entropy", "score"))
    right = answers["intent"].numpy() == answers["intent_label"].numpy()
    # Of two values, the one that was not answered has the rest of the probability.
    expected = -np.log(np.where(right, scores, 1 - scores))
    np.testing.assert_allclose(nats, expected, rtol=1e-3, atol=1e-5)
    whole = metrics[()]
    assert whole["intent_cross_entropy"] == pytest.approx(nats.mean(), abs=1e-6)
    assert whole["intent_bits_per_step"] == pytest.approx(nats.mean() / np.log(2), abs=1e-6)
    steps = answers["lengths"].numpy().sum()
    assert whole["tags_perplexity"] == pytest.approx(
        np.exp(answers["tags_cross_entropy"].numpy().sum() / steps), rel=1e-6
    )


def test_slices_are_measured_by_what_they_hold(
    model: Any, raw: dict[str, list[bytes]], metrics: dict[tuple[Any, ...], dict[str, float]]
) -> None:
    records = [decode(SPEC, record) for record in raw["eval"]]
    columns = model.signatures["serving_default"](examples=tf.constant(raw["eval"]))
    columns = {name: _texts(value.numpy()) for name, value in columns.items()}
    answers = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    buckets = {1: "1", 2: "2", 3: "3-4", 4: "3-4", **dict.fromkeys(range(5, 9), "5-8"), 9: "9-16"}
    for name, of in {
        "topic": lambda record: record["topic"],
        "intent": lambda record: record["intent"],
        "length_bucket": lambda record: buckets[len(record["words"])],
    }.items():
        values = {of(record) for record in records}
        assert {key[0][1] for key in metrics if key and key[0][0] == name} == values
        for value in values:
            which = [at for at, record in enumerate(records) if of(record) == value]
            pairs = [(records[at], answers[at]) for at in which]
            right = [a == b for record, answer in pairs for a, b in zip(record["tags"], answer["tags"], strict=False)]
            figures = metrics[((name, value),)]
            assert figures["example_count"] == len(which)
            assert figures["tags_count"] == len(right)
            assert figures["tags_accuracy"] == pytest.approx(np.mean(right), abs=1e-9)


# --- Skew -------------------------------------------------------------------------------------------------------------


def _columns(record: bytes) -> dict[str, Any]:
    """Name to steps, or to a context feature's values, of any SequenceExample: an independent reader."""
    example = tf.train.SequenceExample.FromString(record)

    def values(feature: Any) -> list[Any]:
        return list(getattr(feature, feature.WhichOneof("kind") or "int64_list").value)

    return {name: values(feature) for name, feature in example.context.feature.items()} | {
        name: [values(step) for step in steps.feature] for name, steps in example.feature_lists.feature_list.items()
    }


def _unpadded(value: Any, length: int) -> list[Any]:
    """One record's part of a padded feature, as `_columns` gives it."""
    if not isinstance(value, list):
        return [value]
    steps = [step if isinstance(step, list) else [step] for step in value[:length]]
    # Ids, unlike numbers, are never 0: of characters, a step has as many as it has.
    return [[each for each in step if isinstance(each, float) or each] for step in steps]


def test_transform_features_gives_what_training_read_of_every_record(
    served: Project, model: Any, raw: dict[str, list[bytes]]
) -> None:
    folder = served.output("SequenceTransform", "transformed_examples")
    for split, records in raw.items():
        columns = model.signatures["transform_features"](examples=tf.constant(records))
        materialised = [_columns(record) for record in _read(folder / f"Split-{split}")]
        names = columns.keys() & materialised[0].keys()
        assert {*SPEC.features, "words_prefix2", "words_suffix2", "words_characters"} <= names
        values = {name: columns[name].numpy().tolist() for name in (*names, "lengths")}
        got = [
            {name: _unpadded(values[name][at], length) for name in names} for at, length in enumerate(values["lengths"])
        ]
        expected = [{name: record[name] for name in names} for record in materialised]
        assert len(got) == SPLITS[split]
        for one, other in zip(*(sorted(some, key=json.dumps) for some in (got, expected)), strict=True):
            assert one == other


# --- Requests ---------------------------------------------------------------------------------------------------------


def _request(words: list[str], topic: str = "a") -> bytes:
    inputs = SequenceSpec(features=SPEC.with_role("input"), min_length=0)
    return encode(inputs, {"words": words, "topic": topic})


def _serve(model: Any, *examples: bytes) -> dict[str, Any]:
    return {
        name: value.numpy()
        for name, value in model.signatures["serving_default"](examples=tf.constant(list(examples))).items()
    }


def test_unseen_values_are_answered_with_labels_of_the_data(model: Any) -> None:
    answer = _serve(model, _request(["never", "seen", ""], topic="other"))
    assert set(_texts(answer["tags"][0])) <= {*WORDS.values()}
    assert answer["intent"][0] in (b"move", b"rest")
    assert ((answer["tags_score"] > 0) & (answer["tags_score"] <= 1)).all()


def test_an_empty_sequence_is_answered_with_padding_alone(model: Any) -> None:
    answer = _serve(model, _request([]), _request(["ann", "runs"]))
    assert answer["lengths"].tolist() == [0, 2]
    for name, padding in {"tags": b"", "tags_id": 0, "tags_score": 0.0}.items():
        assert set(answer[name][0].tolist()) == {padding}
    assert not answer["pitch"][0].any()
    assert answer["intent"][0] in (b"move", b"rest")
    without_list = tf.train.SequenceExample()
    without_list.context.feature["topic"].bytes_list.value.append(b"a")
    for example in (_request([]), without_list.SerializeToString()):
        assert _serve(model, example)["tags"].tolist() == [[b""]]


def test_a_very_long_sequence_is_answered_as_any_other(model: Any) -> None:
    words = ["ann", "runs", "to", "rome"] * 5000
    answer = _serve(model, _request(words), _request(words[:8]))
    assert answer["lengths"].tolist() == [20_000, 8]
    assert b"" not in answer["tags"][0]
    # Nothing but the last steps can tell that more follows.
    np.testing.assert_allclose(answer["tags_score"][0][5000], answer["tags_score"][0][5004], atol=1e-3)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (b"not a proto", "Could not parse example input|Invalid protocol message|Error while parsing"),
        (tf.train.SequenceExample().SerializeToString(), "topic"),
    ],
    ids=["malformed", "without a context feature"],
)
def test_a_bad_request_is_refused_and_the_next_one_is_answered(model: Any, example: bytes, message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        _serve(model, example)
    assert _serve(model, _request(["ann"]))["lengths"].tolist() == [1]


def test_a_bad_request_does_not_end_the_server(ask: Callable[[list[bytes]], tuple[int, Any]]) -> None:
    status, content = ask([b"not a proto"])
    assert (status, list(content)) == (400, ["error"])
    assert ask([_request(["ann"])])[0] == 200


def test_warm_up_requests_are_requests_that_the_model_answers(served: Project, model: Any) -> None:
    path = served.versions[0] / "assets.extra" / "tf_serving_warmup_requests"
    logs = [
        prediction_log_pb2.PredictionLog.FromString(data).predict_log.request
        for data in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert {log.model_spec.signature_name for log in logs} == {"serving_default"}
    asked = [tf.make_ndarray(log.inputs["examples"]).tolist() for log in logs]
    lengths = [_serve(model, *examples)["lengths"].tolist() for examples in asked]
    assert lengths == [[length] * batch for length in (1, 8, 64) for batch in (1, 8)]


def test_saved_model_answers_where_nothing_of_the_pipeline_can_be_imported(served: Project) -> None:
    program = """
import sys
for name in ("keras", "tensorflow_transform", "tensorflow_serving", "tfx", "tfx_sequence"):
    sys.modules[name] = None
import tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
print(sorted(model.signatures))
words, lengths = tf.constant([["ann", "lee"]]), tf.constant([2], tf.int64)
print(model.signatures["serve_sequences"](words=words, topic=tf.constant(["a"]), lengths=lengths)["tags"].shape)
"""
    command = [sys.executable, "-c", program, served.versions[0]]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    signatures, shape = output.splitlines()
    assert signatures == str(sorted(signature.name for signature in SIGNATURES))
    assert shape == "(1, 2)"


# --- What is served stays. These run the pipeline again, so they come last. -------------------------------------------


def test_a_model_that_is_worse_than_the_latest_blessed_one_is_not_pushed(served: Project) -> None:
    before = served.versions
    thresholds = {
        "tags_accuracy": Threshold(worse_by=0.05),
        "pitch_rmse": Threshold(worse_by=0.0),
        "tags_cross_entropy": Threshold(worse_by=0.1),
    }
    served.run(BAD, make_eval_config(SPEC, thresholds=thresholds))
    assert not _blessed(served)
    assert served.versions == before
    result = tfma.load_validation_result(str(served.output("Evaluator", "evaluation")))
    failures = {failure.metric_key.name for each in result.metric_validations_per_slice for failure in each.failures}
    assert failures == set(thresholds)


def test_a_failing_evaluator_leaves_the_old_model_serving(served: Project) -> None:
    before = served.versions
    broken = make_eval_config(SPEC, min_accuracy=0.0)
    broken.model_specs[0].signature_name = "no_such_signature"
    with pytest.raises(Exception, match="no_such_signature"):
        served.run(BAD, broken)
    assert served.versions == before
    tags = tf.saved_model.load(str(before[-1])).signatures["serving_default"](examples=tf.constant([_request(["ann"])]))
    assert tags["tags"].numpy().tolist() == [[b"B-PER"]]
