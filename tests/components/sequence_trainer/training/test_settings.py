"""What settings do: schedules, what is watched, limits, records of a bad batch, figures, TensorBoard."""

from __future__ import annotations

import json
import logging
import math
from pathlib import Path

import keras
import numpy as np
import pydantic
import pytest
import tensorflow as tf
from support import training_corpus
from support.training_corpus import TASK, batches, new_trainer

from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.heads.base import HeadMetrics
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.monitor import Monitor
from tfx_sequence.components.sequence_trainer.training.projector import write_projector
from tfx_sequence.components.sequence_trainer.training.schedule import learning_rate
from tfx_sequence.components.sequence_trainer.training.state import EpochSums, Outcome


@pytest.mark.parametrize(
    ("schedule", "step", "worse", "expected"),
    [
        ("constant", 0, 0, 1 / 5),
        ("cosine", 3, 0, 4 / 5),
        ("constant", 4, 0, 1),
        ("constant", 90, 3, 1),
        ("linear", 4, 0, 1),
        ("linear", 29, 0, 0.75),
        ("linear", 104, 0, 0),
        ("linear", 200, 0, 0),
        ("cosine", 29, 0, (1 + math.cos(math.pi / 4)) / 2),
        ("cosine", 54, 0, 0.5),
        ("plateau", 50, 3, 1 / 8),
    ],
)
def test_learning_rate_follows_the_schedule(schedule: str, step: int, worse: int, expected: float) -> None:
    config = TrainingConfig(schedule=schedule, warmup_steps=4, learning_rate=0.5)
    assert learning_rate(config, step, 104, worse) == pytest.approx(0.5 * expected, abs=1e-12)


class Figures(HeadMetrics):
    """Metrics with a result that is given."""

    def __init__(self, watched: str, more_is_better: bool, **results: float) -> None:
        self.watched, self.more_is_better, self._results = watched, more_is_better, results

    def update(self, outputs: object, batch: object) -> None:
        raise AssertionError("no batch is added to these")

    def result(self) -> dict[str, float]:
        return self._results


def test_watch_adds_up_what_the_heads_watch_unless_told_otherwise() -> None:
    heads = [
        Figures("tags_f1", True, tags_f1=0.0, tags_accuracy=0.0),
        Figures("next_perplexity", False, next_perplexity=0.0),
    ]
    metrics = {"loss": 2.0, "tags_f1": 0.5, "tags_accuracy": 0.75, "next_perplexity": 8.0}
    assert Monitor(heads, None).score(metrics) == 0.5 - 8
    assert Monitor(heads, "tags_accuracy").score(metrics) == 0.75
    assert Monitor(heads, "next_perplexity").score(metrics) == -8
    assert Monitor(heads, "loss").score(metrics) == -2
    assert Monitor(heads, "loss").score({"loss": math.nan}) == -math.inf
    with pytest.raises(TaskError, match=r"training.monitor is 'f1', but the metrics are \['loss', 'tags_f1'"):
        Monitor(heads, "f1")


@pytest.mark.parametrize(
    ("score", "loss", "better"),
    [(0.6, 9.0, True), (0.5, 1.9, True), (0.5, 2.0, False), (0.4, 0.1, False), (0.5, math.nan, False)],
)
def test_an_epoch_is_better_that_scores_higher_or_the_same_with_less_loss(
    score: float, loss: float, better: bool
) -> None:
    best = Outcome(epoch=1, metrics={"loss": 2.0}, score=0.5)
    assert Outcome(epoch=2, metrics={"loss": loss}, score=score).better_than(best) == better


def test_training_stops_at_max_steps_and_tells_how_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tfx_sequence.components.sequence_trainer.training.training_report._EVERY_SECONDS", 0.0)
    model, trainer = new_trainer(str(tmp_path), epochs=9, max_steps=14, accumulate=1, monitor="tags_accuracy")
    with caplog.at_level(logging.INFO, logger="tfx_sequence.progress"):
        outcome = trainer.fit(batches(), batches(seed=None))
    within = [record.progress for record in caplog.records if "batch" in record.progress]
    epochs = [record.progress for record in caplog.records if "batch" not in record.progress]
    # 60 records are 10 batches of up to 32 steps.
    assert [figures["batch"] for figures in within] == [*range(1, 11), 1, 2, 3, 4]
    assert within[0]["batches"] == 10
    assert all(figures["seconds_left"] >= 0 for figures in within)
    assert [figures["epoch"] for figures in epochs] == [1, 2]
    assert 0.8 < epochs[0]["padding_efficiency"] <= 1
    assert (epochs[0]["best_epoch"], epochs[1]["best_epoch"]) == (1, outcome.epoch)
    assert outcome.score == outcome.metrics["tags_accuracy"]
    assert outcome.score == max(figures["eval_tags_accuracy"] for figures in epochs)
    _check_tensorboard(tmp_path / "tensorboard", model, epochs)


