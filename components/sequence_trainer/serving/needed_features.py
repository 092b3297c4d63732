"""Which raw features the outputs of a transform graph are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf

Transform = Callable[[dict[str, Any]], Mapping[str, Any]]
"""A transform graph: it leaves out what is made of features that it is not given."""

Parse = Callable[[tf.Tensor, Mapping[str, Any]], dict[str, Any]]
"""Serialized records `[B]`, and what of them is read, to raw features."""


def needed(
    features: Mapping[str, Any], parse: Parse, transform: Transform, outputs: Iterable[str], candidates: Iterable[str]
) -> dict[str, Any]:
    """The raw features without those that the outputs can do without. The graph is traced for each candidate.

    Args:
      features: Raw feature to how it is parsed.
      parse: What parses them.
      transform: The transform graph.
      outputs: The transformed features that there must be.
      candidates: The raw features that may be left out.
    """
    wanted, kept = set(outputs), dict(features)
    for name in candidates:
        rest = {other: feature for other, feature in kept.items() if other != name}
        if rest and wanted <= _made_of(rest, parse, transform):
            kept = rest
    return kept


def _made_of(features: Mapping[str, Any], parse: Parse, transform: Transform) -> set[str]:
    """What the transform makes of these raw features."""
    made: set[str] = set()

    def trace(examples: tf.Tensor) -> None:
        made.update(transform(parse(examples, features)))

    tf.function(trace).get_concrete_function(tf.TensorSpec([None], tf.string))
    return made
