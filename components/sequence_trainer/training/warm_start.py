"""A training that starts from the weights of a model that was exported before.

Rows that are of values, as those of an embedding are, are moved by value, whatever their ids have become::

    the exported model      the new one
    1  the                  1  the           has row 1
    2  cat                  2  mat           has row 4: what "mat" was to the exported model
    3  sat                  3  cat           has row 2
    4  [OOV]                4  [OOV]         has row 4

The optimizer starts anew, and so does the schedule of the learning rate.
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
    ExportedWeights,
    NamedWeight,
    Values,
    named_weights,
)
from tfx_sequence.schemas.vocabulary import OOV

_NAMES = 8
"""So many weights are named in a message."""


class _Unlike(Exception):
    """Why a weight cannot be taken."""


def files_of(directory: str) -> list[str]:
    """The files of a SavedModel that its weights depend on."""
    found = tf.io.gfile.glob(os.path.join(directory, "variables", "*"))
    return sorted([*found, *tf.io.gfile.glob(os.path.join(directory, WEIGHTS_FILE))])


def start_from(directory: str, model: keras.Model, values: Values) -> str:
    """Gives a model the weights of an exported one, as far as they fit.

    A weight is taken if the exported model has one of its name and as long along each axis, or of values of the same
    feature, by which it is then moved. A new value of an input gets what unseen values had; a new value of a label
    keeps its start. Rows of values that are not trained, such as frozen pretrained vectors, stay.

    Args:
      directory: The SavedModel, as SequenceTrainer exports it.
      model: The model, built.
      values: What its vocabularies hold, as `places_of` gives it.

    Returns:
      One line: what was taken, in part, and not.
    """
    try:
        exported = ExportedWeights(directory)
    except FileNotFoundError as error:
        return f"no weight is taken from {directory}: {error}"
    weights = list(named_weights(model, values))
    in_part: list[str] = []
    left: list[str] = []
    for weight in weights:
        try:
            weight.variable.assign(_moved(weight, values, exported))
        except _Unlike as reason:
            left.append(f"{weight.name} ({reason})")
        else:
            in_part += _unknown(weight, values, exported.values)
    parts = [f"{len(weights) - len(left)} of {len(weights)} weights are taken from {directory}"]
    parts += [f"in part: {_listed(in_part)}"] if in_part else []
    parts += [f"not taken: {_listed(left)}"] if left else []
    return "; ".join(parts)


def _moved(weight: NamedWeight, values: Values, exported: ExportedWeights) -> npt.NDArray[Any]:
    """What the weight is with all that it has of the exported one."""
    if any(weight.axes) and not weight.variable.trainable:
        raise _Unlike("is not trained")
    found = exported.get(weight.name)
    if found is None:
        raise _Unlike("is not there")
    old_axes, old = found
    if weight.axes != old_axes:
        raise _Unlike(f"is of {_of(old_axes)} there, of {_of(weight.axes)} here")
    moved: npt.NDArray[Any] = tf.convert_to_tensor(weight.variable).numpy()
    if any(moved.shape[place] != old.shape[place] for place, axis in enumerate(weight.axes) if axis is None):
        raise _Unlike(f"has the shape {list(old.shape)} there, {list(moved.shape)} here")
    # An embedding has a row for each value.
    embedding = len(weight.axes) == 2 and weight.axes[0] is not None and weight.axes[1] is None
    moves = [
        (range(size), range(size)) if axis is None else _moves(values[axis], exported.values[axis], embedding)
        for axis, size in zip(weight.axes, moved.shape, strict=True)
    ]
    moved[np.ix_(*(to for to, _ in moves))] = old[np.ix_(*(of for _, of in moves))]
    return moved


def _moves(new: Sequence[str], old: Sequence[str], unseen: bool) -> tuple[Sequence[int], Sequence[int]]:
    """Places whose value is in both, and where it is in the old; if `unseen`, all others have that of unseen values."""
    of = {value: place for place, value in enumerate(old)}
    fallback = of.get(OOV) if unseen else None
    found = {place: of.get(value, fallback) for place, value in enumerate(new)}
    moves = {to: place for to, place in found.items() if place is not None}
    return list(moves), list(moves.values())


def _unknown(weight: NamedWeight, values: Values, old: Values) -> Iterator[str]:
    """A text for each feature of the weight that has new values."""
    for feature in dict.fromkeys(axis for axis in weight.axes if axis is not None):
        known = len(set(values[feature]).intersection(old[feature]))
        if known < len(values[feature]):
            yield f"{weight.name} ({known} of {len(values[feature])} values of {feature})"


def _of(axes: Axes) -> str:
    return " and ".join(dict.fromkeys(axis for axis in axes if axis is not None)) or "no values"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more
