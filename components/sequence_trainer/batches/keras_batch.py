"""Turns batches into the arguments of `keras.Model.fit`, which counts padding unless it has the weight 0."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch, get_counts_key
from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask
from tfx_sequence.schemas.contract import LENGTHS


def make_keras_batch(
    batch: Batch, inputs: Sequence[str], label: str
) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
    """Turns a batch into the inputs, the labels and the weights of `keras.Model.fit`.

    ::

        batch    tokens  7 3 5    tags  2 1 2    lengths  3
                         4 0 0          3 0 0             1
        x        {"tokens": ..., "lengths": ...}, as in the batch
        y        1 0 1    weights  1 1 1
                 2 0 0             1 0 0

    Use it with `tf.data`: `batches.make_epoch(0).map(lambda batch: make_keras_batch(batch, ["tokens"], "tags"))`.
    Losses must have `reduction="mean_with_sample_weight"`, which gives the mean over the real steps, and metrics must
    be passed to `compile` as `weighted_metrics`. With other settings, Keras counts padded steps.

    Args:
      batch: A padded batch, as from `SequenceBatches.make_epoch`.
      inputs: The features that the model reads. Their lengths are added.
      label: The feature to predict: ids from 1, integers `[B, T]`, or `[B]` if there is one label per record.

    Returns:
      The inputs, in the form of the batch. Then the classes of the labels, int64, which are the ids minus 1, and 0 at
      padded steps. Last, the weights, float32 in the shape of the labels: 1 at real steps and for records, else 0.

    Raises:
      ValueError: if the batch lacks a feature, or if the label does not have the type or the shape of ids.
    """
    _check_batch(batch, inputs, label)
    labels = batch[label]
    if labels.shape.rank == 1:
        is_real = tf.ones_like(labels, tf.bool)
    else:
        is_real = make_step_mask(batch[LENGTHS], tf.shape(labels)[1])
    counts = [get_counts_key(name) for name in inputs if get_counts_key(name) in batch]
    x = {name: batch[name] for name in (*inputs, *counts, LENGTHS)}
    return x, convert_to_classes(labels, is_real), tf.cast(is_real, tf.float32)


def _check_batch(batch: Batch, inputs: Sequence[str], label: str) -> None:
    """Checks that the batch has the features, and that the label consists of ids.

    Raises:
      ValueError: if not.
    """
    for name in (*inputs, label, LENGTHS):
        if name not in batch:
            raise ValueError(
                f"the batch has no {name!r}; it has {', '.join(batch)}. Give the columns of SequenceBatches this "
                "feature, or leave it out here"
            )
    labels = batch[label]
    if not labels.dtype.is_integer or labels.shape.rank not in (1, 2):
        raise ValueError(
            f"the label {label!r} is {labels.dtype.name} {labels.shape}, but must be ids, integers [B, T] or [B]: let "
            "the transform turn it into ids"
        )
