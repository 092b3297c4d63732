"""Starts a training from the weights of a model that was exported before, though its vocabularies may have changed.

Along an axis that is indexed by values, such as the rows of an embedding, weights are moved by value, whatever the ids
of the values have become::

    id   exported model    new model     takes the row
    1    the               the           1
    2    cat               mat           4, for the exported model took "mat" for an unseen value
    3    sat               cat           2
    4    [OOV]             [OOV]         4

What is gone, here "sat", is dropped. The optimizer and the schedule of the learning rate start anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.model.value_axes import Axes
from tfx_sequence.components.sequence_trainer.training.weight_index import (
    WEIGHTS_FILE,
    AxisValues,
    ExportedWeights,
    NamedWeight,
    name_weights,
)
from tfx_sequence.schemas.vocabulary import OOV

_MAX_LISTED = 8  # More names would make the line of the log unreadable.


class _MismatchError(Exception):
    """A weight that cannot be taken. The message says why, to stand behind the weight's name."""


def list_weight_files(directory: str) -> list[str]:
    """Returns the files of a SavedModel that its weights depend on."""
    variables = tf.io.gfile.glob(os.path.join(directory, "variables", "*"))
    index = tf.io.gfile.glob(os.path.join(directory, WEIGHTS_FILE))
    return sorted([*variables, *index])


def take_exported_weights(directory: str, model: keras.Model, values: AxisValues) -> str:
    """Gives a model the weights of an exported one, as far as they fit.

    A weight is taken if the exported model has one of its name, and each axis either is as long there or is indexed by
    values of the same feature, by which it is then moved. A new value of an input gets what unseen values had; a new
    value of a label keeps its start. Weights that are indexed by values and not trained, such as frozen pretrained
    vectors, stay.

    Args:
      directory: The SavedModel, as SequenceTrainer exports it.
      model: The model, built.
      values: The values of its vocabularies, as `read_axis_values` returns them.

    Returns:
      One line: what was taken, in part, and not.
    """
    try:
        exported = ExportedWeights(directory)
    except FileNotFoundError as error:
        return f"no weight is taken from {directory}: {error}"
    weights = list(name_weights(model, values))
    in_part: list[str] = []
    not_taken: list[str] = []
    for weight in weights:
        try:
            weight.variable.assign(_compute_start(weight, values, exported))
        except _MismatchError as reason:
            not_taken.append(f"{weight.name} ({reason})")
        else:
            in_part += _describe_new_values(weight, values, exported.values)
    parts = [f"{len(weights) - len(not_taken)} of {len(weights)} weights are taken from {directory}"]
    if in_part:
        parts.append(f"in part: {_join_names(in_part)}")
    if not_taken:
        parts.append(f"not taken: {_join_names(not_taken)}")
    return "; ".join(parts)


def _compute_start(weight: NamedWeight, values: AxisValues, exported: ExportedWeights) -> npt.NDArray[Any]:
    """Returns the weight with everything that it can take from the exported one.

    Raises:
      _MismatchError: if it can take nothing.
    """
    if any(weight.axes) and not weight.variable.trainable:
        raise _MismatchError("is not trained")
    found = exported.get(weight.name)
    if found is None:
        raise _MismatchError("is not there")
    old_axes, old = found
    if weight.axes != old_axes:
        raise _MismatchError(f"is of {_join_features(old_axes)} there, of {_join_features(weight.axes)} here")
    start: npt.NDArray[Any] = tf.convert_to_tensor(weight.variable).numpy()
    if any(start.shape[axis] != old.shape[axis] for axis, feature in enumerate(weight.axes) if feature is None):
        raise _MismatchError(f"has the shape {list(old.shape)} there, {list(start.shape)} here")
    # Only an embedding, a table with a row for each value, has learnt anything of unseen values.
    is_embedding = len(weight.axes) == 2 and weight.axes[0] is not None and weight.axes[1] is None
    targets: list[Sequence[int]] = []
    sources: list[Sequence[int]] = []
    for feature, size in zip(weight.axes, start.shape, strict=True):
        if feature is None:
            targets.append(range(size))
            sources.append(range(size))
        else:
            target, source = _match_values(values[feature], exported.values[feature], is_embedding)
            targets.append(target)
            sources.append(source)
    start[np.ix_(*targets)] = old[np.ix_(*sources)]
    return start


def _match_values(new: Sequence[str], old: Sequence[str], take_unseen: bool) -> tuple[Sequence[int], Sequence[int]]:
    """Matches the indices of an axis with those of the exported one, by their values.

    ::

        old  [PAD] =a =b [OOV]      new  [PAD] =c =b [OOV]      (0 2 3), (0 2 3)
                                    with `take_unseen`          (0 1 2 3), (0 3 2 3)

    Args:
      new: The values of the axis.
      old: The values of the exported one.
      take_unseen: Whether new values are matched with what unseen values had.

    Returns:
      Indices of the axis, and for each the index of the exported one.
    """
    old_indices = {value: index for index, value in enumerate(old)}
    fallback = old_indices.get(OOV) if take_unseen else None
    matches = {index: old_indices.get(value, fallback) for index, value in enumerate(new)}
    matched = {index: old_index for index, old_index in matches.items() if old_index is not None}
    return list(matched), list(matched.values())


def _describe_new_values(weight: NamedWeight, values: AxisValues, old_values: AxisValues) -> Iterator[str]:
    """Yields a text for each feature of the weight that has values which the exported model does not have."""
    for feature in dict.fromkeys(feature for feature in weight.axes if feature is not None):
        known = len(set(values[feature]).intersection(old_values[feature]))
        if known < len(values[feature]):
            yield f"{weight.name} ({known} of {len(values[feature])} values of {feature})"


def _join_features(axes: Axes) -> str:
    return " and ".join(dict.fromkeys(feature for feature in axes if feature is not None)) or "no values"


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more
