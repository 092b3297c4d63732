"""What a layer says about the axes of its weights that are indexed by the values of a feature.

Vocabularies change when data comes in. A training that starts from an exported model therefore moves the rows of such
axes by value (`training/warm_start.py`)::

    embedding of "words"      [num_ids, D]     ("words", None)
    softmax over "tags"       [D, C]           (None, "tags")
    its bias                  [C]              ("tags",)
    CRF transitions of "tags" [C, C]           ("tags", "tags")
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

import keras

Axes = tuple[str | None, ...]
"""For each axis of a weight, the feature whose values index it, or None."""

WeightAxes = tuple[keras.Variable, Axes]

EMBEDDING_LAYER, NESTED_LAYER, HEAD_LAYER = "embed_", "encode_", "head_"
"""A layer that belongs to one feature is named by one of these, and the feature's name behind it."""


@runtime_checkable
class HasValueAxes(Protocol):
    """A layer with weights that are indexed by values."""

    def value_axes(self) -> Iterable[WeightAxes]:
        """Returns these weights, once built, with their axes. All other weights of the layer are indexed by none."""


def collect_value_axes(model: keras.Model) -> Iterator[WeightAxes]:
    """Returns the weights of a built model that are indexed by values, as its own layers say it."""
    for layer in model.layers:
        if isinstance(layer, HasValueAxes):
            yield from layer.value_axes()


def dense_axes(dense: keras.layers.Dense, feature: str) -> list[WeightAxes]:
    """Returns the weights of a layer that has one output for each value of the feature."""
    return [(dense.kernel, (None, feature)), (dense.bias, (feature,))]


def is_named_for_feature(layer_name: str) -> bool:
    """Tells whether the name of a layer holds that of a feature, which may end in a number as Keras' own names do."""
    return layer_name.startswith((EMBEDDING_LAYER, NESTED_LAYER, HEAD_LAYER))
