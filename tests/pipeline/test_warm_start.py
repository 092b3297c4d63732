"""A pipeline that is run again: training starts from the first model's weights, and metrics have intervals."""

from __future__ import annotations

import io
import json
import logging
import random
import re
from pathlib import Path
from typing import NamedTuple

import pytest
import tensorflow as tf
from tfx.components.infra_validator import request_builder
from tfx.proto import infra_validator_pb2
from tfx.types import standard_artifacts

from tfx_sequence.pipeline import runner
from tfx_sequence.pipeline.config_file import load_config
from tfx_sequence.pipeline.display import display_on
from tfx_sequence.pipeline.pipeline import create_pipeline
from tfx_sequence.pipeline.report import Report

pytestmark = pytest.mark.slow

CONFIG = """
[pipeline]
name = "small"

[data]
input = "data"
format = "jsonl"
files = { train = "train.jsonl", eval = "eval.jsonl", test = "test.jsonl" }

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
"""

WORDS = {"cat": "N", "dog": "N", "tree": "N", "runs": "V", "sleeps": "V", "the": "D"}
MORE = {"aardvark": "N", "ambles": "V"}
"""Words of the second run, which change the ids of those that were there before."""


class Run(NamedTuple):
    """What a run came to.

    Attributes:
      report: As the command reports it.
      root: Of the artifacts.
      eval_losses: By epoch.
      said: What the trainer logged of a warm start.
    """

    report: Report
    root: Path
    eval_losses: list[float]
    said: list[str]

    def output(self, component: str, name: str) -> str:
        """The newest output of a component."""
        return str(max((self.root / component / name).iterdir(), key=lambda path: int(path.name)))


class _Log(logging.Handler):
    """Keeps the loss of each epoch, and what is said."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.eval_losses: list[float] = []
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        figures = getattr(record, "progress", None)
        if "Warm start" in record.getMessage():
            self.said.append(record.getMessage())
        elif figures and "eval_loss" in figures:
            self.eval_losses.append(figures["eval_loss"])


def _write(folder: Path, words: dict[str, str]) -> None:
    rng = random.Random(1)
    for split, count in {"train": 80, "eval": 40, "test": 160}.items():
        picked = [rng.choices(list(words), k=rng.randint(1, 6)) for _ in range(count)]
        picked[0] = list(words)
        records = [{"words": some, "tags": [words[word] for word in some]} for some in picked]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")


def _run(file: Path, text: str) -> Run:
    file.write_text(text, encoding="utf-8")
    config = load_config(str(file))
    log = _Log()
    loggers = [logging.getLogger(name) for name in ("tfx_sequence.progress", "absl")]
    for logger in loggers:
        logger.addHandler(log)
        logger.setLevel(logging.INFO)
    with display_on(io.StringIO()) as display:
        result = runner.run(create_pipeline(config), display)
    for logger in loggers:
        logger.removeHandler(log)
    assert result.error is None, result.error
    return Run(Report(config, result), Path(config.pipeline.artifacts_dir), log.eval_losses, log.said)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The first run, which finds no model to start from, and one of more words that starts from the first's."""
    folder = tmp_path_factory.mktemp("warm_start")
    (folder / "data").mkdir()
    file = folder / "pipeline.toml"
    _write(folder / "data", WORDS)
    first = _run(file, CONFIG)
    _write(folder / "data", WORDS | MORE)
    second = CONFIG.replace("epochs = 4", "epochs = 1") + "[evaluation]\nconfidence_intervals = true\n"
    return first, _run(file, second)


def test_a_warm_start_begins_with_a_better_loss_than_a_cold_one(runs: tuple[Run, Run]) -> None:
    cold, *_, trained = runs[0].eval_losses
    (warm,) = runs[1].eval_losses
    assert len(runs[0].eval_losses) == 4
    assert trained < 0.5 * cold
    assert warm < 0.5 * cold


def test_a_warm_start_says_in_one_line_what_it_took(runs: tuple[Run, Run]) -> None:
    assert runs[0].said == []
    (line,) = runs[1].said
    assert re.match(
        r"Warm start: (\d+) of \1 weights are taken from .*/SequenceTrainer/model/\d+/Format-Serving; ", line
    )
    # Padding, six words and unseen ones are known, two words are not.
    assert line.endswith("inputs/embed_words/embeddings (8 of 10 values of words)")


def test_report_gives_the_intervals_of_what_is_uncertain(runs: tuple[Run, Run]) -> None:
    assert runs[0].report.intervals == {}
    report = runs[1].report
    assert {"tags_accuracy", "tags_cross_entropy", "tags_macro_f1"} <= report.intervals.keys()
    assert not {"example_count", "tags_count"} & report.intervals.keys()
    assert report.metrics["example_count"] == 160
    low, high = report.intervals["tags_cross_entropy"]
    assert 0 < low < report.metrics["tags_cross_entropy"] < high
    assert re.search(r"  tags_cross_entropy +\d\.\d{4}  \(\d\.\d{4} to \d\.\d{4}\)\n", report.to_text("/log"))


def test_requests_that_infra_validator_makes_are_requests_that_the_model_answers(runs: tuple[Run, Run]) -> None:
    """As far as it can be tried without Docker: its own code makes the requests, of the real artifacts."""
    run = runs[1]
    model, examples = standard_artifacts.Model(), standard_artifacts.Examples()
    model.uri = run.output("SequenceTrainer", "model")
    examples.uri = run.output("SequenceExampleGen", "examples")
    examples.split_names = '["train", "eval", "test"]'
    examples.set_string_custom_property("payload_format", "FORMAT_TF_SEQUENCE_EXAMPLE")
    spec = infra_validator_pb2.RequestSpec(split_name="test", num_examples=3)
    spec.tensorflow_serving.signature_names.append("serving_default")
    requests = request_builder.build_requests("sequences", model, examples, spec)
    assert len(requests) == 3
    serve = tf.saved_model.load(f"{model.uri}/Format-Serving").signatures["serving_default"]
    for request in requests:
        assert request.model_spec.signature_name == "serving_default"
        answer = serve(**{name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()})
        assert set(answer["tags"].numpy().ravel()) <= {b"N", b"V", b"D"}
        assert int(answer["lengths"][0]) == answer["tags"].shape[1]
