"""One pipeline with most of what a config can ask for: run, run again on more words, and begun anew elsewhere.

The first run finds no model to start from or to compare with. The second starts from the weights of the first one's
model, compares the two models, and gives intervals.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tensorflow as tf
from tfx.components.infra_validator import request_builder
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import local_dag_runner
from tfx.proto import infra_validator_pb2
from tfx.types import standard_artifacts

from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.pipeline import create_pipeline
from tfx_sequence.pipeline.runs import runner
from tfx_sequence.pipeline.runs.display import PlainDisplay
from tfx_sequence.pipeline.runs.progress import TrainingProgress
from tfx_sequence.pipeline.runs.run_summary import RunReport
from tfx_sequence.schemas.contract import PROGRESS_LOGGER

pytestmark = pytest.mark.slow

CONFIG = """
[pipeline]
name = "small"

[data]
input = "data"
format = "jsonl"
files = { train = "train.jsonl", eval = "eval.jsonl", test = "test.jsonl" }
on_bad_record = "reject"
max_reject_fraction = 0.1

[features]
words = { kind = "token" }
tags = { kind = "categorical", role = "label" }

[model]
units = 8
embedding_dim = 8
word_dropout = 0.2

[training]
epochs = 4
batch_tokens = 32
learning_rate = 0.02
warm_start = true

[tuning]
space = { "training.learning_rate" = [0.02, 0.03] }
trials = 2

[evaluation]
slices = ["length_bucket"]
thresholds = { tags_accuracy = { at_least = 0.0, worse_by = 1.0 } }

[serving]
infer = ["test"]
"""
SECOND = (
    CONFIG.replace("epochs = 4", "epochs = 1\nseed = 2")
    .replace("trials = 2", "trials = 1")
    .replace("[evaluation]", "[evaluation]\nconfidence_intervals = true")
)

WORDS = {"cat": "N", "dog": "N", "<pad>": "N", "runs": "V", "0": "V", "the": "D", "": "X"}
MORE = {"aardvark": "N", "ambles": "V"}
"""Words of the second run, which change the ids of those that were there before."""

SPLITS = {"train": 80, "eval": 40, "test": 160}


class Run(NamedTuple):
    """What a run came to.

    Attributes:
      folder: Of the config and the data.
      result: As the runner tells it.
      report: As the command reports it.
      eval_losses: Of the trainer, by epoch.
      said: What the trainer logged of a warm start.
    """

    folder: Path
    result: runner.RunResult
    report: RunReport
    eval_losses: list[float]
    said: list[str]

    def output(self, component: str, name: str) -> Path:
        (artifact,) = self.result.components[component].outputs[name]
        return Path(artifact.uri)

    def ran(self, *components: str) -> bool:
        return {self.result.components[name].status for name in components} == {"ran"}


class _LossDisplay(PlainDisplay):
    """Keeps the loss of each of the trainer's epochs."""

    def __init__(self) -> None:
        super().__init__(io.StringIO())
        self.eval_losses: list[float] = []

    def show_start(self, component: str) -> None:
        # The losses before are those of the Tuner.
        if component == "SequenceTrainer":
            self.eval_losses.clear()

    def show_training(self, progress: TrainingProgress) -> None:
        if "eval_loss" in progress:
            self.eval_losses.append(progress["eval_loss"])


class _WarmStartLog(logging.Handler):
    """Keeps what is logged about a warm start."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "Warm start" in record.getMessage():
            self.messages.append(record.getMessage())


def _records(split: str, words: dict[str, str]) -> list[dict[str, list[str]]]:
    rng = random.Random(split)
    picked = [rng.choices(list(words), k=rng.randint(1, 6)) for _ in range(SPLITS[split])]
    # Every split has every word.
    picked[0] = list(words)
    return [{"words": some, "tags": [words[word] for word in some]} for some in picked]


def _write(folder: Path, words: dict[str, str]) -> None:
    """The data; line 8 of the train split is no record."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        records = _records(split, words)
        if split == "train":
            records[7]["tags"].append("N")
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")


def _config(folder: Path, text: str) -> Config:
    file = folder / "pipeline.toml"
    file.write_text(text, encoding="utf-8")
    return load_config(str(file))


def _run(folder: Path, text: str) -> Run:
    config = _config(folder, text)
    display, log = _LossDisplay(), _WarmStartLog()
    logger = logging.getLogger(PROGRESS_LOGGER)
    logger.addHandler(log)
    result = runner.run(create_pipeline(config), display)
    logger.removeHandler(log)
    assert result.error is None, result.error
    return Run(folder, result, RunReport(config, result), display.eval_losses, log.messages)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "project"
    _write(folder, WORDS)
    return _run(folder, CONFIG)


@pytest.fixture(scope="module")
def second(first: Run) -> Run:
    _write(first.folder, WORDS | MORE)
    return _run(first.folder, SECOND)


# --- What a config can ask for ----------------------------------------------------------------------------------------


