"""What each weight of a model is: a name that stays the same from run to run, and the values that its rows are of.

An exported model keeps this in `assets.extra/weights.json`, so that a later one can start from its weights::

    {"weights": [null, {"name": "inputs/embed_words/embeddings", "axes": ["words", null]}, ...],
     "values": {"words": ["[PAD]", "=the", "=cat", "[OOV]"], "tags": ["=N", "=V"]}}
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
"""Within a SavedModel."""

Values = Mapping[str, Sequence[str]]
"""Feature to what stands at each place of such an axis: an entry after `=`, or padding, a symbol, unseen values."""


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


def named_weights(model: keras.Model, values: Values) -> Iterator[NamedWeight]:
    """Names the weights of a built model, in its own order.

    Weights that would have one name, as those of layers of one kind have, are counted: `kernel`, `kernel#2`, ...

    Args:
      model: The model, with `heads`.
      values: As `places_of` gives them. An axis that is indexed by another feature is None: it has no vocabulary.
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


def places_of(task: SequenceTask, transform_output: tft.TFTransformOutput) -> dict[str, list[str]]:
    """What the ids of each input and each label are of, for those that have a vocabulary."""
    counts = {item.name: item.num_ids - FIRST_ID for item in task.inputs if item.num_ids is not None}
    counts |= {label.name: len(label.classes) for label in task.labels if label.classes}
    padding = {item.name: ["[PAD]"] for item in task.inputs}
    return {
        name: [*padding.get(name, []), *_places(transform_output, name, count, task.columns[name].ids is not None)]
        for name, count in counts.items()
        if transform_output.vocabulary_file_by_name(name) is not None
    }


def write_index(directory: str, model: keras.Model, values: Values) -> None:
    """Writes the index of a model into the SavedModel that ServingModel made of it."""
    # ServingModel keeps all variables, in this order; the states of random generators among them are no weights.
    named = {id(weight.variable): {"name": weight.name, "axes": weight.axes} for weight in named_weights(model, values)}
    path = os.path.join(directory, WEIGHTS_FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        weights = [named.get(id(variable)) for variable in model.variables]
        file.write(json.dumps({"weights": weights, "values": values}))


class ExportedWeights:
    """The weights of a SavedModel that has an index.

    Attributes:
      values: What the places of their axes are of.
    """

    def __init__(self, directory: str) -> None:
        """Reads the index.

        Raises:
          FileNotFoundError: if there is none.
        """
        path = os.path.join(directory, WEIGHTS_FILE)
        if not tf.io.gfile.exists(path):
            raise FileNotFoundError(f"there is no {WEIGHTS_FILE}, as SequenceTrainer writes it")
        with tf.io.gfile.GFile(path, "rb") as file:
            index: dict[str, Any] = json.loads(file.read())
        self.values: Values = index["values"]
        named = [(number, weight) for number, weight in enumerate(index["weights"]) if weight]
        self._weights = {weight["name"]: (number, tuple(weight["axes"])) for number, weight in named}
        self._checkpoint = tf.train.load_checkpoint(os.path.join(directory, "variables", "variables"))

    def get(self, name: str) -> tuple[Axes, npt.NDArray[Any]] | None:
        """The axes of a weight and the weight itself; None if there is none of this name."""
        if name not in self._weights:
            return None
        number, axes = self._weights[name]
        return axes, self._checkpoint.get_tensor(f"_weights/{number}/.ATTRIBUTES/VARIABLE_VALUE")


def _stable_name(path: str, model: str, label: str | None) -> str:
    """Returns the path of a weight within its model, without the numbers of layers.

    Args:
      path: As Keras gives it, such as `sequence_model_3/recurrent/dynamic_rnn_3/lstm_cell_9/kernel`.
      model: The name of the model.
      label: The label whose head has the weight, if one has.
    """
    within = path.removeprefix(f"{model}/")
    name = "/".join(map(_without_number, within.split("/")))
    head = f"{HEAD_LAYER}{label}"
    # What a head's constructor builds, such as a CRF, does not know the model and the head in its path.
    if label is None or within != path or name.startswith(f"{head}/"):
        return name
    return f"{head}/{name}"


def _without_number(layer: str) -> str:
    """Turns `lstm_cell_3` into `lstm_cell`."""
    return layer if is_named_for_feature(layer) else re.sub(r"_\d+$", "", layer)


def _places(transform_output: tft.TFTransformOutput, name: str, count: int, from_zero: bool) -> list[str]:
    """What the ids 1 to `count` of a feature are of. `from_zero` are those of stock's vocabularies, as stored."""
    if from_zero:
        entries = _entries(transform_output.vocabulary_by_name(name))
        return [*entries, *[OOV] * (count - len(entries))]
    vocabulary = vocabulary_of(transform_output, name)
    assert vocabulary is not None  # It has a file.
    places = [*vocabulary.symbols, *_entries(vocabulary.entries), *([] if vocabulary.closed else [OOV])]
    # An id that the vocabulary does not reach is known by its number.
    return [*places, *(f"#{number}" for number in range(FIRST_ID + len(places), FIRST_ID + count))]


def _entries(values: Sequence[bytes]) -> list[str]:
    return [f"={value.decode(errors='surrogateescape')}" for value in values]
