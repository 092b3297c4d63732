"""What a training reports while it runs, to listeners and to TensorBoard."""

from __future__ import annotations

import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import TASK, batches, new_trainer

from tfx_sequence.components.sequence_trainer.training import training_report
from tfx_sequence.components.sequence_trainer.training.projector import write_projector
from tfx_sequence.schemas.contract import PROGRESS_LOGGER


def test_training_stops_at_max_steps_and_tells_how_it_goes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_report, "MIN_SECONDS_BETWEEN_REPORTS", 0.0)
    model, trainer = new_trainer(str(tmp_path), epochs=9, max_steps=14, accumulate=1, monitor="tags_accuracy")
    with caplog.at_level(logging.INFO, logger=PROGRESS_LOGGER):
        outcome = trainer.fit(batches(), batches(seed=None))
    reports = [record.progress for record in caplog.records if record.name == PROGRESS_LOGGER]
    within = [figures for figures in reports if "batch" in figures]
    epochs = [figures for figures in reports if "batch" not in figures]
    # 60 records are 10 batches of up to 32 steps.
    assert [figures["batch"] for figures in within] == [*range(1, 11), 1, 2, 3, 4]
    assert within[0]["batches"] == 10
    assert all(figures["seconds_left"] >= 0 for figures in within)
    assert [figures["epoch"] for figures in epochs] == [1, 2]
    assert 0.8 < epochs[0]["padding_efficiency"] <= 1
    assert (epochs[0]["best_epoch"], epochs[1]["best_epoch"]) == (1, outcome.epoch)
    assert all(epoch["updates"] > 0 for epoch in epochs)
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
