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

from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.vocabulary import OOV, vocabulary_of

WEIGHTS_FILE = os.path.join("assets.extra", "weights.json")
"""Within a SavedModel."""

Axes = tuple[str | None, ...]
"""For each axis of a weight the feature whose values its places are of, or None."""

Values = Mapping[str, Sequence[str]]
"""Feature to what stands at each place of such an axis: an entry after `=`, or padding, a symbol, unseen values."""


@dataclass(frozen=True)
class NamedWeight:
    """A weight of a model.

    Attributes:
      name: Its path within the model, without the numbers that Keras counts the layers of a process by.
      axes: What its places are of.
      variable: The weight.
    """

    name: str
    axes: Axes
    variable: keras.Variable


def named_weights(model: keras.Model, values: Values) -> Iterator[NamedWeight]:
    """The weights of a built model, in its own order.

    Args:
      model: The model, with `heads`.
      values: As `places_of` gives them.
    """
    labels = {id(weight): label for label, head in model.heads.items() for weight in head.weights}
    seen: Counter[str] = Counter()
    for weight in model.weights:
        label = labels.get(id(weight))
        name = _name(weight.path.removeprefix(f"{model.name}/"), label)
        axes = _axes(name, tuple(weight.shape), label, values)
        seen[name] += 1
        yield NamedWeight(name if seen[name] == 1 else f"{name}#{seen[name]}", axes, weight)


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


def _name(path: str, label: str | None) -> str:
    """A path without the numbers of layers, and within its head, though a layer there may be built outside of it."""
    name = "/".join(map(_uncounted, path.split("/")))
    placed = label is None or name.startswith(f"head_{label}/") or "embed_" in name
    return name if placed else f"head_{label}/{name}"


def _uncounted(part: str) -> str:
    """`lstm_cell_3` to `lstm_cell`; a name that holds a feature's, which may well end so, as it is."""
    return part if part.startswith(("embed_", "encode_", "head_")) else re.sub(r"_\d+$", "", part)


def _axes(name: str, shape: tuple[int, ...], label: str | None, values: Values) -> Axes:
    nothing: Axes = (None,) * len(shape)
    for part in name.split("/"):
        kind, _, feature = part.partition("_")
        if kind in ("embed", "encode"):
            return (feature, *nothing[1:]) if feature in values and name.endswith("/embeddings") else nothing
    if label is None or label not in values:
        return nothing
    if name.endswith("logits/kernel"):
        return (*nothing[1:], label)
    # What is as long as there are values of the label is of them: a bias, the transitions of a CRF.
    return tuple(label if size == len(values[label]) else None for size in shape)


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
