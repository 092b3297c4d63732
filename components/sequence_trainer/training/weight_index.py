"""Writes and reads the index of an exported model's weights, from which a later training can start.

The index is in the file `assets.extra/weights.json` of the SavedModel. It contains the name of each weight and the
values that index its axes. Entry i of `weights` describes variable i of the SavedModel. The entry is null if the
variable is not a weight, such as the state of a random generator::

    {"weights": [null, {"name": "inputs/embed_words/embeddings", "axes": ["words", null]}, ...],
     "values": {"words": ["[PAD]", "=the", "=cat", "[OOV]"], "tags": ["=N", "=V"]},
     "inputs": [["words", 100]]}

`inputs` has the name and the width of each part of the vector of a step that the recurrent layers read, in their order.
It is null if the model has no InputEncoder.

An axis with the name of a feature has one index per value of the feature. Here these axes are the rows of an embedding
and the columns of a softmax::

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

from tfx_sequence.components.sequence_trainer.batches.ids import ListedIds
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
from tfx_sequence.components.sequence_trainer.model.value_axes import (
    HEAD_LAYER,
    Axes,
    collect_value_axes,
    is_named_for_feature,
)
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.vocabulary import OOV, read_vocabulary

WEIGHTS_FILE = os.path.join("assets.extra", "weights.json")
"""The path of the index within a SavedModel."""

AxisValues = Mapping[str, Sequence[str]]
"""The name of each feature, with the values that index its axes, in the order of their indices.

