"""Finds the raw features without which a transform graph cannot make what a model needs.

A transform graph leaves out every output that it cannot make from the raw features that it is given. So a raw feature
can be dropped if all wanted outputs are still made without it::

    the graph makes     words, words_length of `words`;  nothing of `name`;  size of `size`
    wanted              words, words_length
    needed              words

A served model then does not require features that it does not use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import tensorflow as tf

RawFeatures = dict[str, Any]
"""Name to tensor, ragged tensor or sparse tensor, as a transform graph reads them."""

F = TypeVar("F")
"""How one raw feature is described: a Feature of a spec, or a configuration of `tf.io.parse_example`."""

Parse = Callable[[tf.Tensor, Mapping[str, F]], RawFeatures]
"""Parses these raw features of serialized records, string `[B]`."""


class TransformGraph(Protocol):
    """A transform graph, as `TFTransformOutput.transform_features_layer` returns it."""

    def __call__(self, raw: RawFeatures, /) -> Mapping[str, Any]:
        """Returns the transformed features, without those that need a raw feature that is not in `raw`."""


def select_needed_features(
    features: Mapping[str, F],
    parse: Parse[F],
    transform: TransformGraph,
    outputs: Iterable[str],
    candidates: Iterable[str],
) -> dict[str, F]:
    """Returns the raw features without those that the outputs can do without.

    The graph is traced once for each candidate.

    Args:
      features: Raw feature to its description.
      parse: Parses them.
      transform: The transform graph.
      outputs: The transformed features that must still be made.
      candidates: The raw features that may be dropped, in the order in which that is tried.
    """
    wanted, kept = set(outputs), dict(features)
    for candidate in candidates:
        rest = {name: feature for name, feature in kept.items() if name != candidate}
        # A parser needs at least one feature.
        if rest and wanted <= _trace_output_names(rest, parse, transform):
            kept = rest
    return kept


def _trace_output_names(features: Mapping[str, F], parse: Parse[F], transform: TransformGraph) -> set[str]:
    """Returns the names of the transformed features that the graph makes from these raw ones."""
    names: set[str] = set()

    def trace(examples: tf.Tensor) -> None:
        names.update(transform(parse(examples, features)))

    tf.function(trace).get_concrete_function(tf.TensorSpec([None], tf.string))
    return names
