"""Descriptions of the records of a batch, for reports on a training that went wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches

MAX_VALUES = 8
"""Context features with more values than this are left out: a description names a record, it does not copy it."""


def describe_batch(batches: SequenceBatches, epoch: int, index: int) -> list[dict[str, Any]]:
    """Describes the records that are in a batch of an epoch.

    Returns:
      For each record: `record`, its position among the records of the split, from 0; `steps`; `context`, its context
      features, such as keys; `not_finite`, the names of the features that hold NaN or infinite numbers.
    """
    positions = batches.records(epoch, index)
    parsed = (tf.train.SequenceExample.FromString(record) for record in batches.serialized(positions))
    return [{"record": int(at), **_describe(example)} for at, example in zip(positions, parsed, strict=True)]


def _describe(example: tf.train.SequenceExample) -> dict[str, Any]:
    context = example.context.feature
    steps = example.feature_lists.feature_list
    not_finite = {name for name, feature in context.items() if not _are_finite([feature])}
    not_finite |= {name for name, features in steps.items() if not _are_finite(features.feature)}
    values = {name: _values_of(context[name]) for name in sorted(context)}
    return {
        "steps": max((len(features.feature) for features in steps.values()), default=0),
        "context": {name: few for name, few in values.items() if len(few) <= MAX_VALUES},
        "not_finite": sorted(not_finite),
    }


def _are_finite(features: Iterable[tf.train.Feature]) -> bool:
    return all(math.isfinite(value) for feature in features for value in feature.float_list.value)


def _values_of(feature: tf.train.Feature) -> list[Any]:
    """Returns the values of a feature, with bytes as text."""
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