An entry of the vocabulary has the prefix `=`. Symbols such as `[PAD]` and `[OOV]` have no prefix, so they differ from
entries with the same text.
"""


@dataclass(frozen=True)
class NamedWeight:
    """A weight of a model, with its name and its axes.

    Attributes:
      name: The path of the weight within the model, without the numbers with which Keras counts its layers.
      axes: For each axis, the feature whose values index it, or None.
      variable: The weight itself.
    """

    name: str
    axes: Axes
    variable: keras.Variable


def name_weights(model: keras.Model, values: AxisValues) -> Iterator[NamedWeight]:
    """Names the weights of a built model, in the order of `model.weights`.

    Weights of layers of the same kind can have the same path. They are numbered: `kernel`, `kernel#2`, ...

    Args:
      model: The model, which has `heads`.
      values: The values of each feature, as `read_axis_values` returns them. A feature that is not in it has no
        vocabulary, so its axes become None.
    """
    labels = {id(weight): label for label, head in model.heads.items() for weight in head.weights}
    declared_axes = {id(weight): axes for weight, axes in collect_value_axes(model)}
    name_counts: Counter[str] = Counter()
    for weight in model.weights:
        name = _make_stable_name(weight.path, model.name, labels.get(id(weight)))
        name_counts[name] += 1
        unique_name = name if name_counts[name] == 1 else f"{name}#{name_counts[name]}"
        axes = declared_axes.get(id(weight), (None,) * len(weight.shape))
        known_axes = tuple(feature if feature in values else None for feature in axes)
        yield NamedWeight(unique_name, known_axes, weight)


def list_inputs(model: keras.Model) -> list[list[Any]] | None:
    """Lists the name and the width of each input, in the order in which the network reads them.

    Returns:
      The lists `[name, width]`; None if the model has no InputEncoder, so that this is not known.
    """
    for layer in model.layers:
        if isinstance(layer, InputEncoder):
            return [[name, width] for name, width in layer.widths.items()]
    return None


def read_axis_values(task: SequenceTask, transform_output: tft.TFTransformOutput) -> dict[str, list[str]]:
    """Reads the values that index the axes of inputs and labels. Features without a vocabulary are left out.

    Index 0 of an input is padding, and its other indices are ids. A label has no padding, so its index 0 is id 1.
    """
    axis_values: dict[str, list[str]] = {}
    for item in task.inputs:
        if item.num_ids is None:
            continue
        values = _read_values(transform_output, item.name, task.columns[item.name], item.num_ids - FIRST_ID)
        if values is not None:
            axis_values[item.name] = ["[PAD]", *values]
    for label in task.labels:
        if not label.classes:
            continue
        values = _read_values(transform_output, label.name, task.columns[label.name], len(label.classes))
        if values is not None:
            axis_values[label.name] = values
    return axis_values


def write_weight_index(directory: str, model: keras.Model, values: AxisValues) -> None:
    """Writes the index of a model into the SavedModel that ServingModel has exported from the model."""
    entries = {}
    for weight in name_weights(model, values):
        entries[id(weight.variable)] = {"name": weight.name, "axes": weight.axes}
    # The variables in the order in which ServingModel saves them. Variables that are not weights have no entry.
    entries_in_order = [entries.get(id(variable)) for variable in model.variables]
    path = os.path.join(directory, WEIGHTS_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps({"weights": entries_in_order, "values": values, "inputs": list_inputs(model)}))


class ExportedWeights:
    """Reads the weights of a SavedModel that has an index.

    Args:
      directory: The folder of the SavedModel.

    Attributes:
      values: The values that index the axes of the weights, by feature.
      inputs: The inputs of the model, as `list_inputs` returns them.

    Raises:
      FileNotFoundError: if the SavedModel has no index.
    """

    def __init__(self, directory: str) -> None:
        path = os.path.join(directory, WEIGHTS_FILE)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"there is no {WEIGHTS_FILE}, which SequenceTrainer writes")
        with tf.io.gfile.GFile(path, "rb") as file:
            index: dict[str, Any] = json.loads(file.read())
        self.values: AxisValues = index["values"]
        self.inputs: list[list[Any]] | None = index["inputs"]
        self._entries: dict[str, tuple[int, Axes]] = {}
        for number, weight in enumerate(index["weights"]):
            if weight is not None:
                self._entries[weight["name"]] = number, tuple(weight["axes"])
        self._variables = tf.train.load_checkpoint(os.path.join(directory, "variables", "variables"))

    def get(self, name: str) -> tuple[Axes, npt.NDArray[Any]] | None:
        """Returns the axes of a weight and the weight itself; None if no weight has this name."""
        if name not in self._entries:
            return None
        number, axes = self._entries[name]
        # ServingModel keeps the variables in its attribute `_weights`.
        return axes, self._variables.get_tensor(f"_weights/{number}/.ATTRIBUTES/VARIABLE_VALUE")


def _make_stable_name(path: str, model: str, label: str | None) -> str:
    """Returns the path of a weight within its model, without the numbers of layers.

    Args:
      path: The path in Keras, such as `sequence_model_3/recurrent/dynamic_rnn_3/lstm_cell_9/kernel`.
      model: The name of the model.
      label: The label whose head has the weight; None for a weight that does not belong to a head.
    """
    path_in_model = path.removeprefix(f"{model}/")
    name = "/".join(map(_remove_number, path_in_model.split("/")))
    head = f"{HEAD_LAYER}{label}"
    # A layer that is built in the constructor of a head, such as a CRF, has neither the model nor the head in its path.
    if label is None or path_in_model != path or name.startswith(f"{head}/"):
        return name
    return f"{head}/{name}"


def _remove_number(layer: str) -> str:
    """Turns `lstm_cell_3` into `lstm_cell`. The name of a feature may end with a number, so it is not changed."""
    return layer if is_named_for_feature(layer) else re.sub(r"_\d+$", "", layer)


def _read_values(transform_output: tft.TFTransformOutput, feature: str, column: Column, count: int) -> list[str] | None:
    """Reads the values of the ids 1 to `count` of a feature; None if the feature has no vocabulary."""
    if isinstance(column.ids, ListedIds):
        return _mark_entries([str(value).encode() for value in column.ids.values])
    if column.ids is not None:
        # In a vocabulary of the stock Transform each line is a value. The other ids are buckets for unseen values.
        if transform_output.vocabulary_file_by_name(feature) is None:
            return None
        entries = _mark_entries(transform_output.vocabulary_by_name(feature))
        num_unseen = count - len(entries)
        return entries + [OOV] * num_unseen
    vocabulary = read_vocabulary(transform_output, feature)
    if vocabulary is None:
        return None
    values = [*vocabulary.symbols, *_mark_entries(vocabulary.entries)]
    if not vocabulary.closed:
        values.append(OOV)
    # Ids beyond the end of the vocabulary are named by their numbers.
    return values + [f"#{number}" for number in range(FIRST_ID + len(values), FIRST_ID + count)]


def _mark_entries(entries: Sequence[bytes]) -> list[str]:
    """Decodes the entries of a vocabulary, and adds the prefix `=`."""
    return [f"={entry.decode(errors='surrogateescape')}" for entry in entries]
