"""Describes the records of a batch, for reports about training that failed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches

MAX_VALUES = 8
"""Context features with more values are left out. A description identifies a record, but does not copy it."""


def describe_batch(batches: SequenceBatches, epoch: int, index: int) -> list[dict[str, Any]]:
    """Describes the records of one batch.

    Args:
      batches: The batches of the split.
      epoch: The number of the epoch.
      index: The position of the batch in the epoch, from 0.

    Returns:
      One dict per record. `record` is its position among the records of the split, from 0. `steps` is the number of its
      steps. `context` contains its context features, such as keys. `not_finite` contains the names of the features
      that have NaN or infinite values.
    """
    positions = batches.find_records(epoch, index)
    descriptions = []
    for position, serialized in zip(positions, batches.read_serialized(positions), strict=True):
        example = tf.train.SequenceExample.FromString(serialized)
        descriptions.append({"record": int(position), **_describe_record(example)})
    return descriptions


def _describe_record(example: tf.train.SequenceExample) -> dict[str, Any]:
    """Returns the entries of a description that the record itself determines."""
    context = example.context.feature
    sequences = {name: features.feature for name, features in example.feature_lists.feature_list.items()}
    not_finite = {name for name, feature in context.items() if not _are_finite([feature])}
    not_finite |= {name for name, steps in sequences.items() if not _are_finite(steps)}
    context_values = {name: _read_values(context[name]) for name in sorted(context)}
    return {
        "steps": max(map(len, sequences.values()), default=0),
        "context": {name: values for name, values in context_values.items() if len(values) <= MAX_VALUES},
        "not_finite": sorted(not_finite),
    }


def _are_finite(features: Iterable[tf.train.Feature]) -> bool:
    """Returns whether no number of the features is NaN or infinite."""
    return all(math.isfinite(value) for feature in features for value in feature.float_list.value)


def _read_values(feature: tf.train.Feature) -> list[float | int | str]:
    """Returns the values of a feature, with bytes decoded as text."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
