"""Loss and decoding for connectionist temporal classification (CTC), where labels are not aligned with steps.

A sequence has fewer labels than steps. The model predicts a label or a blank for each step. To get the labels, repeats
of the same prediction are merged first, and then blanks are removed::

    steps   _ 3 3 _ 3 1 1      `_` is the blank
    labels    3     3 1        two equal labels in a row need a blank between them

The likelihood of the labels is the sum over all step sequences that result in them. Source: Graves et al. 2006,
"Connectionist Temporal Classification".

Logits are `[B, T, C + 1]`. Class c is the label with id c + 1, as in all losses, and the last class, C, is the blank.
"""

from __future__ import annotations

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    cast_to_full_precision,
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
    """Computes the negative log-likelihood of the labels.

    The loss is reduced as in `sequence_loss`, except that means are over labels instead of steps. For a sequence
    without labels, all steps should be blank, and the sequence counts as if it had one label. A sequence of length 0
    has loss 0 and does not count.

    Args:
      logits: `[B, T, C + 1]`, where the last class is the blank. The loss is computed in float32.
      lengths: The number of real steps of each sequence, integers `[B]`.
      labels: Ids 1 to C, integers `[B, U]`.
      label_lengths: The number of real labels of each sequence, integers `[B]`.
      reduction: `sequence_mean` is the mean over each sequence's labels, then over sequences. `token_mean` is the mean
        over all labels. `sum` is the sum.
      sequence_weights: The weight of each sequence, `[B]`.

    Raises:
      tf.errors.InvalidArgumentError: if a sequence has too few steps for its labels, or a real label is not in 1..C. A
        sequence needs one step per label, and one more step between two equal labels.
    """
    blank = logits.shape[-1] - 1
    mask = make_step_mask(lengths, tf.shape(logits)[1])
    # TensorFlow's CTC operation in graph mode supports float32 only, on CPU and on GPU.
    logits = zero_padding(tf.cast(logits, tf.float32), mask)
    has_steps = lengths > 0
    label_lengths = tf.where(has_steps, label_lengths, 0)
    has_labels = label_lengths > 0
    # TensorFlow's operation refuses a sequence without labels or steps. It gets one label and one step for such a
    # sequence, and the result is replaced below. U may be 0, so one column is added for that label.
    labels = tf.where(has_labels[:, None], tf.pad(labels, [[0, 0], [0, 1]]), FIRST_ID)
    op_lengths = tf.maximum(lengths, 1)
    op_label_lengths = tf.maximum(label_lengths, 1)
    losses = _compute_losses(logits, op_lengths, labels, op_label_lengths, blank)
    all_blank_losses = -tf.reduce_sum(zero_padding(tf.nn.log_softmax(logits)[:, :, blank], mask), 1)
    losses = tf.where(has_labels, losses, all_blank_losses)
    counts = tf.where(has_steps, op_label_lengths, 0)
    return reduce_sequences(losses, counts, reduction, sequence_weights)


def _compute_losses(
    logits: tf.Tensor, lengths: tf.Tensor, labels: tf.Tensor, label_lengths: tf.Tensor, blank: int
) -> tf.Tensor:
    """Computes the loss `[B]` of sequences with at least one step and one label by TensorFlow's operation."""
    is_real = make_step_mask(label_lengths, tf.shape(labels)[1])
    _check_labels(labels, is_real, lengths, num_classes=blank)
    label_classes = tf.cast(tf.boolean_mask(labels, is_real), tf.int32) - FIRST_ID
    return tf.nn.ctc_loss(
        labels=tf.SparseTensor(tf.where(is_real), label_classes, tf.shape(labels, tf.int64)),
        logits=logits,
        label_length=None,
        logit_length=tf.cast(lengths, tf.int32),
        logits_time_major=False,
        blank_index=blank,
    )


def ctc_decode(logits: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Takes the most likely class of each step, merges repeats, and removes blanks.

    Args:
      logits: `[B, T, C + 1]`, where the last class is the blank.
      lengths: The number of real steps of each sequence, integers `[B]`.

    Returns:
      The ids of the labels, int64 `[B, U]`, padded with 0 to the longest sequence of labels in the batch; and the
      number of labels of each sequence, int64 `[B]`.
    """
    mask = make_step_mask(lengths, tf.shape(logits)[1])
    logits = zero_padding(cast_to_full_precision(logits), mask)
    decoded, _ = tf.nn.ctc_greedy_decoder(tf.transpose(logits, [1, 0, 2]), tf.cast(lengths, tf.int32))
    ids = tf.SparseTensor(decoded[0].indices, decoded[0].values + FIRST_ID, decoded[0].dense_shape)
    row_of_ids = tf.cast(ids.indices[:, 0], tf.int32)
    label_counts = tf.math.bincount(row_of_ids, minlength=tf.shape(logits)[0], dtype=tf.int64)
    return tf.sparse.to_dense(ids, PAD_ID), label_counts


def _check_labels(labels: tf.Tensor, is_real: tf.Tensor, lengths: tf.Tensor, num_classes: int) -> None:
    """Refuses labels that TensorFlow's operation accepts silently, although they are wrong.

    These are the blank as a label, and more labels than fit into the steps, for which the loss is infinite.

    Args:
      labels: Ids `[B, U]`.
      is_real: Whether each label is not padding, bool `[B, U]`.
      lengths: The number of steps of each sequence, `[B]`.
      num_classes: The number of classes except the blank, which is the greatest valid id.
    """
    wrong = tf.boolean_mask(labels, is_real & (labels > num_classes))
    tf.debugging.Assert(tf.size(wrong) == 0, [f"Labels must be 1 to {num_classes}, but there are", wrong])
    repeated = is_real[:, 1:] & (labels[:, 1:] == labels[:, :-1])
    needed = tf.math.count_nonzero(is_real, 1) + tf.math.count_nonzero(repeated, 1)
    short = needed > tf.cast(lengths, tf.int64)
    tf.debugging.Assert(
        ~tf.reduce_any(short),
        [
            "Each label needs one step, and two equal labels in a row need one more step between them. Rows with too "
            "few steps, the number of steps needed, and the number of steps given:",
            tf.where(short)[:, 0],
            tf.boolean_mask(needed, short),
            tf.boolean_mask(lengths, short),
        ],
    )
