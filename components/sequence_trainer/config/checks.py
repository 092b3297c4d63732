"""Whether a network's settings fit the features: told before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tfx_sequence.components.arguments import SettingProblem
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec

_ARGUMENT = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")


def is_number(feature: Feature) -> bool:
    """Whether a label of this kind is a number to be met, not a value to be chosen."""
    return feature.dtype != "string"


def contradictions(spec: SequenceSpec, config: ModelConfig, made: Iterable[str] = ()) -> Iterator[SettingProblem]:
    """Every setting that does not fit the features.

    Args:
      spec: The features before the transform.
      config: The network.
      made: Labels that the transform makes, those of a step beside each: they have a value a step.
    """
    labels = {name: Feature(kind="categorical", role="label") for name in made} | spec.with_role("label")
    for name, head in config.heads.items():
        if name not in labels:
            message = f"no label is called {name!r}; the labels are {', '.join(labels)}"
            yield SettingProblem(("model", "heads", name), message)
            continue
        for key, message in _head_problems(spec, labels[name], head, config):
            yield SettingProblem(("model", "heads", name, key), message)


def unserved_inputs(names: Iterable[str]) -> list[str]:
    """The inputs among these names that a served model could not take: TensorFlow has no arguments of such names."""
    return [name for name in names if not _ARGUMENT.fullmatch(name)]


NEEDED_NAME = (
    "an input's name must begin with an ASCII letter or a digit and go on with these, '_', '.' or '-', or no served "
    "model can take it; choose one, and name the data's own with `source`"
)
"""What is wrong with the names that `unserved_inputs` finds, and what to do."""


def window_problems(config: ModelConfig, of_record: Iterable[str]) -> Iterator[str]:
    """Why the network cannot be trained window by window (`training.window`), as messages about that key.

    Args:
      config: The network.
      of_record: The labels that have one value a record.
    """
    if config.bidirectional:
        yield "needs model.bidirectional = false: the backward reading of a window begins in the windows after it"
    for name, head in config.heads.items():
        if head.kind == "crf":
            yield f'does not go with kind = "crf" in model.heads.{name}: it weighs the steps of a sequence together'
    for name in of_record:
        yield f"needs labels a step, but {name!r} has one a record (context = true), which no window can tell"


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
    for key in ("label_smoothing", "class_weights", "sampled"):
        if getattr(head, key) and is_number(label):
            yield key, f"is for a label's values, but the label is of kind {label.kind!r}"
    if head.tied is not None:
        inputs = [name for name, feature in spec.with_role("input").items() if _has_ids_a_step(feature)]
        if head.tied not in inputs:
            yield "tied", f"no input of ids a step is called {head.tied!r}; there are {', '.join(inputs) or 'none'}"


def _has_ids_a_step(feature: Feature) -> bool:
    """Whether an input has one id in each step."""
    return feature.dtype == "string" and not feature.context and not feature.nested
