"""Starts a training from the weights of an exported model, whose vocabularies may differ from those of the new model.

If an axis of a weight is indexed by values, such as the rows of an embedding, each row moves with its value. The ids of
the values may have changed::

    id   exported model    new model     takes the row
    1    the               the           1
    2    cat               mat           4, because "mat" was an unseen value for the exported model
    3    sat               cat           2
    4    [OOV]             [OOV]         4

Rows of values that the new model does not have, here "sat", are dropped. If "mat" has a pretrained vector, it starts
with this vector. The optimizer and the schedule of the learning rate start from the beginning.

The layers between the inputs and the heads read the inputs side by side. Their weights are taken only if both models
have the same inputs in the same order. Otherwise, one input would get the weights of another one of the same width.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.model.value_axes import HEAD_LAYER, INPUT_LAYER, Axes
from tfx_sequence.components.sequence_trainer.training.weight_index import (
    WEIGHTS_FILE,
    AxisValues,
    ExportedWeights,
    NamedWeight,
    list_inputs,
    name_weights,
)
from tfx_sequence.schemas.embeddings import Matrix, find_own_vectors
from tfx_sequence.schemas.vocabulary import OOV

_MAX_LISTED = 8
"""The maximum number of weights that the log line names, so that it stays readable."""


class _MismatchError(Exception):
    """Raised for a weight that cannot be taken. The message says why, and is shown after the name of the weight."""


def list_weight_files(directory: str) -> list[str]:
    """Returns the paths of the files of a SavedModel that hold its weights and their index."""
    variables = tf.io.gfile.glob(os.path.join(directory, "variables", "*"))
    index = tf.io.gfile.glob(os.path.join(directory, WEIGHTS_FILE))
    return sorted([*variables, *index])


def take_exported_weights(
    directory: str, model: keras.Model, values: AxisValues, vectors: Mapping[str, Matrix] | None = None
) -> str:
    """Sets the weights of a model to those of an exported model, as far as they fit.

    A weight is taken if the exported model has a weight of the same name, and if each axis fits. Weights that are
    neither those of an InputEncoder nor those of a head also need the same inputs in the same order. An axis fits if
    both have the same size, or if both are indexed by the values of the same feature. In the second case the weight is
    moved by value. A new value of an input starts with the weights of unseen values, unless it has a pretrained vector,
    which it keeps. A new value of a label keeps its initial weights. Weights that are indexed by values and are not
    trained, such as frozen pretrained vectors, are not changed.

    Args:
      directory: The folder of the SavedModel, which SequenceTrainer exported.
      model: The built model.
      values: The values that index the axes of the model, as `read_axis_values` returns them.
      vectors: Maps the names of inputs to pretrained vectors of their ids, as `SequenceTask.embeddings` does.

    Returns:
      One line that says which weights were taken, which were taken in part, and which were not taken.
    """
    try:
        exported = ExportedWeights(directory)
    except FileNotFoundError as error:
        return f"no weight is taken from {directory}: {error}"
    weights = list(name_weights(model, values))
    inputs = list_inputs(model)
    partly_taken: list[str] = []
    not_taken: list[str] = []
    for weight in weights:
        try:
            _check_inputs(weight, inputs, exported.inputs)
            start_value = _compute_start_value(weight, values, exported, vectors or {})
        except _MismatchError as reason:
            not_taken.append(f"{weight.name} ({reason})")
            continue
        weight.variable.assign(start_value)
        partly_taken += _describe_new_values(weight, values, exported.values)
    sentences = [f"{len(weights) - len(not_taken)} of {len(weights)} weights are taken from {directory}"]
    if partly_taken:
        sentences.append(f"in part: {_join_names(partly_taken)}")
    if not_taken:
        sentences.append(f"not taken: {_join_names(not_taken)}")
    return "; ".join(sentences)


def _check_inputs(weight: NamedWeight, inputs: list[list[Any]] | None, old_inputs: list[list[Any]] | None) -> None:
    """Checks that the weight does not belong to other inputs in the exported model.

    Raises:
      _MismatchError: if it may.
    """
    is_moved_by_name = weight.name.startswith((INPUT_LAYER, HEAD_LAYER))
    # Inputs that are not known are those of a user's model, which names its layers itself.
    if is_moved_by_name or inputs is None or old_inputs is None or inputs == old_inputs:
        return
    raise _MismatchError(f"reads {_join_inputs(old_inputs)} in the exported model, {_join_inputs(inputs)} here")


def _compute_start_value(
    weight: NamedWeight, values: AxisValues, exported: ExportedWeights, vectors: Mapping[str, Matrix]
) -> npt.NDArray[Any]:
    """Computes the start value of a weight: its own initial value, with everything that the exported weight provides.

    Raises:
      _MismatchError: if the exported model provides nothing for this weight.
    """
    start_value: npt.NDArray[Any] = tf.convert_to_tensor(weight.variable).numpy()
    old_value = _find_exported_weight(weight, exported)
    take_unseen = _find_rows_without_vector(weight, start_value, vectors)
    new_indices: list[Sequence[int]] = []
    old_indices: list[Sequence[int]] = []
    for feature, size in zip(weight.axes, start_value.shape, strict=True):
        if feature is None:
            new_indices.append(range(size))
            old_indices.append(range(size))
        else:
            matched, matched_old = _match_values(values[feature], exported.values[feature], take_unseen)
            new_indices.append(matched)
            old_indices.append(matched_old)
    start_value[np.ix_(*new_indices)] = old_value[np.ix_(*old_indices)]
    return start_value


def _find_rows_without_vector(
    weight: NamedWeight, start_value: npt.NDArray[Any], vectors: Mapping[str, Matrix]
) -> Collection[int]:
    """Finds the rows of an embedding that start with the weights of unseen values if their value is new.

    These are all rows, or all rows without a vector of their own if the embedding starts with pretrained vectors.
    """
    feature, *others = weight.axes
    # Only an embedding, which has one row per value, has learnt weights for unseen values.
    if feature is None or others != [None]:
        return ()
    pretrained = vectors.get(feature)
    if pretrained is None or not np.array_equal(start_value, pretrained):
        return range(len(start_value))
    return np.flatnonzero(~find_own_vectors(pretrained)).tolist()


def _find_exported_weight(weight: NamedWeight, exported: ExportedWeights) -> npt.NDArray[Any]:
    """Finds the exported weight of the same name.

    Raises:
      _MismatchError: if the weight is to keep its start value, or if there is no exported weight that fits.
    """
    if any(weight.axes) and not weight.variable.trainable:
        raise _MismatchError("is not trained")
    axes_and_value = exported.get(weight.name)
    if axes_and_value is None:
        raise _MismatchError("is not in the exported model")
    old_axes, old_value = axes_and_value
    if weight.axes != old_axes:
        raise _MismatchError(
            f"is indexed by {_join_features(old_axes)} in the exported model, by {_join_features(weight.axes)} here"
        )
    shape = weight.variable.shape
    for feature, size, old_size in zip(weight.axes, shape, old_value.shape, strict=True):
        if feature is None and size != old_size:
            raise _MismatchError(f"has the shape {list(old_value.shape)} in the exported model, {list(shape)} here")
    return old_value


def _match_values(
    new: Sequence[str], old: Sequence[str], take_unseen: Collection[int]
) -> tuple[Sequence[int], Sequence[int]]:
    """Matches the indices of an axis with the indices of the exported axis, by their values.

    ::

        old  [PAD] =a =b [OOV]      new  [PAD] =c =b [OOV]      (0 2 3), (0 2 3)
                                    with `take_unseen` = [1]    (0 1 2 3), (0 3 2 3)

    Args:
      new: The values of the axis.
      old: The values of the exported axis.
      take_unseen: The indices whose values are matched with the index of unseen values if they are new. Other new
        values are left out.

    Returns:
      The matched indices of the axis, and for each of them the index of the exported axis.
    """
    old_indices = {value: index for index, value in enumerate(old)}
    unseen = old_indices.get(OOV)
    rows_that_take_unseen = frozenset(take_unseen)
    matches: dict[int, int] = {}
    for index, value in enumerate(new):
        old_index = old_indices.get(value)
        if old_index is None and index in rows_that_take_unseen:
            old_index = unseen
        if old_index is not None:
            matches[index] = old_index
    return list(matches), list(matches.values())


def _describe_new_values(weight: NamedWeight, values: AxisValues, old_values: AxisValues) -> Iterator[str]:
    """Yields one text per feature of the weight, if the feature has values that the exported model does not have."""
    for feature in _list_features(weight.axes):
        num_values = len(values[feature])
        num_known = len(set(values[feature]).intersection(old_values[feature]))
        if num_known < num_values:
            yield f"{weight.name} ({num_known} of {num_values} values of {feature})"


def _list_features(axes: Axes) -> list[str]:
    """Lists the features whose values index the axes, each once."""
    return list(dict.fromkeys(feature for feature in axes if feature is not None))


def _join_features(axes: Axes) -> str:
    """Joins the names of the features of the axes; `no values` if there are none."""
    return " and ".join(_list_features(axes)) or "no values"


def _join_inputs(inputs: list[list[Any]]) -> str:
    """Joins the names of the inputs with their widths, such as `words (100), speed (1)`."""
    return ", ".join(f"{name} ({width})" for name, width in inputs)


def _join_names(names: list[str]) -> str:
    """Joins the first names, and adds the number of the others."""
    text = ", ".join(names[:_MAX_LISTED])
    num_omitted = len(names) - _MAX_LISTED
    return f"{text} and {num_omitted} more" if num_omitted > 0 else text
