"""Connectionist temporal classification (CTC): a sequence of labels that is shorter than its steps, unaligned.

Each step has a label or a blank. Runs of one label collapse, then blanks go away. The likelihood of the labels is the
sum over all step sequences that give them (Graves et al. 2006, "Connectionist Temporal Classification")::

    steps   _ 3 3 _ 3 1 1      `_`: blank
    labels    3     3 1        two equal labels need a blank between them

Class c of the logits `[B, T, C + 1]` is the label with id c + 1, as everywhere, and the last class, C, is the blank.
"""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    full_precision,
    reduce_sequences,
)
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID


def ctc_loss(
    logits: tf.Tensor,
    lengths: tf.Tensor,
    labels: tf.Tensor,
    label_lengths: tf.Tensor,
    *,
    reduction: Reduction = "sequence_mean",
    sequence_weights: tf.Tensor | None = None,
) -> LossParts:
    """Computes the negative log-likelihood of the labels, reduced as in `sequence_loss`, by labels instead of steps.

    A sequence of no labels counts as one of one label: all of its steps should be blank. A sequence of length 0 has
    loss 0 and does not count.

    Args:
      logits: `[B, T, C + 1]`, the blank last; computed in float32.
      lengths: Real steps of each sequence, integers `[B]`.
      labels: Ids 1 to C, integers `[B, U]`.
      label_lengths: Real labels of each sequence, integers `[B]`.
      reduction: `sequence_mean`: mean over each sequence's labels, then over sequences; `token_mean`: over all labels.
      sequence_weights: The weight of each sequence, `[B]`.

    Raises:
      tf.errors.InvalidArgumentError: if a sequence has fewer steps than labels, counting one more step between two
        labels that are equal, or a real label is not in 1..C.
    """
    blank = logits.shape[-1] - 1
    mask = step_mask(lengths, tf.shape(logits)[1])
    # The op that a graph runs, on CPU or GPU, knows float32 only.
    logits = zero_padding(tf.cast(logits, tf.float32), mask)
    has_steps = lengths > 0
    label_lengths = tf.where(has_steps, label_lengths, 0)
    has_labels = label_lengths > 0
    # TensorFlow's op refuses a sequence of no labels: it sees one label and one step instead, and its loss is not used.
    # U may be 0, so there is one more place for that label.
    labels = tf.where(has_labels[:, None], tf.pad(labels, [[0, 0], [0, 1]]), FIRST_ID)
    is_real = step_mask(tf.maximum(label_lengths, 1), tf.shape(labels)[1])
    _check_labels(labels, is_real, tf.where(has_steps, lengths, 1), blank)
    label_classes = tf.cast(tf.boolean_mask(labels, is_real), tf.int32) - FIRST_ID
    sparse_labels = tf.SparseTensor(tf.where(is_real), label_classes, tf.shape(labels, tf.int64))
    losses = tf.nn.ctc_loss(
        labels=sparse_labels,
        logits=logits,
        label_length=None,
        logit_length=tf.cast(tf.maximum(lengths, 1), tf.int32),
        logits_time_major=False,
        blank_index=blank,
    )
    all_blank = -tf.reduce_sum(zero_padding(tf.nn.log_softmax(logits)[:, :, blank], mask), 1)
    losses = tf.where(has_labels, losses, all_blank)
    counts = tf.where(has_steps, tf.maximum(label_lengths, 1), 0)
    return reduce_sequences(losses, counts, reduction, sequence_weights)


def ctc_decode(logits: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the likeliest class of each step, and collapses them to labels.

    Returns:
      Their ids, int64 `[B, U]`, padded with 0 to the longest of the batch, and their number, int64 `[B]`.
    """
    mask = step_mask(lengths, tf.shape(logits)[1])
    logits = zero_padding(full_precision(logits), mask)
    decoded, _ = tf.nn.ctc_greedy_decoder(tf.transpose(logits, [1, 0, 2]), tf.cast(lengths, tf.int32))
    ids = tf.SparseTensor(decoded[0].indices, decoded[0].values + FIRST_ID, decoded[0].dense_shape)
    number = tf.math.bincount(tf.cast(ids.indices[:, 0], tf.int32), minlength=tf.shape(logits)[0], dtype=tf.int64)
    return tf.sparse.to_dense(ids, PAD_ID), number


def _check_labels(labels: tf.Tensor, is_real: tf.Tensor, lengths: tf.Tensor, num_classes: int) -> None:
    """Refuses what the op takes without a word: the blank as a label, and labels that cannot fit (their loss is inf).

    Args:
      labels: Ids `[B, U]`.
      is_real: Whether each of them counts, bool `[B, U]`.
      lengths: The steps that there are for them, `[B]`.
      num_classes: The greatest id.
    """
    wrong = tf.boolean_mask(labels, is_real & (labels > num_classes))
    tf.debugging.Assert(tf.size(wrong) == 0, [f"Labels must be 1 to {num_classes}, but there are", wrong])
    repeated = is_real[:, 1:] & (labels[:, 1:] == labels[:, :-1])
    needed = tf.math.count_nonzero(is_real, 1) + tf.math.count_nonzero(repeated, 1)
    short = needed > tf.cast(lengths, tf.int64)
    tf.debugging.Assert(
        ~tf.reduce_any(short),
        [
            "Labels need a step each, and one more between two that are equal. Rows that lack steps, the steps that "
            "they need, and have:",
            tf.where(short)[:, 0],
            tf.boolean_mask(needed, short),
            tf.boolean_mask(lengths, short),
        ],
    )
