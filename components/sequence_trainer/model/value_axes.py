"""Describes which axes of the weights of a layer are indexed by the values of a feature.

Vocabularies change when new data arrives. Training that starts from an exported model therefore moves the entries along
these axes to the new ids of their values (`training/warm_start.py`)::

    embedding of "words"      [num_ids, D]     ("words", None)
    softmax over "tags"       [D, C]           (None, "tags")
    bias of that softmax      [C]              ("tags",)
    CRF transitions of "tags" [C, C]           ("tags", "tags")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import keras

Axes = tuple[str | None, ...]
"""For each axis of a weight, the name of the feature whose values index the axis, or None."""

WeightAxes = tuple[keras.Variable, Axes]
"""A weight and its axes."""

EMBEDDING_LAYER, NESTED_LAYER, HEAD_LAYER = "embed_", "encode_", "head_"
"""Prefixes of layer names. The name of a layer that belongs to one feature is a prefix and the feature's name."""

INPUT_LAYER = "inputs/"
"""The beginning of the names of all weights of an InputEncoder."""


@runtime_checkable
class HasValueAxes(Protocol):
    """The interface of a layer with weights that are indexed by values."""

    def list_value_axes(self) -> Iterable[WeightAxes]:
        """Returns the weights that are indexed by values, with their axes. The layer must be built."""


def collect_value_axes(model: keras.Model) -> Iterator[WeightAxes]:
    """Yields the weights of a built model that are indexed by values, as its direct layers declare them."""
    for layer in model.layers:
        if isinstance(layer, HasValueAxes):
            yield from layer.list_value_axes()


def list_dense_axes(dense: keras.layers.Dense, feature: str) -> list[WeightAxes]:
    """Returns the weights of a dense layer that has one output per value of the feature, with their axes."""
    return [(dense.kernel, (None, feature)), (dense.bias, (feature,))]


def is_named_for_feature(layer_name: str) -> bool:
    """Returns whether the name of a layer contains the name of a feature.

    The name of a feature may end in a number, such as `word_2`. A number at the end of another layer name was added by
    Keras.
    """
    return layer_name.startswith((EMBEDDING_LAYER, NESTED_LAYER, HEAD_LAYER))
