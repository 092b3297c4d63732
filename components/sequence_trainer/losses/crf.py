"""Linear-chain conditional random field: the labels of a sequence are scored together, not step by step.

The score of labels y for logits x of n steps is::

    start[y_0] + x[0, y_0] + transitions[y_0, y_1] + x[1, y_1] + ... + x[n - 1, y_(n-1)] + end[y_(n-1)]

and their probability the exponential of it over the sum of that of all label sequences (Lafferty, McCallum and
Pereira 2001, "Conditional Random Fields"; over RNN outputs: Huang, Xu and Yu 2015, "Bidirectional LSTM-CRF Models for
Sequence Tagging"). Weights start at 0, so that a new layer scores each step as a softmax does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.masking import classes, step_mask, zero_padding
from tfx_sequence.components.sequence_trainer.losses.crf_partition import log_partition
from tfx_sequence.components.sequence_trainer.losses.sequence import (
    LossParts,
    Reduction,
    full_precision,
    reduce_sequences,
)
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.tags import SpanScheme, read_tags

_FORBIDDEN = -1e9
"""The score of what a constraint forbids: less than any sum of real scores, and still finite, so that where every path
breaks a constraint, one that breaks the fewest is the best."""


class TagConstraints(NamedTuple):
    """The labels that may start a sequence, follow one another, and end a sequence.

    Attributes:
      start: bool `[C]`.
      transitions: Whether the second may follow the first, bool `[C, C]`.
      end: bool `[C]`.
    """

    start: npt.NDArray[np.bool_]
    transitions: npt.NDArray[np.bool_]
    end: npt.NDArray[np.bool_]


def tag_constraints(tags: Sequence[str], scheme: SpanScheme) -> TagConstraints:
    """Returns what a scheme of span tags, such as BIO, allows for the tags of ids 1, 2, ...

    I and E follow only B or I of their type; in a scheme with E, B and I are followed only by I or E of their type.

    Raises:
      ValueError: if the scheme is unknown, or a tag is not of it.
    """
    tag_set = read_tags(tags, scheme)
    index = np.arange(len(tags))
    transitions = tag_set.may_follow(index[:, None], index[None, :])
    return TagConstraints(tag_set.may_start, transitions, tag_set.may_end)


@keras.saving.register_keras_serializable("tfx_sequence")
class LinearChainCRF(keras.layers.Layer):
    """Scores of labels that follow one another, on top of logits.

    Calling the layer decodes: logits `[B, T, C]` and lengths `[B]` to the ids of the best labels, int64 `[B, T]`, 0 at
    padded steps. Training uses `loss`. Logits at padded steps may hold anything, and get no gradient.

    Constraints apply to decoding alone: training data that breaks one still has a finite loss.

    Args:
      num_labels: The number of labels, C.
      constraints: Constraints of `num_labels` labels, as from `tag_constraints`; any label may follow any if None.
      **kwargs: Arguments of `keras.layers.Layer`. The dtype is float32 unless given, also under mixed precision.

    Raises:
      ValueError: if the constraints are for another number of labels.
    """

    def __init__(self, num_labels: int, constraints: TagConstraints | None = None, **kwargs: Any) -> None:
        if constraints is not None:
            _check_shapes(constraints, num_labels)
        super().__init__(**{"dtype": "float32", **kwargs})
        self.num_labels = num_labels
        self.constraints = constraints
        self.transitions = self.add_weight(shape=(num_labels, num_labels), initializer="zeros", name="transitions")
        self.start = self.add_weight(shape=(num_labels,), initializer="zeros", name="start")
        self.end = self.add_weight(shape=(num_labels,), initializer="zeros", name="end")
        self.built = True

    def call(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Returns the ids of the best labels: int64 `[B, T]`, 0 at padded steps."""
        return self.decode(logits, lengths)[0]

    def loss(
        self,
        logits: tf.Tensor,
        labels: tf.Tensor,
        lengths: tf.Tensor,
        *,
        reduction: Reduction = "sequence_mean",
        sequence_weights: tf.Tensor | None = None,
    ) -> LossParts:
        """Computes the negative log-likelihood, reduced as in `sequence_loss`.

        Labels of a sequence are scored together: each step has an equal share of its sequence's loss.
        """
        losses = -self.log_likelihood(logits, labels, lengths)
        return reduce_sequences(losses, lengths, reduction, sequence_weights)

    def log_likelihood(self, logits: tf.Tensor, labels: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes the log-probability of the labels, `[B]`; 0 for a sequence of length 0.

        Args:
          logits: `[B, T, C]`.
          labels: Ids 1 to C, integers `[B, T]`.
          lengths: Real steps of each sequence, integers `[B]`.

        Raises:
          tf.errors.InvalidArgumentError: if a real label is not in 1..C (on CPU).
        """
        logits, transitions, start, end = self._cast_scores(logits)
        mask = step_mask(lengths, tf.shape(logits)[1])
        logits = zero_padding(logits, mask)
        y = classes(labels, mask)
        last = tf.gather(y, tf.maximum(tf.cast(lengths, tf.int64) - 1, 0), batch_dims=1)
        step_scores = zero_padding(tf.gather(logits, y, batch_dims=2), mask)
        pair_scores = tf.gather_nd(transitions, tf.stack([y[:, :-1], y[:, 1:]], -1))
        # A transition counts if the step that it leads to is real.
        score = tf.reduce_sum(step_scores, 1) + tf.reduce_sum(zero_padding(pair_scores, mask[:, 1:]), 1)
        score += tf.gather(start, y[:, 0]) + tf.gather(end, last)
        return tf.where(lengths > 0, score - log_partition(logits, lengths, transitions, start, end), 0)

    def marginals(self, logits: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Computes each label's probability at each step, over all label sequences: `[B, T, C]`, 0 at padded steps."""
        logits, transitions, start, end = self._cast_scores(logits)
        logits = zero_padding(logits, step_mask(lengths, tf.shape(logits)[1]))
        # Their probability is what log Z changes by, if the logit does.
        with tf.GradientTape() as tape:
            tape.watch(logits)
            log_z = log_partition(logits, lengths, transitions, start, end)
        return tape.gradient(log_z, logits)

    def decode(self, logits: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Finds the best labels that keep the constraints (Viterbi 1967).

        Returns:
          Their ids, int64 `[B, T]`, 0 at padded steps, and their score, `[B]`, 0 for a sequence of length 0.
        """
        logits, transitions, start, end = self._cast_scores(logits)
        if self.constraints is not None:
            transitions += tf.where(self.constraints.transitions, 0.0, tf.cast(_FORBIDDEN, transitions.dtype))
            start += tf.where(self.constraints.start, 0.0, tf.cast(_FORBIDDEN, start.dtype))
            end += tf.where(self.constraints.end, 0.0, tf.cast(_FORBIDDEN, end.dtype))
        mask = step_mask(lengths, tf.shape(logits)[1])
        emitted = tf.transpose(zero_padding(logits, mask), [1, 0, 2])  # [T, B, C]
        real = tf.transpose(mask)
        score, sources = _find_best_sources(emitted, real, transitions, start)
        score += end
        path = _trace_back(sources, tf.argmax(score, -1, tf.int32))
        ids = tf.where(mask, tf.cast(tf.transpose(path), tf.int64) + FIRST_ID, PAD_ID)
        return ids, tf.where(lengths > 0, tf.reduce_max(score, -1), 0)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        constraints = None
        if self.constraints is not None:
            constraints = {name: value.tolist() for name, value in self.constraints._asdict().items()}
        return {**super().get_config(), "num_labels": self.num_labels, "constraints": constraints}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LinearChainCRF:
        """Makes the layer from what `get_config` returned."""
        config = dict(config)
        constraints = config.pop("constraints")
        if constraints is not None:
            constraints = TagConstraints(**{name: np.array(value) for name, value in constraints.items()})
        return cls(constraints=constraints, **config)

    def _cast_scores(self, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Casts logits, transitions, start and end to one type, of full precision."""
        logits = full_precision(logits)
        weights = (tf.cast(weight, logits.dtype) for weight in (self.transitions, self.start, self.end))
        return (logits, *weights)


def _check_shapes(constraints: TagConstraints, num_labels: int) -> None:
    shapes = [np.shape(part) for part in constraints]
    if shapes != [(num_labels,), (num_labels, num_labels), (num_labels,)]:
        raise ValueError(f"constraints for {num_labels} labels cannot have start, transitions and end of {shapes}")


def _find_best_sources(
    emitted: tf.Tensor, real: tf.Tensor, transitions: tf.Tensor, start: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the best path to each label of each step.

    Returns:
      The score of the best path to each label of the last real step, `[B, C]`, and for each label of each step the
      label that its best path comes from, int32 `[T, B, C]`. A padded step's labels come from themselves, so that a
      path keeps its last real label, and so do the first step's.
    """
    steps = tf.shape(emitted)[0]
    itself = tf.broadcast_to(tf.range(tf.shape(start)[0]), tf.shape(emitted)[1:])
    sources = tf.TensorArray(tf.int32, steps, element_shape=emitted.shape[1:]).write(0, itself)

    def body(t: tf.Tensor, score: tf.Tensor, sources: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        paths = score[:, :, None] + transitions  # [B, from, to]
        is_real = real[t][:, None]
        sources = sources.write(t, tf.where(is_real, tf.argmax(paths, 1, tf.int32), itself))
        return t + 1, tf.where(is_real, tf.reduce_max(paths, 1) + emitted[t], score), sources

    _, score, sources = tf.while_loop(lambda t, *_: t < steps, body, [1, start + emitted[0], sources])
    return score, sources.stack()


def _trace_back(sources: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Follows the sources back from the labels `last` `[B]`, and returns the labels of each step, int32 `[T, B]`."""
    steps = tf.shape(sources)[0]
    path = tf.TensorArray(tf.int32, steps, element_shape=last.shape)

    def body(t: tf.Tensor, label: tf.Tensor, path: tf.TensorArray) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
        return t - 1, tf.gather(sources[t], label, batch_dims=1), path.write(t, label)

    _, _, path = tf.while_loop(lambda t, *_: t >= 0, body, [steps - 1, last, path])
    return path.stack()
