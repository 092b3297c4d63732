"""Names the weights of a model, and says which values index their axes, so that a later training can take them.

An exported model keeps this index in `assets.extra/weights.json`. Entry i of `weights` is variable i of the SavedModel,
null if that is no weight, such as the state of a random generator::

    {"weights": [null, {"name": "inputs/embed_words/embeddings", "axes": ["words", null]}, ...],
     "values": {"words": ["[PAD]", "=the", "=cat", "[OOV]"], "tags": ["=N", "=V"]}}

An axis with the name of a feature has one index for each value of the feature, here the rows of an embedding and the
columns of a softmax::

    embed_words/embeddings      ["words", null]         logits/kernel       [null, "tags"]

                0   1   2                                                   =N  =V
        [PAD]   .   .   .                                               0   .   .
        =the    .   .   .                                               1   .   .
        =cat    .   .   .                                               2   .   .
        [OOV]   .   .   .
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.model.value_axes import (
    HEAD_LAYER,
    Axes,
    collect_value_axes,
    is_named_for_feature,
)
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.vocabulary import OOV, vocabulary_of

WEIGHTS_FILE = os.path.join("assets.extra", "weights.json")
"""The path within a SavedModel."""

AxisValues = Mapping[str, Sequence[str]]
"""Feature to the value at each index of an axis of it.

A value is an entry of the vocabulary behind `=`. `[PAD]`, `[OOV]` and other symbols stand as they are, so they differ
from an entry of the same text.
"""


@dataclass(frozen=True)
class NamedWeight:
    """A weight of a model.

    Attributes:
      name: Its path within the model, without the numbers by which Keras counts the layers of a process.
      axes: The features whose values index its axes.
      variable: The weight.
    """

    name: str
    axes: Axes
    variable: keras.Variable


def name_weights(model: keras.Model, values: AxisValues) -> Iterator[NamedWeight]:
    """Names the weights of a built model, in its own order.

    Weights that would have one name, as those of layers of one kind have, are counted: `kernel`, `kernel#2`, ...

    Args:
      model: The model, with `heads`.
      values: As `read_axis_values` returns them. An axis of another feature is None: that has no vocabulary.
    """
    labels = {id(weight): label for label, head in model.heads.items() for weight in head.weights}
    declared_axes = {id(weight): axes for weight, axes in collect_value_axes(model)}
    uses: Counter[str] = Counter()
    for weight in model.weights:
        name = _stable_name(weight.path, model.name, labels.get(id(weight)))
        uses[name] += 1
        axes = declared_axes.get(id(weight), (None,) * len(weight.shape))
        yield NamedWeight(
            name if uses[name] == 1 else f"{name}#{uses[name]}",
            tuple(feature if feature in values else None for feature in axes),
            weight,
        )


def read_axis_values(task: SequenceTask, transform_output: tft.TFTransformOutput) -> dict[str, list[str]]:
    """Reads the values that index the axes of each input and each label that has a vocabulary.

    An input has an index for padding, 0, and one for each id. A label has no padding: class 0 is its id 1.
    """
    axis_values: dict[str, list[str]] = {}
    for item in task.inputs:
        if item.num_ids is not None:
            values = _read_values(transform_output, item.name, task.columns[item.name], item.num_ids - FIRST_ID)
            if values is not None:
                axis_values[item.name] = ["[PAD]", *values]
    for label in task.labels:
        if label.classes:
            values = _read_values(transform_output, label.name, task.columns[label.name], len(label.classes))
            if values is not None:
                axis_values[label.name] = values
    return axis_values


def write_weight_index(directory: str, model: keras.Model, values: AxisValues) -> None:
    """Writes the index of a model into the SavedModel that ServingModel made of it."""
    entries = {
        id(weight.variable): {"name": weight.name, "axes": weight.axes} for weight in name_weights(model, values)
    }
    # ServingModel saves the variables of the model in this order.
    weights = [entries.get(id(variable)) for variable in model.variables]
    path = os.path.join(directory, WEIGHTS_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps({"weights": weights, "values": values}))


class ExportedWeights:
    """The weights of a SavedModel that has an index.

    Args:
      directory: The SavedModel.

    Attributes:
      values: The values that index the axes of the weights.

    Raises:
      FileNotFoundError: if it has no index.
    """

    def __init__(self, directory: str) -> None:
        path = os.path.join(directory, WEIGHTS_FILE)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"there is no {WEIGHTS_FILE}, as SequenceTrainer writes it")
        with tf.io.gfile.GFile(path, "rb") as file:
            index: dict[str, Any] = json.loads(file.read())
        self.values: AxisValues = index["values"]
        self._places: dict[str, tuple[int, Axes]] = {}
        for number, weight in enumerate(index["weights"]):
            if weight is not None:
                self._places[weight["name"]] = number, tuple(weight["axes"])
        self._variables = tf.train.load_checkpoint(os.path.join(directory, "variables", "variables"))

    def get(self, name: str) -> tuple[Axes, npt.NDArray[Any]] | None:
        """Returns the axes of a weight and the weight itself; None if there is none of this name."""
        if name not in self._places:
            return None
        number, axes = self._places[name]
        # `_weights` is the attribute in which ServingModel keeps the variables.
        return axes, self._variables.get_tensor(f"_weights/{number}/.ATTRIBUTES/VARIABLE_VALUE")


def _stable_name(path: str, model: str, label: str | None) -> str:
    """Returns the path of a weight within its model, without the numbers of layers.

    Args:
      path: As Keras gives it, such as `sequence_model_3/recurrent/dynamic_rnn_3/lstm_cell_9/kernel`.
      model: The name of the model.
      label: The label whose head has the weight, if one has.
    """
    within = path.removeprefix(f"{model}/")
    name = "/".join(map(_remove_number, within.split("/")))
    head = f"{HEAD_LAYER}{label}"
    # What a head's constructor builds, such as a CRF, does not know the model and the head in its path.
    if label is None or within != path or name.startswith(f"{head}/"):
        return name
    return f"{head}/{name}"


def _remove_number(layer: str) -> str:
    """Turns `lstm_cell_3` into `lstm_cell`."""
    return layer if is_named_for_feature(layer) else re.sub(r"_\d+$", "", layer)


def _read_values(transform_output: tft.TFTransformOutput, feature: str, column: Column, count: int) -> list[str] | None:
    """Reads what the ids 1 to `count` of a feature stand for; None if it has no vocabulary."""
    if column.ids is not None:
        # A vocabulary of stock's: each line is a value, and what is left are buckets of unseen values.
        if transform_output.vocabulary_file_by_name(feature) is None:
            return None
        entries = _mark_entries(transform_output.vocabulary_by_name(feature))
        return [*entries, *[OOV] * (count - len(entries))]
    vocabulary = vocabulary_of(transform_output, feature)
    if vocabulary is None:
        return None
    values = [*vocabulary.symbols, *_mark_entries(vocabulary.entries)]
    if not vocabulary.closed:
        values.append(OOV)
    # An id that the vocabulary does not reach is known by its number.
    return [*values, *(f"#{number}" for number in range(FIRST_ID + len(values), FIRST_ID + count))]


def _mark_entries(entries: Sequence[bytes]) -> list[str]:
    return [f"={entry.decode(errors='surrogateescape')}" for entry in entries]
