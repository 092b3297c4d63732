"""Transforms number features in the graph: replaces missing numbers, then scales numbers or puts them into buckets.

Means, ranges and boundaries are computed from the analysed data, which has no padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.config import NumberConfig
from tfx_sequence.components.sequence_transform.graph.steps import hold_last
from tfx_sequence.components.sequence_transform.graph.vocabulary import with_domain
from tfx_sequence.schemas.spec import FIRST_ID, SequenceSpec

_BUCKET_ERROR = 0.01
"""The maximum error of the size of a bucket, as a share of that size. It is the value of `tft.bucketize`."""

_Numbers: TypeAlias = tf.Tensor | tf.RaggedTensor


def transform_numbers(
    inputs: Mapping[str, _Numbers], spec: SequenceSpec, numbers: Mapping[str, NumberConfig]
) -> dict[str, _Numbers]:
    """Transforms the number inputs that have settings or may be missing.

    Args:
      inputs: Feature name to `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`.
      spec: The raw features.
      numbers: Name of a number feature to its settings.

    Returns:
      Output name to a tensor of the shape of the feature: int64 ids from 1 for buckets, float32 for all other outputs,
      which include the indicators.
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
        outputs[name] = _scale_or_bucket(x, name, config)
    return outputs


def fill_missing(x: _Numbers, fill: Literal["mean", "last"] | float, name: str) -> _Numbers:
    """Replaces each NaN by a number.

    Args:
      x: float32 `[B]`, `[B, (T)]`, or vectors `[B, D]` or `[B, (T), D]`. Each number of a vector is filled separately.
      fill: A number, `mean` or `last`. `mean` is the mean of the analysed numbers, or 0 if all are missing. `last` is
        the last number before the NaN in its sequence, or the mean if there is no such number.
      name: The name of the feature. TFT uses it to name the mean.

    Returns:
      float32 of the shape of `x`, without NaN.
    """
    raw_values = _get_flat_values(x)
    values = _get_flat_values(hold_last(x)) if fill == "last" else raw_values
    if isinstance(fill, str):
        # The mean is of the raw values. With each missing number replaced by the last one, some would count twice.
        fill_value = tft.mean(raw_values, reduce_instance_dims=False, name=f"{name}_mean")
    else:
        fill_value = fill
    values = tf.where(tf.math.is_nan(values), tf.cast(fill_value, values.dtype), values)
    return _replace_flat_values(x, values)


def bucket_ids(x: tf.Tensor, num_buckets: int, name: str) -> tf.Tensor:
    """Maps numbers `[N]` to ids of buckets, from 1. Each bucket has about the same share of the analysed numbers."""
    boundaries = tft.quantiles(x, num_buckets, epsilon=_BUCKET_ERROR / num_buckets, name=name)
    ids = tft.apply_buckets(x, boundaries) + FIRST_ID
    return with_domain(ids, FIRST_ID + num_buckets)


def _scale_or_bucket(x: _Numbers, name: str, config: NumberConfig) -> _Numbers:
    values = _get_flat_values(x)
    if config.buckets is not None:
        values = bucket_ids(values, config.buckets, name)
    elif config.scale is not None:
        scale_numbers = tft.scale_to_z_score if config.scale == "z_score" else tft.scale_to_0_1
        is_vector = values.shape.rank == 2
        values = tf.cast(scale_numbers(values, elementwise=is_vector, name=name), tf.float32)
    return _replace_flat_values(x, values)


def _get_flat_values(x: _Numbers) -> tf.Tensor:
    return x.flat_values if isinstance(x, tf.RaggedTensor) else x


def _replace_flat_values(x: _Numbers, values: tf.Tensor) -> _Numbers:
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values
