"""Checks that the settings of a network fit the features of the data, before any data is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from tfx_sequence.components.arguments import SettingProblem
from tfx_sequence.components.sequence_trainer.config.model import HEAD_KEYS, HeadConfig, ModelConfig, quoted_heads
from tfx_sequence.components.sequence_trainer.families import DEFAULT_HEADS, HEADS
from tfx_sequence.schemas.spec import Feature, SequenceSpec

# The names that TensorFlow accepts for the arguments of a signature.
_ARGUMENT = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")


def contradictions(spec: SequenceSpec, config: ModelConfig, made: Iterable[str] = ()) -> Iterator[SettingProblem]:
    """Finds all settings that do not fit the features.

    Args:
      spec: The features before the transform.
      config: The settings of the network.
      made: The labels that the transform makes, such as the next step. They have one value per step.
    """
    labels = {name: Feature(kind="categorical", role="label") for name in made} | spec.with_role("label")
    for name, head in config.heads.items():
        if name not in labels:
            message = f"no label is called {name!r}; the labels are {', '.join(labels)}"
            yield SettingProblem(("model", "heads", name), message)
            continue
        problems = [
            *_kind_problems(labels[name], head, config),
            *_key_problems(labels[name], head),
            *_tied_problems(spec, head),
        ]
        for key, message in problems:
            yield SettingProblem(("model", "heads", name, key), message)


def unserved_inputs(names: Iterable[str]) -> list[str]:
    """Returns the names of inputs that TensorFlow does not accept as arguments of a served model."""
    return [name for name in names if not _ARGUMENT.fullmatch(name)]


NEEDED_NAME = (
    "an input's name must begin with an ASCII letter or a digit and go on with these, '_', '.' or '-', or no served "
    "model can take it; choose one, and name the data's own with `source`"
)
"""A message that explains what is wrong with the names that `unserved_inputs` finds."""


def window_problems(config: ModelConfig, of_record: Iterable[str]) -> Iterator[str]:
    """Finds the reasons why the network cannot be trained on windows of sequences.

    Args:
      config: The settings of the network.
      of_record: The names of the labels with one value per record.

    Yields:
      The end of a message that begins with the key `training.window`.
    """
    if config.bidirectional:
        yield "needs model.bidirectional = false: the backward direction of a window starts in the windows after it"
    for name, head in config.heads.items():
        reason = HEADS.row(head.kind).no_window_because if head.kind is not None else ""
        if reason:
            yield f'does not go with kind = "{head.kind}" in model.heads.{name}: {reason}'
    for name in of_record:
        yield f"needs one label per step, but {name!r} has one per record (context = true)"


def _kind_problems(label: Feature, head: HeadConfig, config: ModelConfig) -> Iterator[tuple[str, str]]:
    """Finds why a head of this kind cannot predict the label, as pairs of a key and a message."""
    if head.kind is None:  # The default fits every label.
        return
    row = HEADS.row(head.kind)
    if row.predicts not in (None, _predicted(label)):
        need = "is for numbers" if row.predicts == "numbers" else "chooses one of a label's values"
        yield "kind", f'"{head.kind}" {need}, but the label is of kind {label.kind!r}'
    if row.needs_steps and label.context:
        yield "kind", f'"{head.kind}" needs one label per step, but there is one label per record (context = true)'
    if row.one_way_because and config.bidirectional:
        yield "kind", f'"{head.kind}" needs bidirectional = false: {row.one_way_because}'


def _key_problems(label: Feature, head: HeadConfig) -> Iterator[tuple[str, str]]:
    """Finds the keys that do not fit the label, as pairs of a key and a message."""
    if head.pooling is not None and not label.context:
        yield "pooling", "is for one label per record (context = true), but there is one label per step"
    kind = head.kind or DEFAULT_HEADS[_predicted(label)]
    for key in HEAD_KEYS:
        if getattr(head, key) and key not in HEADS.row(kind).keys:
            yield key, f"goes with kind = {quoted_heads(key)}, but the label is of kind {label.kind!r}"


def _tied_problems(spec: SequenceSpec, head: HeadConfig) -> Iterator[tuple[str, str]]:
    """Finds whether the output weights cannot be tied to the named input, as a pair of a key and a message."""
    if head.tied is None:
        return
    inputs = [name for name, feature in spec.with_role("input").items() if _has_one_id_per_step(feature)]
    if head.tied not in inputs:
        such_inputs = ", ".join(inputs) or "none"
        yield "tied", f"no input with one id per step is called {head.tied!r}; such inputs are: {such_inputs}"


def _predicted(label: Feature) -> str:
    """Returns what a head predicts for the label, as in `HeadRow.predicts`."""
    return "values" if label.dtype == "string" else "numbers"


def _has_one_id_per_step(feature: Feature) -> bool:
    return feature.dtype == "string" and not feature.context and not feature.nested
