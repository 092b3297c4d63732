"""Selects the raw features that a transform graph needs to make the transformed features of a model.

A served model should not require features that it does not use. A transform graph leaves out each output that it
cannot make from the given raw features. So a raw feature can be dropped if the graph still makes all wanted outputs
without it. In this example only the raw feature `words` is needed::

    raw feature      outputs that the graph makes from it
    words            words, words_length                         wanted
    name             none
    size             size                                        not wanted
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
    wanted = set(outputs)
    kept = dict(features)
    for candidate in candidates:
        rest = {name: feature for name, feature in kept.items() if name != candidate}
        # A parser needs at least one feature.
        if rest and wanted <= _trace_output_names(rest, parse, transform):
            kept = rest
    return kept


def _trace_output_names(features: Mapping[str, F], parse: Parse[F], transform: TransformGraph) -> set[str]:
    """Returns the names of the transformed features that the graph makes from these raw features."""
    names: set[str] = set()

    def trace(examples: tf.Tensor) -> None:
        names.update(transform(parse(examples, features)))

    tf.function(trace).get_concrete_function(tf.TensorSpec([None], tf.string))
    return names
