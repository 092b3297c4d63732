"""Finds the steps that a transform graph adds to every sequence, such as the symbol in front of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.serving.needed_features import AnyTensor


class AddedSteps(NamedTuple):
    """The numbers of steps that a transform graph adds to every sequence.

    Attributes:
      before: The number of steps in front of the first step.
      after: The number of steps after the last step.
    """

    before: int
    after: int


def find_added_steps(
    transform: Callable[[tf.Tensor], Mapping[str, AnyTensor]], make_example: Callable[[int], bytes]
) -> AddedSteps | None:
    """Finds the added steps by comparing a transformed record without steps with one of a single step.

    ::

        no step     [BEGIN] [END]
        one step    [BEGIN] a [END]     They differ at position 1, so one step is before, and one is after.

    This also finds the steps that a `preprocessing_fn` of the user adds.

    Args:
      transform: Transforms serialized records, string `[B]`. Sequences are ragged.
      make_example: Makes a serialized record with a given number of steps.

    Returns:
      The added steps. None if the transform makes no steps, if it makes another number of steps than one for each raw
      step (as windows do), or if it refuses a record without steps.
    """
    records = tf.constant([make_example(0), make_example(1)])
    try:
        columns = tf.function(transform)(records)
    except tf.errors.InvalidArgumentError:  # A `preprocessing_fn` of the user may need at least one step.
        return None
    added_steps = []
    for column in columns.values():
        if not isinstance(column, tf.RaggedTensor):
            continue
        added_to_column = _compare_rows(column)
        if added_to_column is None:
            return None
        added_steps.append(added_to_column)
    # A number in an added step can equal the number of the real step, which then seems to be one position later. So the
    # column in which the real step comes first is right.
    return min(added_steps, key=lambda added: added.before, default=None)


def _compare_rows(column: tf.RaggedTensor) -> AddedSteps | None:
    """Compares the first row of a column, which comes from no step, with the second row, which comes from one."""
    steps_of_none, steps_of_one = column.to_list()
    num_added = len(steps_of_none)
    if len(steps_of_one) != num_added + 1:
        return None
    before = 0
    while before < num_added and steps_of_none[before] == steps_of_one[before]:
        before += 1
    return AddedSteps(before, num_added - before)
