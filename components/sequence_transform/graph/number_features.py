"""Number features in the graph: missing numbers filled in, then scaled or put into buckets.

Means, ranges and boundaries come from the analysed data. Padding does not exist yet, so only real steps count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.config import NumberConfig
from tfx_sequence.components.sequence_transform.graph.steps import hold_last
from tfx_sequence.components.sequence_transform.graph.vocabulary import with_domain
from tfx_sequence.schemas.spec import FIRST_ID, SequenceSpec

_BUCKET_ERROR = 0.01
"""The size of a bucket may be off by this share of a bucket, as in `tft.bucketize`."""

_Numbers: TypeAlias = tf.Tensor | tf.RaggedTensor


def transform_numbers(
    inputs: Mapping[str, Any], spec: SequenceSpec, numbers: Mapping[str, NumberConfig]
) -> dict[str, _Numbers]:
    """Transforms the number features that have settings or may be missing, and no others.

    Args:
      inputs: Feature name to `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`.
      spec: The raw features.
      numbers: Number feature to its settings.

    Returns:
      Name to float32 of the shape of the feature; for buckets int64 ids from 1; and the indicators.
    """
    may_be_missing = [name for name, feature in spec.with_role("input").items() if feature.missing]
    settings = dict.fromkeys(may_be_missing, NumberConfig(fill="mean")) | dict(numbers)
    outputs = {}
    for name, config in settings.items():
        x = inputs[name]
        if config.indicator:
            outputs[f"{name}_missing"] = tf.cast(tf.math.is_nan(x), tf.float32)
        if name in may_be_missing:
            x = fill_missing(x, config.fill, name)
        outputs[name] = _scale(x, name, config)
    return outputs


def fill_missing(x: _Numbers, fill: Literal["mean", "last"] | float, name: str) -> _Numbers:
    """Replaces each NaN by a number.

    Args:
      x: float32 `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`; each number of a vector by itself.
      fill: The number; or `mean`, that of the analysed numbers, or 0 if there are none; or `last`, for sequences: the
        last number before the NaN in its sequence, or the mean if there is none.
      name: The feature, which names what TFT computes of it.

    Returns:
      float32 of the shape of `x`, without NaN.
    """
    held = hold_last(x) if fill == "last" else x
    values, raw_values = _flat_values(held), _flat_values(x)
    # The mean is that of the numbers in the data, also where the last number stands for missing ones.
    number = tft.mean(raw_values, reduce_instance_dims=False, name=f"{name}_mean") if isinstance(fill, str) else fill
    values = tf.where(tf.math.is_nan(values), tf.cast(number, values.dtype), values)
    return _with_flat_values(x, values)


def bucket_ids(x: tf.Tensor, num_buckets: int, name: str) -> tf.Tensor:
    """Maps numbers `[N]` to the ids, from 1, of buckets that the analysed numbers fill equally."""
    boundaries = tft.quantiles(x, num_buckets, epsilon=_BUCKET_ERROR / num_buckets, name=name)
    ids = tft.apply_buckets(x, boundaries) + FIRST_ID
    return with_domain(ids, FIRST_ID + num_buckets)


def _scale(x: _Numbers, name: str, config: NumberConfig) -> _Numbers:
    values = _flat_values(x)
    if config.buckets is not None:
        values = bucket_ids(values, config.buckets, name)
    elif config.scale is not None:
        scale = tft.scale_to_z_score if config.scale == "z_score" else tft.scale_to_0_1
        is_vector = values.shape.rank == 2
        values = tf.cast(scale(values, elementwise=is_vector, name=name), tf.float32)
    return _with_flat_values(x, values)


def _flat_values(x: _Numbers) -> tf.Tensor:
    return x.flat_values if isinstance(x, tf.RaggedTensor) else x


def _with_flat_values(x: _Numbers, values: tf.Tensor) -> _Numbers:
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values
