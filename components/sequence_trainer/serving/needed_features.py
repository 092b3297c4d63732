"""Selects the raw features that a transform graph needs to make the transformed features of a model.

A served model should not require features that it does not use. A transform graph leaves out each output that it
cannot make from the given raw features. So a raw feature can be dropped if the graph still makes all needed outputs
without it. In this example only the raw feature `words` is needed::

    raw feature      outputs that the graph makes from it
    words            words, words_length                         needed by the model
    name             none
    size             size                                        not needed
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, TypeAlias, TypeVar

import tensorflow as tf

AnyTensor: TypeAlias = tf.Tensor | tf.RaggedTensor | tf.SparseTensor
"""A value that a transform graph may read or return."""

RawFeatures = dict[str, AnyTensor]
"""The name of each raw feature, with its value as a transform graph reads it."""

F = TypeVar("F")
"""The description of one raw feature: a Feature of a spec, or a configuration for `tf.io.parse_example`."""

Parse = Callable[[tf.Tensor, Mapping[str, F]], RawFeatures]
"""A function that parses some raw features from serialized records, string `[B]`."""


class TransformGraph(Protocol):
    """A transform graph, such as the result of `TFTransformOutput.transform_features_layer`."""

    def __call__(self, raw: RawFeatures, /) -> Mapping[str, AnyTensor]:
        """Returns the transformed features. Features that need a raw feature that is not in `raw` are left out."""


def select_needed_features(
    features: Mapping[str, F],
    parse: Parse[F],
    transform: TransformGraph,
    outputs: Iterable[str],
    candidates: Iterable[str],
) -> dict[str, F]:
    """Drops the raw features that the outputs do not need, and returns the other raw features.

    The graph is traced once per candidate.

    Args:
      features: The name of each raw feature, with its description.
      parse: Parses the raw features.
      transform: The transform graph.
      outputs: The names of the transformed features that must still be made.
      candidates: The names of the raw features that may be dropped. They are tried in this order.
    """
    needed_outputs = set(outputs)
    needed_features = dict(features)
    for candidate in candidates:
        others = {name: feature for name, feature in needed_features.items() if name != candidate}
        # A parser needs at least one feature.
        if others and needed_outputs <= _trace_output_names(others, parse, transform):
            needed_features = others
    return needed_features


def _trace_output_names(features: Mapping[str, F], parse: Parse[F], transform: TransformGraph) -> set[str]:
    """Returns the names of the transformed features that the graph makes from these raw features."""
    output_names: set[str] = set()

    def collect_output_names(examples: tf.Tensor) -> None:
        output_names.update(transform(parse(examples, features)))

    # The function only has to be traced. It never runs.
    tf.function(collect_output_names).get_concrete_function(tf.TensorSpec([None], tf.string))
    return output_names
