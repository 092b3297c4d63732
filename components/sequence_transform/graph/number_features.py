"""Number features, filled in, scaled or put into buckets by what the analysed data holds. Only real steps are in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.config import NumberConfig
from tfx_sequence.components.sequence_transform.graph.steps import hold_last
from tfx_sequence.components.sequence_transform.graph.vocabulary import with_domain
from tfx_sequence.schemas.spec import FIRST_ID, SequenceSpec

# As tft.bucketize has it: a bucket may be off its size by one per cent of a bucket.
_ERROR_OF_A_BUCKET = 0.01


def transform_numbers(
    inputs: Mapping[str, Any], spec: SequenceSpec, numbers: Mapping[str, NumberConfig]
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Transforms the number features of which something is to become, and no others.

    Args:
      inputs: Feature name to `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`.
      spec: What the features are.
      numbers: Number feature to what becomes of it.

    Returns:
      Name to float32 of the shape of the feature; for buckets int64 ids from 1; and the indicators.
    """
    missing = [name for name, feature in spec.with_role("input").items() if feature.missing]
    given = dict.fromkeys(missing, NumberConfig(fill="mean")) | dict(numbers)
    made = {}
    for name, config in given.items():
        x = inputs[name]
        if config.indicator:
            made[f"{name}_missing"] = tf.cast(tf.math.is_nan(x), tf.float32)
        if name in missing:
            x = fill_missing(x, config.fill, name)
        made[name] = _scaled(x, name, config)
    return made


def fill_missing(
    x: tf.Tensor | tf.RaggedTensor, fill: Literal["mean", "last"] | float, name: str
) -> tf.Tensor | tf.RaggedTensor:
    """Puts a number in the place of each NaN.

    Args:
      x: float32 `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`; of a vector each number by itself.
      fill: The number; or `mean`, that of the analysed numbers, or 0 if there are none; or `last`, for sequences: the
        last one before it in its sequence, or the mean if there is none.
      name: The feature, which names what is computed of it.

    Returns:
      float32 of the shape of `x`, without NaN.
    """
    held = hold_last(x) if fill == "last" else x
    flat, values = (each.flat_values if isinstance(each, tf.RaggedTensor) else each for each in (x, held))
    # The mean is that of the numbers that are there, also where the last one stands for those that are not.
    number = tft.mean(flat, reduce_instance_dims=False, name=f"{name}_mean") if isinstance(fill, str) else fill
    values = tf.where(tf.math.is_nan(values), tf.cast(number, values.dtype), values)
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values


def _scaled(x: tf.Tensor | tf.RaggedTensor, name: str, config: NumberConfig) -> tf.Tensor | tf.RaggedTensor:
    values = x.flat_values if isinstance(x, tf.RaggedTensor) else x
    if config.buckets is not None:
        values = bucket_ids(values, config.buckets, name)
    elif config.scale is not None:
        scale = tft.scale_to_z_score if config.scale == "z_score" else tft.scale_to_0_1
        values = tf.cast(scale(values, elementwise=values.shape.rank == 2, name=name), tf.float32)
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values


def bucket_ids(x: tf.Tensor, num_buckets: int, name: str) -> tf.Tensor:
    """Numbers `[N]` to the ids, from 1, of buckets that the analysed numbers fill equally."""
    boundaries = tft.quantiles(x, num_buckets, epsilon=_ERROR_OF_A_BUCKET / num_buckets, name=name)
    ids = tft.apply_buckets(x, boundaries) + FIRST_ID
    return with_domain(ids, FIRST_ID + num_buckets)