def test_tuner_baseline_slices_and_bulk_inference_run_when_the_config_asks_for_them(first: Run, second: Run) -> None:
    for run, words in ((first, WORDS), (second, WORDS | MORE)):
        assert run.ran("Tuner", "Evaluator", "BulkInferrer")
        assert run.report.metrics["tags_count"] == sum(len(record["tags"]) for record in _records("test", words))
        files = [str(file) for file in run.output("BulkInferrer", "inference_result").glob("*.gz")]
        assert sum(1 for _ in tf.data.TFRecordDataset(files, "GZIP")) == SPLITS["test"]
    assert first.report.model != second.report.model
    # Each trial is reported, and so are its settings.
    for run in (first, second):
        tried = [trial["settings"]["training.learning_rate"] for trial in run.report.trials]
        assert set(tried) <= {0.02, 0.03}
        assert [trial["number"] for trial in run.report.trials] == list(range(1, len(tried) + 1))
    assert len(first.report.trials) == 2
    # The second evaluation had the first model to compare with.
    configs = [(run.output("Evaluator", "evaluation") / "eval_config.json").read_text() for run in (first, second)]
    assert ["isBaseline" in config for config in configs] == [False, True]


def test_the_one_reject_is_counted_and_told(first: Run) -> None:
    (rejects,) = first.output("SequenceExampleGen", "examples").glob("Rejects/*")
    (reject,) = [json.loads(line) for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert (reject["reason"], reject["line"]) == ("unequal_lengths", 8)


def _digests(output: Callable[[str, str], Path]) -> dict[str, str]:
    """File, below its artifact, to the digest of its content; `output` is where a component's artifact is."""
    patterns = {
        ("SequenceExampleGen", "examples"): "Split-*/*",
        ("SequenceTransform", "transformed_examples"): "Split-*/*",
        ("SequenceTransform", "transform_graph"): "transform_fn/assets/*",
    }
    return {
        f"{name}/{file.relative_to(output(component, name))}": hashlib.sha256(file.read_bytes()).hexdigest()
        for (component, name), pattern in patterns.items()
        for file in output(component, name).glob(pattern)
    }


def test_a_run_from_a_clean_folder_gives_the_same_bytes(first: Run, tmp_path: Path) -> None:
    _write(tmp_path / "elsewhere", WORDS)
    config = _config(tmp_path / "elsewhere", CONFIG)
    options = tfx_pipeline.RunOptions(to_nodes=["SequenceTransform"])
    local_dag_runner.LocalDagRunner().run(create_pipeline(config), options)

    def output(component: str, name: str) -> Path:
        (folder,) = Path(config.pipeline.artifacts_dir, component, name).iterdir()
        return folder

    # Three splits of two kinds of examples, and the vocabularies of two features.
    assert len(_digests(first.output)) == 8
    assert _digests(first.output) == _digests(output)


# --- A warm start -----------------------------------------------------------------------------------------------------


def test_a_warm_start_begins_with_a_better_loss_than_a_cold_one(first: Run, second: Run) -> None:
    cold, *_, trained = first.eval_losses
    (warm,) = second.eval_losses
    assert len(first.eval_losses) == 4
    assert trained < 0.5 * cold
    assert warm < 0.5 * cold


def test_a_warm_start_says_in_one_line_what_it_took(first: Run, second: Run) -> None:
    assert first.said == []
    (line,) = second.said
    assert re.match(
        r"Warm start: (\d+) of \1 weights are taken from .*/SequenceTrainer/model/\d+/Format-Serving; ", line
    )
    # Padding, seven words and unseen ones are known, two words are not.
    assert line.endswith("inputs/embed_words/embeddings (9 of 11 values of words)")


# --- What a run leaves ------------------------------------------------------------------------------------------------


def test_report_gives_the_intervals_of_what_is_uncertain(first: Run, second: Run) -> None:
    assert first.report.intervals == {}
    report = second.report
    assert {"tags_accuracy", "tags_cross_entropy", "tags_macro_f1"} <= report.intervals.keys()
    assert not {"example_count", "tags_count"} & report.intervals.keys()
    assert report.metrics["example_count"] == SPLITS["test"]
    low, high = report.intervals["tags_cross_entropy"]
    assert 0 < low < report.metrics["tags_cross_entropy"] < high
    assert re.search(r"  tags_cross_entropy +\d\.\d{4}  \(\d\.\d{4} to \d\.\d{4}\)\n", report.to_text("/log"))


def test_requests_that_infra_validator_makes_are_requests_that_the_model_answers(second: Run) -> None:
    """As far as it can be tried without Docker: its own code makes the requests, of the real artifacts."""
    model, examples = standard_artifacts.Model(), standard_artifacts.Examples()
    model.uri = str(second.output("SequenceTrainer", "model"))
    examples.uri = str(second.output("SequenceExampleGen", "examples"))
    examples.split_names = json.dumps(list(SPLITS))
    examples.set_string_custom_property("payload_format", "FORMAT_TF_SEQUENCE_EXAMPLE")
    spec = infra_validator_pb2.RequestSpec(split_name="test", num_examples=3)
    spec.tensorflow_serving.signature_names.append("serving_default")
    requests: list[Any] = request_builder.build_requests("sequences", model, examples, spec)
    assert len(requests) == 3
    serve = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["serving_default"]
    for request in requests:
        assert request.model_spec.signature_name == "serving_default"
        answer = serve(**{name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()})
        assert {tag.decode() for tag in answer["tags"].numpy().ravel()} <= set(WORDS.values())
        assert int(answer["lengths"][0]) == answer["tags"].shape[1]
