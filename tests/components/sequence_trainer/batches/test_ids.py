"""Conversion of ids that are stored from 0 to ids from 1."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import ZeroBasedIds, convert_stored_ids

IDS = tf.constant([[0, 2], [-1, 1]], tf.int64)


def test_ids_from_zero_move_up_by_one_and_unseen_values_to_their_own() -> None:
    assert convert_stored_ids(IDS, ZeroBasedIds(unseen=4), "words").numpy().tolist() == [[1, 3], [4, 2]]


def test_ids_from_one_stay() -> None:
    assert convert_stored_ids(IDS, None, "words") is IDS


def test_an_unseen_label_is_refused_when_it_has_no_id() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="The label `tags` has values that the analysed splits"):
        convert_stored_ids(IDS, ZeroBasedIds(unseen=None), "tags")
    assert convert_stored_ids(IDS[:1], ZeroBasedIds(unseen=None), "tags").numpy().tolist() == [[1, 3]]
