"""Parsing of tf.Examples, as stock Transform writes them."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import ZeroBasedIds
from tfx_sequence.components.sequence_trainer.batches.parsing import Column, parse_records

COLUMNS = {
    "age": Column("float32", context=True, keys=("age",)),
    "intent": Column("int64", context=True, keys=("intent",), ids=ZeroBasedIds(unseen=None)),
    "words": Column("int64", keys=("words",), ids=ZeroBasedIds(unseen=9)),
    "tags": Column("int64", keys=("tags$ragged_values", "tags$row_lengths_1")),
    "vector": Column("float32", width=2, keys=("vector$ragged_values",)),
    "letters": Column("int64", nested=True, keys=("letters$ragged_values", "letters$row_lengths_1")),
}


def flat(**lists: list[float]) -> bytes:
    example = tf.train.Example()
    for name, values in {"age": [1.0], "intent": [0], **lists}.items():
        feature = example.features.feature[name.replace("__", "$")]
        if name in ("age", "vector__ragged_values"):
            feature.float_list.value.extend(values)
        else:
            feature.int64_list.value.extend(map(int, values))
    return example.SerializeToString()


FULL = {
    "words": [0, -1],
    "tags__ragged_values": [1, 2],
    "tags__row_lengths_1": [1, 1],
    "vector__ragged_values": [1.0, 2.0, 3.0, 4.0],
    "letters__ragged_values": [5, 6, 7],
    "letters__row_lengths_1": [0, 3],
}


def test_flat_records_are_laid_end_to_end_with_ids_from_one() -> None:
    records = parse_records(tf.constant([flat(**FULL), flat()]), COLUMNS)
    assert records.lengths.numpy().tolist() == [2, 0]
    assert records.lengths.dtype == tf.int64
    assert {name: value.numpy().tolist() for name, value in records.context.items()} == {
        "age": [1.0, 1.0],
        "intent": [1, 1],
    }
    assert records.steps["words"].numpy().tolist() == [1, 9]
    assert records.steps["tags"].numpy().tolist() == [1, 2]
    assert records.steps["vector"].numpy().tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert records.steps["letters"].to_list() == [[], [5, 6, 7]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": [0]}, "must have one length, but"),
        ({"tags__ragged_values": [1, 2, 3], "tags__row_lengths_1": [1, 2]}, r"`tags` must have 1 value\(s\)"),
        ({"intent": [-1]}, "The label `intent` has values"),
    ],
)
def test_flat_records_are_refused_when_they_do_not_fit(change: dict[str, list[float]], message: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        parse_records(tf.constant([flat(**{**FULL, **change})]), COLUMNS)
