"""Ids as the transform wrote them to ids as batches have them: from 1, for 0 is padding.

stored              ids of our helpers      of stock's vocabularies
padding             0                       there is none
the values          1 ... N                 0 ... N - 1
unseen values       N + 1                   N, or -1 where there are no buckets for them
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.schemas.spec import FIRST_ID


class FromZero(NamedTuple):
    """Ids that start at 0.

    Attributes:
      unseen: The id, counted from 1, of what is stored as a negative number; None if that is an error, as in a label.
    """

    unseen: int | None


def from_one(ids: tf.Tensor, stored: FromZero | None, name: str) -> tf.Tensor:
    """Ids as batches have them, int64 of any shape.

    Args:
      ids: As they are stored.
      stored: How they are stored, if not from 1.
      name: The feature, for messages.

    Raises:
      tf.errors.InvalidArgumentError: when run on a label that is stored as a negative number.
    """
    if stored is None:
        return ids
    if stored.unseen is not None:
        return tf.where(ids < 0, tf.cast(stored.unseen, ids.dtype), ids + FIRST_ID)
    # Backticks, as the graph escapes quotes.
    known = tf.debugging.Assert(
        tf.reduce_all(ids >= 0),
        [f"The label `{name}` has values that the analysed splits do not have: the transform gave them negative ids."],
    )
    with tf.control_dependencies([] if known is None else [known]):
        return ids + FIRST_ID
