"""Summarizes a softmax over many classes, so that evaluation and serving need not keep the logits of all steps.

The logits of 1,024 steps and 100,000 classes take 400 MB, and so does each copy that a loss or a metric makes of them.
Only a few numbers per step are needed of them later. They are computed for one chunk of steps after another::

    hidden [B, T, D]  ->  steps [N, D]  ->  chunk [n, D]  ->  logits [n, C]  ->  best class, its probability, log of the
                                                                                 sum of the exponentials [n]
    loss of a step  =  log of the sum - logit of the label
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import convert_to_classes, make_step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.sequence import cast_to_full_precision

MAX_LOGITS = 1 << 22
"""The maximum number of logits in a chunk. They take 16 MB, and a chunk needs two copies of them.

With 200,000 classes a chunk has 20 steps. Fewer would make the product with the weights slower, because the weights are
read once per chunk.
"""


class OutputLayer(NamedTuple):
    """The weights of a softmax layer, float32 or float64.

    Attributes:
      kernel: One column per class, `[D, C]`, or one row per class, `[C, D]`.
      bias: `[C]`.
      has_rows: Whether the kernel has one row per class, as an embedding table has.
    """

    kernel: tf.Tensor
    bias: tf.Tensor
    has_rows: bool = False

    def compute_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Maps vectors `[N, D]` to logits `[N, C]`."""
        return tf.matmul(hidden, self.kernel, transpose_b=self.has_rows) + self.bias

    def score_classes(self, hidden: tf.Tensor, class_ids: tf.Tensor) -> tf.Tensor:
        """Computes the logit of one class per step, without those of the other classes.

        Args:
          hidden: `[B, T, D]`.
          class_ids: The class of each step, integers `[B, T]`.

        Returns:
          `[B, T]`.

        Raises:
          tf.errors.InvalidArgumentError: if a class is not in 0..C-1 (on CPU).
        """
        # The bias is gathered first, because this raises an error for a class that does not exist.
        biases = tf.gather(self.bias, class_ids)
        if self.has_rows:
            return tf.einsum("btd,btd->bt", hidden, tf.gather(self.kernel, class_ids)) + biases
        return tf.einsum("btd,dbt->bt", hidden, tf.gather(self.kernel, class_ids, axis=1)) + biases

    def compute_mean_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Computes the mean of the C logits of each step: `[B, T, D]` to `[B, T]`."""
        mean_vector = tf.reduce_mean(self.kernel, axis=0 if self.has_rows else 1)
        return tf.einsum("btd,d->bt", hidden, mean_vector) + tf.reduce_mean(self.bias)


class SoftmaxSummary(NamedTuple):
    """What evaluation and serving need of the logits of each step.

    The shapes are those of steps. If there is one label per record, the axis T is missing.

    Attributes:
      hidden: The inputs of the softmax layer, `[B, T, D]`.
      best_class: The class with the highest logit, from 0, int64 `[B, T]`.
      best_probability: The probability of this class, `[B, T]`.
      log_sum: The logarithm of the sum of the exponentials of all logits, `[B, T]`.
    """

    hidden: tf.Tensor
    best_class: tf.Tensor
    best_probability: tf.Tensor
    log_sum: tf.Tensor


def summarize_softmax(hidden: tf.Tensor, layer: OutputLayer) -> SoftmaxSummary:
    """Computes the logits of one chunk of steps after another, and keeps only the summary.

    Args:
      hidden: The inputs of the softmax layer, `[B, T, D]` or `[B, D]`. Half precision is computed in float32.
      layer: The weights of the softmax layer.
    """
    hidden = cast_to_full_precision(hidden)
    steps = tf.reshape(hidden, [-1, hidden.shape[-1]])
    chunk_size = max(1, MAX_LOGITS // int(layer.bias.shape[0]))
    # Without any step there is one empty chunk, because nothing cannot be concatenated.
    num_chunks = tf.maximum((tf.shape(steps)[0] + chunk_size - 1) // chunk_size, 1)
    dtypes = (tf.int64, hidden.dtype, hidden.dtype)
    columns = [tf.TensorArray(dtype, num_chunks, infer_shape=False, element_shape=[None]) for dtype in dtypes]

    def add_chunk(index: tf.Tensor, columns: list[tf.TensorArray]) -> tuple[tf.Tensor, list[tf.TensorArray]]:
        start = index * chunk_size
        logits = layer.compute_logits(steps[start : start + chunk_size])
        values = _summarize_logits(logits)
        columns = [column.write(index, value) for column, value in zip(columns, values, strict=True)]
        return index + 1, columns

    # Chunks that run at the same time would need the memory of all of them.
    _, columns = tf.while_loop(
        lambda index, _: index < num_chunks, add_chunk, (tf.constant(0), columns), parallel_iterations=1
    )
    parts = []
    for column in columns:
        part = tf.reshape(column.concat(), tf.shape(hidden)[:-1])
        parts.append(tf.ensure_shape(part, hidden.shape[:-1]))
    return SoftmaxSummary(hidden, *parts)


def compute_step_losses_from_summary(
    summary: SoftmaxSummary,
    layer: OutputLayer,
    labels: tf.Tensor,
    lengths: tf.Tensor,
    *,
    class_weights: tf.Tensor | None = None,
    label_smoothing: float = 0.0,
) -> tf.Tensor:
    """Computes the cross entropy of each step, `[B, T]`, as `compute_step_losses` does from logits; 0 at padded steps.

    Args:
      summary: The summary of the softmax, with one label per step.
      layer: The weights of the softmax layer.
      labels: Ids 1 to C, integers `[B, T]`.
      lengths: The number of real steps of each sequence, integers `[B]`.
      class_weights: The factor for the loss of the steps with each label, `[C]`.
      label_smoothing: The share of the target probability that is spread evenly over all C classes.

    Raises:
      tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
    """
    mask = make_step_mask(lengths, tf.shape(summary.log_sum)[1])
    label_class = convert_to_classes(labels, mask)
    losses = summary.log_sum - layer.score_classes(summary.hidden, label_class)
    if label_smoothing:
        # The mean of the cross entropies that each of the C classes would have as the label.
        even_losses = summary.log_sum - layer.compute_mean_logits(summary.hidden)
        losses = (1 - label_smoothing) * losses + label_smoothing * even_losses
    if class_weights is not None:
        losses *= tf.gather(tf.cast(class_weights, losses.dtype), label_class)
    return zero_padding(losses, mask)


def _summarize_logits(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Maps logits `[n, C]` to the best class, its probability, and the log of the sum of exponentials, each `[n]`."""
    best_logit = tf.reduce_max(logits, -1)
    # The exponential of the best logit becomes 1, so no exponential overflows, and its share of the sum is 1 / sum.
    total = tf.reduce_sum(tf.exp(logits - best_logit[:, None]), -1)
    return tf.argmax(logits, -1), 1 / total, best_logit + tf.math.log(total)
