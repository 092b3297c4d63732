"""Transforms number features in the graph: replaces missing numbers, then scales numbers or puts them into buckets.

Means, ranges and boundaries are computed from the analysed data, which has no padding. They are computed and used in
float64, and only the results are float32::

    milliseconds, int64         1700000000000   1700000001000   1700000002000
    as float32                  1.7000000e12    1.7000000e12    1.7000000e12      float32 has steps of 131,072 there
    z-score by float64          -1.2247449      0.0             1.2247449
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.config import NumberConfig
from tfx_sequence.components.sequence_transform.graph.steps import hold_last
from tfx_sequence.components.sequence_transform.graph.vocabulary import set_domain
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
        exact_values = tf.cast(raw_values, tf.float64)
        fill_value = tft.mean(exact_values, reduce_instance_dims=False, name=f"{name}_mean")
    else:
        fill_value = fill
    values = tf.where(tf.math.is_nan(values), tf.cast(fill_value, values.dtype), values)
    return _replace_flat_values(x, values)


def compute_bucket_ids(x: tf.Tensor, num_buckets: int, name: str) -> tf.Tensor:
    """Maps numbers `[N]` to ids of buckets, from 1. Each bucket has about the same share of the analysed numbers.

    Raises:
      ValueError: if `num_buckets` is less than 1.
    """
    if num_buckets < 1:
        raise ValueError(f"`num_buckets` must be at least 1, but is {num_buckets}")
    x = _center(x, name)
    boundaries = tft.quantiles(x, num_buckets, epsilon=_BUCKET_ERROR / num_buckets, name=name)
    ids = tft.apply_buckets(x, boundaries) + FIRST_ID
    return set_domain(ids, FIRST_ID + num_buckets)


def _scale_or_bucket(x: _Numbers, name: str, config: NumberConfig) -> _Numbers:
    values = _get_flat_values(x)
    if config.buckets is not None:
        values = compute_bucket_ids(values, config.buckets, name)
    elif config.scale is not None:
        scale_numbers = tft.scale_to_z_score if config.scale == "z_score" else _scale_to_0_1
        is_vector = values.shape.rank == 2
        exact_values = tf.cast(values, tf.float64)
        values = tf.cast(scale_numbers(exact_values, elementwise=is_vector, name=name), tf.float32)
    return _replace_flat_values(x, values)


def _scale_to_0_1(x: tf.Tensor, elementwise: bool, name: str) -> tf.Tensor:
    """Does what `tft.scale_to_0_1` does, but in the float64 of `x`. TFT casts its argument to float32."""
    low = tft.min(x, reduce_instance_dims=not elementwise, name=f"{name}_min")
    high = tft.max(x, reduce_instance_dims=not elementwise, name=f"{name}_max")
    # Without any analysed number, the minimum is infinite and greater than the maximum.
    has_range = low < high
    size = tf.where(has_range, high - low, tf.ones_like(low))
    return tf.where(has_range, (x - low) / size, tf.sigmoid(x))


def _center(x: tf.Tensor, name: str) -> tf.Tensor:
    """Moves numbers `[N]` towards 0, so that close numbers differ in float32, the type of TFT's boundaries.

    The distance is a whole number, so integers stay integers. Numbers that are float32 already are not changed.
    """
    if x.dtype == tf.float32:
        return x
    exact = tf.cast(x, tf.float64)
    return tf.cast(exact - tf.round(tft.mean(exact, name=f"{name}_mean")), tf.float32)


def _get_flat_values(x: _Numbers) -> tf.Tensor:
    return x.flat_values if isinstance(x, tf.RaggedTensor) else x


def _replace_flat_values(x: _Numbers, values: tf.Tensor) -> _Numbers:
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values