def _check_tensorboard(folder: Path, model: keras.Model, epochs: list[dict[str, float]]) -> None:
    """Scalars and histograms are there, under the epoch's number, and the projector's tables fit."""
    values: dict[tuple[str, str, int], tf.Tensor] = {}
    for part in ("train", "eval"):
        (file,) = (folder / part).iterdir()
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                values[part, value.tag, event.step] = tf.make_ndarray(value.tensor)
    assert values["train", "loss", 2] == pytest.approx(epochs[1]["loss"])
    assert values["eval", "tags_accuracy", 1] == pytest.approx(epochs[0]["eval_tags_accuracy"])
    tables = [name for part, name, step in values if step == 1 and name.endswith("embed_tokens/embeddings")]
    assert len(tables) == 1

    class Vocabularies:
        def vocabulary_file_by_name(self, name: str) -> str | None:
            return "file" if name == "tokens" else None

        def vocabulary_by_name(self, name: str) -> list[bytes]:
            return [b"a\tb", "ö".encode(), b"c", b"d"]

        def num_buckets_for_transformed_feature(self, name: str) -> int:
            return 6

    write_projector(str(folder), model, TASK, Vocabularies())
    names = (folder / "tokens_values.tsv").read_text("utf-8").splitlines()
    vectors = np.loadtxt(folder / "tokens_vectors.tsv", delimiter="\t")
    (table,) = (weight for weight in model.weights if weight.path.endswith("embed_tokens/embeddings"))
    assert names[:4] == ["a b", "ö", "c", "d"]
    assert len(names) == len(vectors) == 5
    np.testing.assert_allclose(vectors, table.numpy()[1:], rtol=1e-3, atol=1e-5)
    assert "tokens_values.tsv" in (folder / "projector_config.pbtxt").read_text()


def test_training_names_the_records_of_a_batch_whose_loss_is_not_finite(tmp_path: Path) -> None:
    saved = Checkpoint(str(tmp_path / "state"), "key")
    _, trainer = new_trainer(str(tmp_path), saved)
    path = tmp_path / "state" / "key" / "bad_batch.json"
    with pytest.raises(TaskError) as raised:
        trainer.fit(batches(bad=17), batches(seed=None))
    assert str(raised.value).startswith("the loss or its gradient is not finite (the loss is ")
    assert str(raised.value).endswith(f"The batch's records are listed in {path}")
    told = json.loads(path.read_text())
    expected = batches().records(1, told["batch"]).tolist()
    assert [record["record"] for record in told["records"]] == expected
    assert 17 in expected
    for record in told["records"]:
        assert record["context"]["id"] == [f"record {record['record']}"]
        assert record["not_finite"] == (["pitch"] if record["record"] == 17 else [])


def test_training_refuses_a_schedule_without_an_end(tmp_path: Path) -> None:
    _, trainer = new_trainer(str(tmp_path), schedule="cosine")
    streamed = training_corpus.SequenceBatches(
        training_corpus.records(), TASK.columns, batch_tokens=32, seed=1, memory_limit=1
    )
    with pytest.raises(TaskError, match="schedule = 'cosine' needs"):
        trainer.fit(streamed, batches(seed=None))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"devices": "all", "accumulate": 2}, "does not go with accumulate = 2"),
        ({"devices": "all", "precision": "mixed_float16"}, "does not go with precision = 'mixed_float16'"),
        ({"optimizer": "rmsprop"}, "'adam' or 'sgd'"),
        ({"model_fn": "no function"}, "match pattern"),
        ({"max_minutes": 0}, "greater than 0"),
    ],
)
def test_config_refuses_what_cannot_work(settings: dict[str, object], message: str) -> None:
    with pytest.raises(pydantic.ValidationError, match=message):
        TrainingConfig(**settings)


def test_epoch_sums_tell_nothing_false_when_there_was_no_batch() -> None:
    assert EpochSums().figures() == {"loss": 0.0, "tokens_per_second": 0.0, "padding_efficiency": 0.0}
