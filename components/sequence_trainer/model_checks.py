"""Whether a network's settings fit the features: told before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx_sequence.components.sequence_trainer.model_config import HeadConfig, ModelConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec


class Contradiction(NamedTuple):
    """A setting that does not fit the features.

    Attributes:
      key: Its path within the model's settings, such as `heads.intent.kind`.
      message: What is wrong, and what to do.
    """

    key: str
    message: str


def is_number(feature: Feature) -> bool:
    """Whether a label of this kind is a number to be met, not a value to be chosen."""
    return feature.dtype != "string"


def contradictions(spec: SequenceSpec, config: ModelConfig, made: Iterable[str] = ()) -> Iterator[Contradiction]:
    """Every setting that does not fit the features.

    Args:
      spec: The features before the transform.
      config: The network.
      made: Labels that the transform makes, those of a step beside each: they have a value a step.
    """
    labels = {name: Feature(kind="categorical", role="label") for name in made} | spec.with_role("label")
    for name, head in config.heads.items():
        if name not in labels:
            yield Contradiction(f"heads.{name}", f"no label is called {name!r}; the labels are {', '.join(labels)}")
            continue
        for key, message in _head_problems(spec, labels[name], head, config):
            yield Contradiction(f"heads.{name}.{key}", message)


def _head_problems(
    spec: SequenceSpec, label: Feature, head: HeadConfig, config: ModelConfig
) -> Iterator[tuple[str, str]]:
    if head.kind is not None and (head.kind == "regression") != is_number(label):
        need = "is for numbers" if head.kind == "regression" else "chooses one of a label's values"
        yield "kind", f'"{head.kind}" {need}, but the label is of kind {label.kind!r}'
    if head.kind in ("crf", "language_model") and label.context:
        yield "kind", f'"{head.kind}" needs a label a step, but the label has one a record (context = true)'
    if head.kind == "language_model" and config.bidirectional:
        yield "kind", '"language_model" needs bidirectional = false: the backward reading sees the step to predict'
    if head.pooling is not None and not label.context:
        yield "pooling", "is for a label a record (context = true), but the label has one a step"
    for key in ("label_smoothing", "class_weights"):
        if getattr(head, key) and is_number(label):
            yield key, f"is for a label's values, but the label is of kind {label.kind!r}"
    if head.tied is not None:
        tied = spec.features.get(head.tied)
        if tied is None or tied.role != "input" or tied.dtype != "string" or tied.context:
            inputs = [name for name, f in spec.with_role("input").items() if f.dtype == "string" and not f.context]
            yield "tied", f"no input of ids a step is called {head.tied!r}; there are {', '.join(inputs) or 'none'}"
