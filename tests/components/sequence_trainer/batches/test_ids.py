"""Conversion of ids that are stored from 0 to ids from 1."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import FromZero, from_one

IDS = tf.constant([[0, 2], [-1, 1]], tf.int64)


def test_ids_from_zero_move_up_by_one_and_unseen_values_to_their_own() -> None:
    assert from_one(IDS, FromZero(unseen=4), "words").numpy().tolist() == [[1, 3], [4, 2]]


def test_ids_from_one_stay() -> None:
    assert from_one(IDS, None, "words") is IDS


def test_an_unseen_label_is_refused_when_it_has_no_id() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="The label `tags` has values that the analysed splits"):
        from_one(IDS, FromZero(unseen=None), "tags")
    assert from_one(IDS[:1], FromZero(unseen=None), "tags").numpy().tolist() == [[1, 3]]
