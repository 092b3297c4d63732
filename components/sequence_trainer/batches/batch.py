"""What a padded batch holds: the features of its records, and a few keys of the package's own.

A batch is a plain mapping of tensors, so that `tf.function` and `tf.data` take it as it is. One of B records, the
longest of T steps::

    tokens              int64   [B, T]     a feature of each step, padded with 0, or with "" if it is of strings
    vector              float32 [B, T, 12] a feature of 12 numbers in each step
    intent              int64   [B]        a feature of the whole record
    characters          int64   [B, T, C]  a nested feature: up to C values in a step, padded likewise
    characters/lengths  int64   [B, T]     how many values of the nested feature each step really has
    lengths             int64   [B]        how many steps each record really has
    @share              float32 [B]        in a window of a longer batch: the share of each record's steps within it

The last three are not features; `feature_names` leaves them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import tensorflow as tf

from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, WINDOW_SHARE

Batch = Mapping[str, tf.Tensor]
"""Key to tensor, as drawn above."""

RESERVED_NAMES = (LENGTHS, WINDOW_SHARE)
"""Keys that no feature may have."""


def counts_key(feature: str) -> str:
    """Returns the key of the number of values in each step of a nested feature, int64 `[B, T]`."""
    return f"{feature}{COUNTS_SUFFIX}"


def feature_names(keys: Iterable[str]) -> list[str]:
    """Returns the keys of a batch that are features, in their order.

    Args:
      keys: A batch, or the keys of one.
    """
    return [key for key in keys if key not in RESERVED_NAMES and not key.endswith(COUNTS_SUFFIX)]
