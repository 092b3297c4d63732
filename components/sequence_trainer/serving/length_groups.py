"""Answers the records of a request in groups of similar length, so that a long record does not pad all the others.

A request with one record of 20,000 steps and 300 records of 20 steps would be padded to 6 million steps, of which
26,000 are real. The exported graph therefore divides it, and computes one group after another::

    lengths             3  20000  20  7  18  16000
    longest first       20000  16000 | 20  18  7  3       a group ends before a record that is less than half as long as
                                                          its first record, unless the group is small
    answers of a group  [2, 20000]     [4, 20]
    of all records      [6, 20000], in the order of the request

A request whose records are of similar length is one group. It is answered directly, without any sorting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.graph_outputs import pad_steps
from tfx_sequence.components.sequence_trainer.serving.needed_features import AnyTensor

SMALL_GROUP = 4096
"""The number of steps, padding included, up to which a group is not divided.

The steps of one record are computed one after another, so to compute a second group takes longer than a little padding.
"""

Columns = Mapping[str, AnyTensor]
"""The columns of the records without padding: ragged `[B, (T), ...]`, or `[B]` or `[B, width]` for context features."""

HeadAnswers = dict[str, dict[str, tf.Tensor]]
"""The answers of each head: the name of a label, then the name of an answer, `[B, T, ...]` or `[B, ...]`."""


AnswerFunction = Any
"""A `tf.function` that maps Columns to HeadAnswers. The class of such functions is private."""


class _Answer(NamedTuple):
    """One answer of a head, which is collected over the groups.

    Attributes:
      label: The label.
      name: The name of the answer.
      spec: The shape and dtype of the answer.
    """

    label: str
    name: str
    spec: tf.TensorSpec

    @property
    def has_steps(self) -> bool:
        """Whether the answer has one value per step: its second axis has no fixed size."""
        return self.spec.shape.rank > 1 and self.spec.shape[1] is None

    @property
    def value_shape(self) -> list[int | None]:
        """The sizes of the axes behind B and T, or behind B."""
        first_axis = 2 if self.has_steps else 1
        return self.spec.shape.as_list()[first_axis:]

    def is_collectable(self, per_step: Mapping[str, bool]) -> bool:
        """Returns whether the answers of several groups can be joined.

        Args:
          per_step: Maps the name of each label to whether it has one value per step.
        """
        if self.spec.shape.rank is None or None in self.value_shape:
            return False
        return per_step[self.label] or not self.has_steps

    def make_array(self) -> tf.TensorArray:
        """Makes an array that collects this answer, one entry per group."""
        shape = [None, *self.value_shape]
        return tf.TensorArray(self.spec.dtype, 0, dynamic_size=True, infer_shape=False, element_shape=shape)


def answer_by_length(
    answer: AnswerFunction, per_step: Mapping[str, bool], columns: Columns, lengths: tf.Tensor
) -> HeadAnswers:
    """Answers all records at once if their lengths are similar, and otherwise in groups.

    If the answers of a head have axes of a size that is known only when it has computed them, other than T, all records
    are always answered at once.

    Args:
      answer: Answers some records. It must be a `tf.function`, so that its graph is exported only once.
      per_step: Maps the name of each label to whether it has one value per step.
      columns: The columns of the records.
      lengths: The number of steps of each record, int64 `[B]`.

    Returns:
      The answers. If there is one value per step, they are padded with 0 or "" to the longest record.
    """
    column_specs = tf.nest.map_structure(tf.type_spec_from_value, dict(columns))
    output_specs = answer.get_concrete_function(column_specs).structured_outputs
    answers: list[_Answer] = []
    for label, specs_of_label in output_specs.items():
        answers += [_Answer(label, name, spec) for name, spec in specs_of_label.items()]
    if not all(item.is_collectable(per_step) for item in answers):
        return answer(columns)
    return tf.cond(
        _are_one_group(lengths),
        lambda: answer(columns),
        lambda: _answer_groups(columns, lengths, answers, answer),
    )


def _are_one_group(lengths: tf.Tensor) -> tf.Tensor:
    """Returns whether all records are one group, a bool scalar."""
    longest = tf.maximum(tf.reduce_max(lengths), 1)
    is_small = tf.size(lengths, tf.int64) * longest <= SMALL_GROUP
    return is_small | tf.reduce_all(2 * lengths >= longest)


def _answer_groups(columns: Columns, lengths: tf.Tensor, answers: list[_Answer], answer: AnswerFunction) -> HeadAnswers:
    """Answers one group after another, and joins the answers in the order of the request."""
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    ordered_lengths = tf.gather(lengths, order)

    def add_group(
        group: tf.Tensor, start: tf.Tensor, arrays: list[tf.TensorArray]
    ) -> tuple[tf.Tensor, tf.Tensor, list[tf.TensorArray]]:
        end = _find_end(ordered_lengths, start)
        rows = order[start:end]
        group_answers = answer({name: tf.gather(column, rows) for name, column in columns.items()})
        is_real = tf.sequence_mask(ordered_lengths[start:end], tf.maximum(ordered_lengths[start], 1))
        written_arrays = []
        for item, array in zip(answers, arrays, strict=True):
            values = group_answers[item.label][item.name]
            # Only real steps are kept, because the padding of all groups would be that of the whole request.
            if item.has_steps:
                values = tf.boolean_mask(values, is_real)
            written_arrays.append(array.write(group, values))
        return group + 1, end, written_arrays

    # Groups that run at the same time would need the memory of all of them.
    _, _, arrays = tf.while_loop(
        lambda group, start, arrays: start < tf.size(lengths),
        add_group,
        (tf.constant(0), tf.constant(0), [item.make_array() for item in answers]),
        parallel_iterations=1,
    )
    position = tf.math.invert_permutation(order)
    joined_answers: HeadAnswers = {}
    for item, array in zip(answers, arrays, strict=True):
        values = array.concat()
        if item.has_steps:
            sequences = tf.RaggedTensor.from_row_lengths(values, ordered_lengths, validate=False)
            joined_values = pad_steps(tf.gather(sequences, position))
        else:
            joined_values = tf.gather(values, position)
        joined_answers.setdefault(item.label, {})[item.name] = joined_values
    return joined_answers


def _find_end(ordered_lengths: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    """Finds the end of the group that begins at position `start` of the lengths, which are ordered from the longest.

    ::

        ordered_lengths   20000  16000  20  18  7  3
        start 0                                         end 2
        start 2                                         end 6, because 4 records of 20 steps are a small group
    """
    longest = tf.maximum(ordered_lengths[start], 1)
    # Records before the group are longer, so they count, too.
    end_of_similar = tf.math.count_nonzero(2 * ordered_lengths >= longest, dtype=tf.int32)
    end_of_small = start + tf.cast(SMALL_GROUP // longest, tf.int32)
    return tf.minimum(tf.maximum(end_of_similar, end_of_small), tf.size(ordered_lengths))
