"""Labels of integers whose kind nothing states: categories if they are few, and the log says so."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import ListedIds, convert_stored_ids
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.task.integer_labels import MAX_CLASSES, decide_integer_labels
from tfx_sequence.components.sequence_trainer.task.task import Label, SequenceTask
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.feature import note_inferred
from tfx_sequence.schemas.tfmd.parts import list_feature_protos

STATED = SequenceSpec(
    features={
        "x": Feature(kind="float"),
        "y": Feature(kind="integer", role="label", context=True),
    }
)
INFERRED = to_schema(SequenceSpec(features={"x": Feature(kind="float"), "y": Feature(kind="integer", context=True)}))
for proto in list_feature_protos(INFERRED):
    note_inferred(proto)


def decide(path: Path, labels: list[int], schema: Any) -> SequenceTask:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for label in labels:
            writer.write(make_example({"x": [0.5]}, {"y": label}).SerializeToString())
    columns = {"x": Column("float32"), "y": Column("int64", context=True)}
    task = SequenceTask(STATED, (), (Label("y", per_step=False),), columns)
    graph: Any = SimpleNamespace(raw_metadata=SimpleNamespace(schema=schema))
    return decide_integer_labels(task, graph, [str(path)])


def test_few_integers_are_classes_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        task = decide(tmp_path / "train.gz", [2, -1, 7, 2], INFERRED)
    assert task.labels[0].classes == (b"-1", b"2", b"7")
    assert task.columns["y"].ids == ListedIds((-1, 2, 7))
    assert "'y' is not stated: it has 3 distinct integers (-1, 2, 7), so they are its classes" in caplog.text


def test_many_integers_are_numbers_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        task = decide(tmp_path / "train.gz", list(range(MAX_CLASSES + 1)), INFERRED)
    assert task.labels[0].classes == ()
    assert "more than 20 distinct integers, so it is a number" in caplog.text


def test_stated_integer_is_a_number_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert decide(tmp_path / "train.gz", [0, 1], to_schema(STATED)).labels[0].classes == ()
    assert not caplog.text


def test_listed_integers_become_ids_from_1_and_others_are_refused() -> None:
    listed = ListedIds((-1, 2, 7))
    assert convert_stored_ids(tf.constant([[7, -1], [2, 2]], tf.int64), listed, "y").numpy().tolist() == [
        [3, 1],
        [2, 2],
    ]
    for value in (-2, 0, 8):
        with pytest.raises(tf.errors.InvalidArgumentError, match="`y` has integers that the train split does not have"):
            convert_stored_ids(tf.constant([value], tf.int64), listed, "y")
