"""Converts the ids that the transform wrote to the ids of batches, which start at 1 because 0 is padding.

The ids of a vocabulary with N values are::

    ids of          SequenceTransform       vocabularies of stock TFX Transform
    padding         0                       (none)
    the values      1 ... N                 0 ... N - 1
    unseen values   N + 1                   N, or -1 if there are no buckets for unseen values
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import tensorflow as tf

from tfx_sequence.schemas.spec import FIRST_ID


class ZeroBasedIds(NamedTuple):
    """Marks ids that start at 0 in the stored records.

    Attributes:
      unseen: The id in batches, from 1, of values that are stored as a negative number. None if negative numbers are an
        error, which is the case for labels.
    """

    unseen: int | None


class ListedIds(NamedTuple):
    """Marks a label of integers that are classes without a vocabulary. The first value has the id 1.

    Attributes:
      values: The stored integers, sorted.
    """

    values: tuple[int, ...]


StoredIds: TypeAlias = ZeroBasedIds | ListedIds
"""How stored ids that do not start at 1 are stored."""


def convert_stored_ids(ids: tf.Tensor, stored: StoredIds | None, name: str) -> tf.Tensor:
    """Converts stored ids to the ids of batches.

    Args:
      ids: The stored ids, int64 of any shape.
      stored: How the ids are stored; None if they start at 1 already.
      name: The name of the feature, for messages.

    Returns:
      Ids from 1, in the same shape.

    Raises:
      tf.errors.InvalidArgumentError: when the op runs, if an id of a label is negative, or is not one of the listed
        ones.
    """
    if stored is None:
        return ids
    if isinstance(stored, ListedIds):
        return _convert_listed_ids(ids, stored, name)
    if stored.unseen is not None:
        return tf.where(ids < 0, tf.cast(stored.unseen, ids.dtype), ids + FIRST_ID)
    # The message has backticks, because graph mode escapes quotes. In eager mode, Assert returns None.
    check = tf.debugging.Assert(
        tf.reduce_all(ids >= 0),
        [f"The label `{name}` has values that the analysed splits do not have: the transform gave them negative ids."],
    )
    with tf.control_dependencies([] if check is None else [check]):
        return ids + FIRST_ID


def _convert_listed_ids(ids: tf.Tensor, stored: ListedIds, name: str) -> tf.Tensor:
    """Converts listed integers to their places in the list, from 1."""
    values = tf.constant(stored.values, ids.dtype)
    flat_ids = tf.reshape(ids, [-1])
    places = tf.searchsorted(values, flat_ids)
    # A value above all others has a place behind the end.
    is_known = tf.equal(tf.gather(values, tf.minimum(places, len(stored.values) - 1)), flat_ids)
    check = tf.debugging.Assert(
        tf.reduce_all(is_known),
        [f"The label `{name}` has integers that the train split does not have, whose integers are its classes."],
    )
    with tf.control_dependencies([] if check is None else [check]):
        return tf.reshape(tf.cast(places, ids.dtype) + FIRST_ID, tf.shape(ids))
