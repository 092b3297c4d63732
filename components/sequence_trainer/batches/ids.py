"""Converts ids as the transform wrote them to ids as batches have them: from 1, for 0 is padding.

A vocabulary of N values::

    stored as       by SequenceTransform    by stock vocabularies
    padding         0                       there is none
    the values      1 ... N                 0 ... N - 1
    unseen values   N + 1                   N, or -1 where there are no buckets for them
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.schemas.spec import FIRST_ID


class FromZero(NamedTuple):
    """Marks ids that are stored from 0.

    Attributes:
      unseen: The id, counted from 1, of values that are stored as a negative number; None if they are an error, as in a
        label.
    """

    unseen: int | None


def from_one(ids: tf.Tensor, stored: FromZero | None, name: str) -> tf.Tensor:
    """Converts ids to those that batches have, int64 of any shape.

    Args:
      ids: As they are stored.
      stored: How they are stored; None if from 1.
      name: The feature's name, for messages.

    Raises:
      tf.errors.InvalidArgumentError: when run on a label that is stored as a negative number.
    """
    if stored is None:
        return ids
    if stored.unseen is not None:
        return tf.where(ids < 0, tf.cast(stored.unseen, ids.dtype), ids + FIRST_ID)
    # Backticks, as the graph escapes quotes. Eagerly, a check that holds is None.
    check = tf.debugging.Assert(
        tf.reduce_all(ids >= 0),
        [f"The label `{name}` has values that the analysed splits do not have: the transform gave them negative ids."],
    )
    with tf.control_dependencies([] if check is None else [check]):
        return ids + FIRST_ID
