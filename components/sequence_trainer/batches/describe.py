"""What is known of the records of a batch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches

MAX_VALUES = 8
"""Context features with more values than this are left out."""


def describe_batch(batches: SequenceBatches, epoch: int, index: int) -> list[dict[str, Any]]:
    """Tells which records are in a batch of an epoch.

    Returns:
      For each record: `record`, its position among the records of the split, from 0; `steps`; `context`, its context
      features, such as keys; `not_finite`, the names of the features that hold NaN or infinite numbers.
    """
    positions = batches.records(epoch, index)
    parsed = (tf.train.SequenceExample.FromString(record) for record in batches.serialized(positions))
    return [{"record": int(at), **_describe(example)} for at, example in zip(positions, parsed, strict=True)]


def _describe(example: Any) -> dict[str, Any]:
    context = {name: _values(feature) for name, feature in example.context.feature.items()}
    lists = {name: list(steps.feature) for name, steps in example.feature_lists.feature_list.items()}
    features = [(name, [feature]) for name, feature in example.context.feature.items()]
    bad = {name for name, steps in [*features, *lists.items()] if not _finite(steps)}
    return {
        "steps": max((len(steps) for steps in lists.values()), default=0),
        "context": {name: values for name, values in sorted(context.items()) if len(values) <= MAX_VALUES},
        "not_finite": sorted(bad),
    }


def _finite(features: Iterable[Any]) -> bool:
    return all(math.isfinite(value) for feature in features for value in feature.float_list.value)


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    values = list(getattr(feature, kind).value) if kind else []
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
