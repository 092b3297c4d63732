"""Records that the transform did not write are refused before TensorFlow parses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.record_check import check_transformed

COLUMNS = {
    "words": Column("int64"),
    "letters": Column(tf.int64, nested=True),
    "genre": Column("int64", context=True),
    "vector": Column("float32", width=2),
}
FLAT = {
    "words": Column("int64", keys=("words",)),
    "letters": Column("int64", nested=True, keys=("letters$ragged_values", "letters$row_lengths_1")),
    "genre": Column("int64", context=True, keys=("genre",)),
    "vector": Column("float32", width=2, keys=("vector",)),
}


def feature(*values: Any) -> tf.train.Feature:
    if isinstance(values[0], str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode() for value in values]))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def record(context: dict[str, Any], sequences: dict[str, Any]) -> bytes:
    """A SequenceExample: a value of each context feature, and a list of steps of each sequence."""
    out = tf.train.SequenceExample()
    for name, value in context.items():
        out.context.feature[name].CopyFrom(feature(value))
    for name, steps in sequences.items():
        out.feature_lists.feature_list[name].feature.extend(
            feature(*step) if isinstance(step, list) else feature(step) for step in steps
        )
        out.feature_lists.feature_list[name].SetInParent()
    return out.SerializeToString()


def flat(features: dict[str, list[Any]]) -> bytes:
    """A tf.Example."""
    made = {name: feature(*values) for name, values in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


def check(folder: Path, columns: dict[str, Column], *records: bytes) -> None:
    path = str(folder / "data.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for each in records:
            writer.write(each)
    check_transformed([path], columns)


SEQUENCES = {"words": [1, 2], "letters": [[1], [2, 3]], "vector": [[0.5, 1.0], [1.0, 2.0]]}
VALUES = {
    "words": [0, 1],
    "letters$ragged_values": [1, 2, 3],
    "letters$row_lengths_1": [1, 2],
    "genre": [1],
    "vector": [0.5, 1.0, 1.0, 2.0],
}


def test_transformed_records_of_either_form_pass(tmp_path: Path) -> None:
    check(tmp_path, COLUMNS, record({"genre": 1, "key": "a"}, SEQUENCES))
    check(tmp_path, COLUMNS, record({"genre": 1}, {name: [] for name in SEQUENCES}))
    check(tmp_path, FLAT, flat({**VALUES, "key": ["a"]}))
    check(tmp_path, COLUMNS)


@pytest.mark.parametrize(
    ("columns", "first", "wrong"),
    [
        (COLUMNS, record({"genre": "x"}, SEQUENCES), "has 'genre' of type string, not int64"),
        (COLUMNS, record({"genre": 1}, {**SEQUENCES, "words": ["a"]}), "has 'words' of type string, not int64"),
        (
            COLUMNS,
            record({"genre": 1}, {**SEQUENCES, "letters": [[1], [2.5]]}),
            "has 'letters' of type float32, not int64",
        ),
        (
            COLUMNS,
            record({"genre": 1}, {"text": ["a"]}),
            r"lacks the feature list 'words'; it has the features \['genre'\] and the feature lists \['text'\]",
        ),
        # A tf.Example where SequenceExamples are expected, and the other way round.
        (COLUMNS, flat({"words": [1], "genre": [1]}), r"lacks the feature list 'words'; .* \['genre', 'words'\]"),
        (FLAT, record({"genre": 1}, SEQUENCES), r"lacks the feature 'words'; it has the features \['genre'\]"),
        (FLAT, flat({**VALUES, "genre": ["x"]}), "has 'genre' of type string, not int64"),
        (FLAT, flat({**VALUES, "vector": [1, 2]}), "has 'vector' of type int64, not float32"),
        (
            FLAT,
            flat({**VALUES, "letters$row_lengths_1": [1.0]}),
            "has 'letters.row_lengths_1' of type float32, not int64",
        ),
    ],
    # The bytes of a record are not the same in two processes, and would be its name.
    ids=["context", "sequence", "nested", "raw", "flat", "not flat", "flat context", "flat vector", "flat counts"],
)
def test_other_records_are_refused_with_what_is_wrong(
    tmp_path: Path, columns: dict[str, Column], first: bytes, wrong: str
) -> None:
    with pytest.raises(
        TaskError, match=f"{tmp_path} are not transformed .* first record {wrong}.*`transformed_examples`"
    ):
        check(tmp_path, columns, first)
