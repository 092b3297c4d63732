"""A Keras layer for a linear-chain conditional random field (CRF), which scores the labels of a sequence together.

The score of labels y for logits x of n steps is::

    start[y_0] + x[0, y_0] + transitions[y_0, y_1] + x[1, y_1] + ... + x[n - 1, y_(n-1)] + end[y_(n-1)]

The probability of a label sequence is exp(score), divided by the sum of exp(score) over all label sequences. The
weights start at 0, so a new layer scores each step by itself, as a softmax does.

Sources: Lafferty, McCallum and Pereira 2001, "Conditional Random Fields"; Huang, Xu and Yu 2015, "Bidirectional
LSTM-CRF Models for Sequence Tagging" (on top of RNN outputs).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import (
    convert_to_classes,
    make_step_mask,
    refuse_keras_mask,
    zero_padding,
)
from tfx_sequence.components.sequence_trainer.losses.crf_partition import compute_log_partition
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    cast_to_full_precision,
    reduce_sequences,
)
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.tags import SpanScheme, read_tags

_FORBIDDEN = -1e9
"""The score that decoding adds for each broken constraint. It is lower than any sum of real scores, but finite. So if
every label sequence breaks a constraint, a sequence that breaks the fewest wins."""


class TagConstraints(NamedTuple):
    """The labels that may start a sequence, follow one another, and end a sequence.

    Attributes:
      start: Whether each label may start a sequence, bool `[C]`.
      transitions: Whether each label (rows) may be followed by each label (columns), bool `[C, C]`.
      end: Whether each label may end a sequence, bool `[C]`.
    """

    start: npt.NDArray[np.bool_]
    transitions: npt.NDArray[np.bool_]
    end: npt.NDArray[np.bool_]


class _Weights(NamedTuple):
    """The weights of a CRF, in the order of the arguments of `compute_log_partition`.

    Attributes:
      transitions: The score of each label (rows) being followed by each label (columns), `[C, C]`.
      start: The score of each label at the first step, `[C]`.
      end: The score of each label at the last real step, `[C]`.
    """

    transitions: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor


def make_tag_constraints(tags: Sequence[str], scheme: SpanScheme) -> TagConstraints:
    """Makes the constraints that a scheme of span tags, such as BIO, puts on the tags.

    I and E may follow only B or I of the same type. If the scheme has E, then B and I may be followed only by I or E of
    the same type.

    Args:
      tags: The tags of ids 1, 2, ..., such as `["O", "B-PER", "I-PER"]`.
      scheme: The name of the scheme, such as `BIO` or `BIOES`.

    Raises:
      ValueError: if the scheme is unknown, or a tag does not belong to the scheme.
    """
    tag_set = read_tags(tags, scheme)
    index = np.arange(len(tags))
    transitions = tag_set.may_follow(index[:, None], index[None, :])
    return TagConstraints(tag_set.may_start, transitions, tag_set.may_end)


@keras.saving.register_keras_serializable("tfx_sequence")
class LinearChainCRF(keras.layers.Layer):
    """A layer that adds the scores of neighbouring labels to the logits of each step.

    Calling the layer decodes: it takes logits `[B, T, C]` and lengths `[B]`, and returns the ids of the best labels.
    For training, call `compute_loss`. Logits at padded steps may have any value, and get no gradient.

    Constraints apply to decoding only. Training data that breaks a constraint still has a finite loss.

    The methods need batches with T at least 1. A sequence may have the length 0.

    Args:
      num_labels: The number of labels, C.
      constraints: The label sequences that decoding allows, as from `make_tag_constraints`. If None, all are allowed.
      **kwargs: Arguments of `keras.layers.Layer`. The default dtype is float32, also under mixed precision.

    Raises:
      ValueError: if `num_labels` is less than 1, or the constraints are for another number of labels.
    """

    def __init__(self, num_labels: int, constraints: TagConstraints | None = None, **kwargs: Any) -> None:
        if num_labels < 1:
            raise ValueError(f"`num_labels` must be at least 1, but is {num_labels}.")
        if constraints is not None:
            _check_shapes(constraints, num_labels)
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.num_labels = num_labels
        self.constraints = constraints
        self.transitions = self.add_weight(shape=(num_labels, num_labels), initializer="zeros", name="transitions")
        self.start = self.add_weight(shape=(num_labels,), initializer="zeros", name="start")
        self.end = self.add_weight(shape=(num_labels,), initializer="zeros", name="end")
        self.built = True

    def call(self, logits: tf.Tensor, lengths: tf.Tensor, logits_mask: tf.Tensor | None = None) -> tf.Tensor:
        """Returns the ids of the best labels: int64 `[B, T]`, 0 at padded steps. A mask of Keras is refused."""
        refuse_keras_mask(self, logits_mask)
        return self.decode(logits, lengths)[0]

    def compute_loss(
        self,
        logits: tf.Tensor,
        labels: tf.Tensor,
        lengths: tf.Tensor,
        *,
        reduction: Reduction = "sequence_mean",
        sequence_weights: tf.Tensor | None = None,
    ) -> LossParts:
        """Computes the negative log-likelihood of the labels, reduced as in `sequence_loss`.

        A sequence has one loss for all its labels. A reduction by steps divides it evenly among the steps.

        Args:
          logits: `[B, T, C]`.
          labels: Ids 1 to C, integers `[B, T]`.
          lengths: The number of real steps of each sequence, integers `[B]`.
          reduction: How the losses of the steps are combined into one number.
          sequence_weights: The weight of each sequence, `[B]`.

        Raises:
          tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
        """
        losses = -self.compute_log_likelihood(logits, labels, lengths)
        return reduce_sequences(losses, lengths, reduction, sequence_weights)

    def compute_log_likelihood(self, logits: tf.Tensor, labels: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes the log-probability of the labels, `[B]`; 0 for a sequence of length 0.

        Args:
          logits: `[B, T, C]`.
          labels: Ids 1 to C, integers `[B, T]`.
          lengths: The number of real steps of each sequence, integers `[B]`.

        Raises:
          tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
        """
        logits, weights = self._cast_scores(logits)
        mask = make_step_mask(lengths, tf.shape(logits)[1])
        # Padded logits may be NaN, whose gradient would be NaN even if it is not used.
        logits = zero_padding(logits, mask)
        score = _score_labels(logits, convert_to_classes(labels, mask), lengths, weights)
        log_z = compute_log_partition(logits, lengths, *weights)
        # A sequence without steps has one label sequence, the empty one, with the probability 1.
        return tf.where(lengths > 0, score - log_z, 0)

    def compute_marginals(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes each label's probability at each step, over all label sequences: `[B, T, C]`, 0 at padded steps."""
        logits, weights = self._cast_scores(logits)
        logits = zero_padding(logits, make_step_mask(lengths, tf.shape(logits)[1]))
        # The probability of a label at a step is the derivative of log Z with respect to the label's logit.
        with tf.GradientTape() as tape:
            tape.watch(logits)
            log_z = compute_log_partition(logits, lengths, *weights)
        return tape.gradient(log_z, logits)

    def decode(self, logits: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the labels with the highest score among those that keep the constraints (Viterbi 1967).

        Returns:
          The ids of the labels, int64 `[B, T]`, 0 at padded steps; and the score of each sequence's labels, `[B]`, 0
          for a sequence of length 0. If every label sequence breaks a constraint, the score contains -1e9 for each one
          that is broken.
        """
        logits, (transitions, start, end) = self._cast_scores(logits)
        if self.constraints is not None:
            transitions += _penalize(self.constraints.transitions, transitions.dtype)
            start += _penalize(self.constraints.start, start.dtype)
            end += _penalize(self.constraints.end, end.dtype)
        mask = make_step_mask(lengths, tf.shape(logits)[1])
        step_scores = tf.transpose(zero_padding(logits, mask), [1, 0, 2])  # [T, B, C]
        score, backpointers = _find_backpointers(step_scores, tf.transpose(mask), transitions, start)
        score += end
        path = _trace_back(backpointers, tf.argmax(score, -1, tf.int32))
        ids = tf.where(mask, tf.cast(tf.transpose(path), tf.int64) + FIRST_ID, PAD_ID)
        return ids, tf.where(lengths > 0, tf.reduce_max(score, -1), 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        constraints: dict[str, Any] | None = None
        if self.constraints is not None:
            constraints = {name: allowed.tolist() for name, allowed in self.constraints._asdict().items()}
        return {**super().get_config(), "num_labels": self.num_labels, "constraints": constraints}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LinearChainCRF:
        """Makes the layer from the result of `get_config`."""
        config = dict(config)
        constraints = config.pop("constraints")
        if constraints is not None:
            arrays = {name: np.array(allowed) for name, allowed in constraints.items()}
            constraints = TagConstraints(**arrays)
        return cls(constraints=constraints, **config)

    def _cast_scores(self, logits: tf.Tensor) -> tuple[tf.Tensor, _Weights]:
        """Casts the logits and the weights to the dtype of the logits; half precision becomes float32.

        Raises:
          ValueError: if the logits do not have the shape `[B, T, C]`.
        """
        logits = cast_to_full_precision(logits)
        if logits.shape.rank != 3 or logits.shape[2] not in (None, self.num_labels):
            raise ValueError(f"logits must be [B, T, {self.num_labels}], one per label, but are {logits.shape}")
        weights = [tf.cast(weight, logits.dtype) for weight in (self.transitions, self.start, self.end)]
        return logits, _Weights(*weights)


def _check_shapes(constraints: TagConstraints, num_labels: int) -> None:
    """Raises a ValueError if the constraints are not for `num_labels` labels."""
    shapes = [np.shape(part) for part in constraints]
    expected_shapes = [(num_labels,), (num_labels, num_labels), (num_labels,)]
    if shapes != expected_shapes:
        raise ValueError(
            f"for {num_labels} labels, the start, transitions and end of constraints must have the shapes "
            f"{expected_shapes}, but they have {shapes}; call make_tag_constraints with all tags of the layer"
        )


def _score_labels(logits: tf.Tensor, labels: tf.Tensor, lengths: tf.Tensor, weights: _Weights) -> tf.Tensor:
    """Computes the score of given labels, as at the top of this module, `[B]`. At length 0, it has no meaning.

    Args:
      logits: `[B, T, C]`, 0 at padded steps.
      labels: Labels from 0 to C - 1, int64 `[B, T]`, 0 at padded steps.
      lengths: The number of real steps of each sequence, integers `[B]`.
      weights: The weights of the CRF.
    """
    mask = make_step_mask(lengths, tf.shape(logits)[1])
    step_scores = zero_padding(tf.gather(logits, labels, batch_dims=2), mask)
    pairs = tf.stack([labels[:, :-1], labels[:, 1:]], -1)  # [B, T - 1, 2]
    # A transition counts if the step that it leads to is real.
    pair_scores = zero_padding(tf.gather_nd(weights.transitions, pairs), mask[:, 1:])
    # A sequence of length 0 has no last step, but its index must be in the batch.
    last_steps = tf.maximum(tf.cast(lengths, tf.int64) - 1, 0)
    last_labels = tf.gather(labels, last_steps, batch_dims=1)
    boundary_scores = tf.gather(weights.start, labels[:, 0]) + tf.gather(weights.end, last_labels)
    return tf.reduce_sum(step_scores, 1) + tf.reduce_sum(pair_scores, 1) + boundary_scores


def _penalize(is_allowed: npt.NDArray[np.bool_], dtype: tf.DType) -> tf.Tensor:
    """Returns 0 where `is_allowed`, and the penalty for a broken constraint elsewhere."""
    return tf.where(is_allowed, 0.0, tf.cast(_FORBIDDEN, dtype))


def _find_backpointers(
    step_scores: tf.Tensor, mask: tf.Tensor, transitions: tf.Tensor, start: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the best path to each label of each step.

    At a padded step, each label points to itself, so a path repeats its last real label there. The same holds at the
    first step, because there is no step before it.

    Args:
      step_scores: The score of each label at each step, `[T, B, C]`.
      mask: Whether each step is not padding, bool `[T, B]`.
      transitions: The score of each label (rows) being followed by each label (columns), `[C, C]`.
      start: The score of each label at the first step, `[C]`.

    Returns:
      The score of the best path to each label of the last real step, `[B, C]`; and the backpointers, int32
      `[T, B, C]`: for each label of each step, the label of the step before on the best path.
    """
    steps = tf.shape(step_scores)[0]
    own_label = tf.broadcast_to(tf.range(tf.shape(start)[0]), tf.shape(step_scores)[1:])
    backpointers = tf.TensorArray(tf.int32, steps, element_shape=step_scores.shape[1:]).write(0, own_label)

    def extend_paths(
        t: tf.Tensor, score: tf.Tensor, backpointers: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        paths = score[:, :, None] + transitions  # [B, from, to]
        is_real = mask[t][:, None]
        backpointers = backpointers.write(t, tf.where(is_real, tf.argmax(paths, 1, tf.int32), own_label))
        best_score = tf.reduce_max(paths, 1) + step_scores[t]
        return t + 1, tf.where(is_real, best_score, score), backpointers

    first_score = start + step_scores[0]
    _, score, backpointers = tf.while_loop(lambda t, *_: t < steps, extend_paths, [1, first_score, backpointers])
    return score, backpointers.stack()


def _trace_back(backpointers: tf.Tensor, last_labels: tf.Tensor) -> tf.Tensor:
    """Follows the backpointers from the labels of the last step.

    Args:
      backpointers: For each label of each step, the label of the step before, int32 `[T, B, C]`.
      last_labels: The label of the last step, int32 `[B]`.

    Returns:
      The labels of all steps, int32 `[T, B]`.
    """
    steps = tf.shape(backpointers)[0]
    path = tf.TensorArray(tf.int32, steps, element_shape=last_labels.shape)

    def follow_step(
        t: tf.Tensor, label: tf.Tensor, path: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        return t - 1, tf.gather(backpointers[t], label, batch_dims=1), path.write(t, label)

    _, _, path = tf.while_loop(lambda t, *_: t >= 0, follow_step, [steps - 1, last_labels, path])
    return path.stack()
