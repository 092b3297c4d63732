"""Defines the contents of a padded batch: the features of its records, and a few reserved keys.

A batch is a plain mapping of tensors, so that `tf.function` and `tf.data` accept it. A batch of B records, of which the
longest has T steps, contains for example::

    tokens              int64   [B, T]     a feature with one value per step, padded with 0 (strings: with "")
    vector              float32 [B, T, 12] a feature with 12 numbers per step, padded with 0
    intent              int64   [B]        a feature with one value per record
    characters          int64   [B, T, C]  a nested feature with up to C values per step, padded with 0
    characters/lengths  int64   [B, T]     the number of real values of the nested feature in each step
    lengths             int64   [B]        the number of real steps of each record
    @share              float32 [B]        in a window of a longer batch: the share of each record's steps in the window

The last three keys are not features.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, WINDOW_SHARE

Batch = Mapping[str, tf.Tensor]
"""A padded batch, which maps keys to tensors as shown above."""

RESERVED_NAMES = (LENGTHS, WINDOW_SHARE)
"""Keys that are reserved, so that no feature may have such a name."""


def get_counts_key(feature: str) -> str:
    """Returns the key of the counts of a nested feature: the number of values in each step, int64 `[B, T]`."""
    return f"{feature}{COUNTS_SUFFIX}"
