"""Groups of records of similar length: which there are, and that the answers are those of each record alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving import length_groups
from tfx_sequence.components.sequence_trainer.serving.length_groups import answer_by_length

PER_STEP = {"tags": True, "intent": False}


def _answer(columns: dict[str, Any]) -> dict[str, dict[str, tf.Tensor]]:
    """Answers of all shapes, and the padded length of the batch in which a record was answered."""
    padded = columns["ids"].to_tensor()
    padded = tf.pad(padded, [[0, 0], [0, tf.maximum(1 - tf.shape(padded)[1], 0)]])
    wide = columns["vectors"].to_tensor(shape=[None, None, 2])
    width = tf.fill(tf.shape(padded)[:1], tf.shape(padded)[1])
    return {
        "tags": {"id": padded, "name": tf.strings.as_string(padded), "vector": 2 * wide, "width": width},
        "intent": {"sum": tf.reduce_sum(padded, 1) + columns["context"], "pair": tf.stack([width, width], 1)},
    }


def _columns(lengths: list[int]) -> dict[str, Any]:
    ids = [[10 * row + step + 1 for step in range(length)] for row, length in enumerate(lengths)]
    ids = tf.ragged.constant(ids, tf.int64, row_splits_dtype=tf.int64, ragged_rank=1)
    vectors = tf.stack([ids.values, -ids.values], 1)
    return {
        "ids": ids,
        "vectors": tf.RaggedTensor.from_row_splits(vectors, ids.row_splits),
        "context": tf.range(100, 100 + len(lengths), dtype=tf.int64),
    }


def _ask(lengths: list[int], answer: Any = _answer) -> dict[str, dict[str, np.ndarray]]:
    @tf.function(
        input_signature=[
            {
                "ids": tf.RaggedTensorSpec([None, None], tf.int64),
                "vectors": tf.RaggedTensorSpec([None, None, 2], tf.int64, ragged_rank=1),
                "context": tf.TensorSpec([None], tf.int64),
            }
        ]
    )
    def ask(columns: dict[str, Any]) -> Any:
        return answer_by_length(tf.function(answer), PER_STEP, columns, columns["ids"].row_lengths())

    return tf.nest.map_structure(lambda value: value.numpy(), ask(_columns(lengths)))


@pytest.mark.parametrize(
    ("lengths", "widths"),
    [
        ([3, 40, 20, 7, 18, 30], [3, 40, 40, 7, 18, 40]),
        ([9], [9]),
        ([2, 3], [3, 3]),
        ([5, 9, 7], [9, 9, 9]),
        ([40, 1, 0, 39, 2, 0], [40, 2, 2, 40, 2, 2]),
        ([0, 0], [1, 1]),
        ([], []),
    ],
)
def test_records_are_answered_beside_those_of_similar_length(
    lengths: list[int], widths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(length_groups, "SMALL_GROUP", 8)
    assert _ask(lengths)["tags"]["width"].tolist() == widths


def test_answers_in_groups_are_those_of_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = [*np.random.default_rng(0).geometric(0.1, 30).tolist(), 0, 200]
    monkeypatch.setattr(length_groups, "SMALL_GROUP", 10_000)
    together = _ask(lengths)
    monkeypatch.setattr(length_groups, "SMALL_GROUP", 1)
    divided = _ask(lengths)
    assert together["tags"]["width"].tolist() == [200] * 32
    assert len(set(divided["tags"]["width"])) > 3
    for name in ("id", "name", "vector"):
        got, expected = divided["tags"][name], together["tags"][name]
        # Padding is 0 or "", whatever the function answers there.
        real = np.arange(200) < np.array(lengths)[:, None]
        assert got.shape == expected.shape
        np.testing.assert_array_equal(got[real], expected[real])
        assert set(got[~real].ravel()) <= {0, b""}
    np.testing.assert_array_equal(divided["intent"]["sum"], together["intent"]["sum"])
    np.testing.assert_array_equal(divided["intent"]["pair"][:, 0], divided["tags"]["width"])


def test_answers_with_axes_of_unknown_size_are_of_all_records_at_once() -> None:
    def answer(columns: dict[str, Any]) -> dict[str, dict[str, tf.Tensor]]:
        found = _answer(columns)
        found["intent"]["weights"] = tf.cast(columns["ids"].to_tensor(), tf.float32)
        return found

    answers = _ask([9000, 1, 2], answer)
    assert answers["tags"]["width"].tolist() == [9000] * 3
    assert answers["intent"]["weights"].shape == (3, 9000)


def test_one_long_record_does_not_pad_many_short_ones() -> None:
    # The steps that are computed, padding included, are at most twice the real ones beside one small group.
    lengths = [20_000] + [20] * 300
    widths = _ask(lengths)["tags"]["width"]
    assert sorted(set(widths.tolist())) == [20, 20_000]
    assert widths.sum() <= 2 * sum(lengths) + length_groups.SMALL_GROUP
