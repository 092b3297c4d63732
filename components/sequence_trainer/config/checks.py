"""Checks that the settings of a network fit the features of the data, before any data is read."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

from tfx_sequence.components.arguments import SettingProblem
from tfx_sequence.components.sequence_trainer.config.directions import choose_directions, find_shift
from tfx_sequence.components.sequence_trainer.config.model import HEAD_KEYS, HeadConfig, ModelConfig, quote_heads
from tfx_sequence.components.sequence_trainer.families import DEFAULT_HEADS, HEADS
from tfx_sequence.schemas.contract import (
    CROSS_ENTROPY_SUFFIX,
    ID_SUFFIX,
    LABEL_SUFFIX,
    LENGTHS,
    SCORE_SUFFIX,
    WEIGHT_SUFFIX,
    WINDOW_SHARE,
)
from tfx_sequence.schemas.spec import Feature, SequenceSpec, Shift

# The names that TensorFlow accepts for the arguments of a signature.
_ARGUMENT = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")


def find_contradictions(
    spec: SequenceSpec, config: ModelConfig, labels: Mapping[str, Feature] | None = None
) -> Iterator[SettingProblem]:
    """Finds all settings that do not fit the features.

    Args:
      spec: The features, before or after the transform.
      config: The settings of the network.
      labels: The labels, including those that the transform makes, such as the next step. If None, those of the spec.
    """
    labels = spec.with_role("label") if labels is None else labels
    for message in _find_direction_problems(config, labels):
        yield SettingProblem(("model", "bidirectional"), message)
    for name, head in config.heads.items():
        if name not in labels:
            message = f"no label is called {name!r}; the labels are {', '.join(labels)}"
            yield SettingProblem(("model", "heads", name), message)
            continue
        problems = itertools.chain(
            _find_kind_problems(labels[name], head),
            _find_key_problems(labels[name], head),
            _find_tied_problems(spec, head),
        )
        for key, message in problems:
            yield SettingProblem(("model", "heads", name, key), message)


def find_unserved_inputs(names: Iterable[str]) -> list[str]:
    """Finds the names of inputs that TensorFlow does not accept as arguments of a served model."""
    return [name for name in names if not _ARGUMENT.fullmatch(name)]


INPUT_NAME_RULE = (
    "an input's name must begin with an ASCII letter or a digit and go on with these, '_', '.' or '-', or no served "
    "model can take it; choose one, and name the data's own with `source`"
)
"""The rule that the names which `find_unserved_inputs` finds do not keep, for messages."""


_MEANINGS: Mapping[str, str] = {LENGTHS: "the numbers of steps", WINDOW_SHARE: "the shares of a window"}
"""Keys of batches that are no features, and what they hold."""

_ANSWER_SUFFIXES = (ID_SUFFIX, SCORE_SUFFIX, LABEL_SUFFIX, WEIGHT_SUFFIX, CROSS_ENTROPY_SUFFIX)
"""The suffixes of the answers about a label, besides the answer that is called like the label."""


def find_name_problems(spec: SequenceSpec) -> Iterator[tuple[str, str]]:
    """Finds features whose names mean something else in batches or in the answers of a model.

    Args:
      spec: The features, before or after the transform.

    Yields:
      The name of a feature, and a message.
    """
    advice = "choose another name, and name the data's own with `source`"
    labels = spec.with_role("label")
    for name in (*spec.with_role("input"), *labels, *spec.with_role("weight")):
        if name in _MEANINGS:
            yield name, f"{name!r} is what batches call {_MEANINGS[name]}; {advice}"
    for label in labels:
        for answer in [f"{label}{suffix}" for suffix in _ANSWER_SUFFIXES]:
            if answer in labels:
                yield answer, f"{answer!r} is the name of an answer about the label {label!r}; {advice}"


def find_window_problems(config: ModelConfig, labels: Mapping[str, Feature]) -> Iterator[str]:
    """Finds the reasons why the network cannot be trained on windows of sequences.

    Args:
      config: The settings of the network.
      labels: The labels, including those that the transform makes.

    Yields:
      The end of a message that begins with the key `training.window`.
    """
    shifts = find_shifts(config, labels)
    reason = "the backward direction of a window starts in the windows after it"
    if previous_labels := _list_previous_labels(shifts):
        label_name = previous_labels[0]
        yield f"does not go with {label_name!r}, a label of the previous step, which is read backwards: {reason}"
    elif choose_directions(config.bidirectional, shifts.values()) != ("forward",):
        yield f"needs model.bidirectional = false: {reason}"
    for name, head in config.heads.items():
        head_reason = "" if head.kind is None else HEADS.find_row(head.kind).no_window_because
        if head_reason:
            yield f'does not go with kind = "{head.kind}" in model.heads.{name}: {head_reason}'
    for name, label in labels.items():
        if label.context:
            yield (f"needs one label per step, but {name!r} has one per record (context = true): leave the window out")


def find_shifts(config: ModelConfig, labels: Mapping[str, Feature]) -> dict[str, Shift | None]:
    """Finds the shift of each label by its name. The schema notes the shift, or the kind of the head implies it."""
    return {name: find_shift(label.shift, config.heads.get(name)) for name, label in labels.items()}


def _list_previous_labels(shifts: Mapping[str, Shift | None]) -> list[str]:
    """Lists the names of the labels of the previous step."""
    return [name for name, shift in shifts.items() if shift == "previous"]


def _find_direction_problems(config: ModelConfig, labels: Mapping[str, Feature]) -> Iterator[str]:
    """Finds why `bidirectional` does not fit the labels."""
    shifts = find_shifts(config, labels)
    previous_labels = _list_previous_labels(shifts)
    if config.bidirectional is False and previous_labels:
        yield (
            f"must not be false: forwards, {previous_labels[0]!r} is read before it is predicted, as it is a label of "
            "the previous step; leave it out"
        )
    have_one_shift = len(set(shifts.values())) == 1 and None not in shifts.values()
    if config.bidirectional and have_one_shift:
        name, shift = next(iter(shifts.items()))
        direction = "backwards" if shift == "next" else "forwards"
        yield (
            f"must not be true: {direction}, every label is read before it is predicted, as {name!r} is a label of the "
            f"{shift} step; leave it out"
        )


def _find_kind_problems(label: Feature, head: HeadConfig) -> Iterator[tuple[str, str]]:
    """Finds why a head of this kind cannot predict the label, as pairs of a key and a message."""
    if head.kind is None:  # The default fits every label.
        return
    row = HEADS.find_row(head.kind)
    if row.predicts not in (None, _get_predicted_type(label)):
        purpose = "is for numbers" if row.predicts == "numbers" else "chooses one of a label's values"
        yield "kind", f'"{head.kind}" {purpose}, but the label is of kind {label.kind!r}'
    if row.needs_steps and label.context:
        yield "kind", f'"{head.kind}" needs one label per step, but there is one label per record (context = true)'
    if row.no_shift_because and label.shift is not None:
        yield "kind", f'"{head.kind}" does not go with a label of the {label.shift} step: {row.no_shift_because}'


def _find_key_problems(label: Feature, head: HeadConfig) -> Iterator[tuple[str, str]]:
    """Finds the keys that do not fit the label, as pairs of a key and a message."""
    if head.pooling is not None and not label.context:
        yield "pooling", "is for one label per record (context = true), but there is one label per step"
    kind = head.kind or DEFAULT_HEADS[_get_predicted_type(label)]
    for key in HEAD_KEYS:
        if getattr(head, key) and key not in HEADS.find_row(kind).keys:
            yield key, f"goes with kind = {quote_heads(key)}, but the label is of kind {label.kind!r}"


def _find_tied_problems(spec: SequenceSpec, head: HeadConfig) -> Iterator[tuple[str, str]]:
    """Finds whether the output weights cannot be tied to the named input, as a pair of a key and a message."""
    if head.tied is None:
        return
    possible_inputs = [name for name, feature in spec.with_role("input").items() if _has_one_id_per_step(feature)]
    if head.tied not in possible_inputs:
        listed_inputs = ", ".join(possible_inputs) or "none"
        yield "tied", f"no input with one id per step is called {head.tied!r}; such inputs are: {listed_inputs}"


def _get_predicted_type(label: Feature) -> str:
    """Returns what a head predicts for the label, as in `HeadRow.predicts`."""
    return "values" if label.dtype == "string" else "numbers"


def _has_one_id_per_step(feature: Feature) -> bool:
    return feature.dtype == "string" and not feature.context and not feature.nested
