"""Number features, scaled or put into buckets by what the analysed data holds. Only real steps are in it."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_transform.config import NumberConfig
from tfx_sequence.components.sequence_transform.vocabulary import with_domain
from tfx_sequence.schemas.spec import FIRST_ID

# As tft.bucketize has it: a bucket may be off its size by one per cent of a bucket.
_ERROR_OF_A_BUCKET = 0.01


def to_number(x: tf.Tensor | tf.RaggedTensor, name: str, config: NumberConfig) -> tf.Tensor | tf.RaggedTensor:
    """Scales numbers or puts them into buckets, as `config` says.

    Args:
      x: `[B]`, `[B, (T)]`, or vectors, `[B, D]` or `[B, (T), D]`.
      name: The feature, which names what is computed of it.
      config: What becomes of it.

    Returns:
      float32 of the shape of `x`; for buckets int64 ids from 1.
    """
    values = x.flat_values if isinstance(x, tf.RaggedTensor) else x
    if config.buckets is not None:
        values = bucket_ids(values, config.buckets, name)
    else:
        scale = tft.scale_to_z_score if config.scale == "z_score" else tft.scale_to_0_1
        values = tf.cast(scale(values, elementwise=values.shape.rank == 2, name=name), tf.float32)
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values


def bucket_ids(x: tf.Tensor, num_buckets: int, name: str) -> tf.Tensor:
    """Numbers `[N]` to the ids, from 1, of buckets that the analysed numbers fill equally."""
    boundaries = tft.quantiles(x, num_buckets, epsilon=_ERROR_OF_A_BUCKET / num_buckets, name=name)
    ids = tft.apply_buckets(x, boundaries) + FIRST_ID
    return with_domain(ids, FIRST_ID + num_buckets)
