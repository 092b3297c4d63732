"""Checks that the settings of SequenceTransform fit the features, before any data is read."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tfx_sequence.components.arguments import SettingProblem
from tfx_sequence.components.sequence_transform.config import (
    NumberConfig,
    VocabularyConfig,
    find_owner,
    has_vocabulary,
)
from tfx_sequence.schemas.spec import Feature, SequenceSpec

__all__ = ["SettingProblem", "find_contradictions", "find_cut_problems"]

# Names of settings, by the kind of feature that may or may not have them.
_NEEDS_STEPS = ("characters", "begin", "end", "next", "previous")
_NOT_FOR_NESTED = ("affixes", "characters", "next", "previous", "embeddings")
_NEEDS_NESTED = ("max_values",)
_NEEDS_MISSING = ("fill", "indicator")
_NOT_FOR_LABELS = (
    "affixes",
    "characters",
    "hash_buckets",
    "max_size",
    "min_count",
    "begin",
    "end",
    "next",
    "previous",
    "embeddings",
)

_Vocabularies = Mapping[str, VocabularyConfig]
_Numbers = Mapping[str, NumberConfig]


def find_contradictions(spec: SequenceSpec, vocabularies: _Vocabularies, numbers: _Numbers) -> Iterator[SettingProblem]:
    """Yields a problem for every setting that does not fit the spec, with the path in the arguments of the component.

    Args:
      spec: The raw features.
      vocabularies: The argument `transform`: name of a string feature to the settings of its vocabulary.
      numbers: The argument `numbers`: name of a number feature to its settings.
    """
    yield from _check_vocabularies(spec, vocabularies)
    yield from _check_output_names(spec, vocabularies, numbers)
    yield from _check_numbers(spec, numbers)


def find_cut_problems(
    vocabularies: _Vocabularies, max_steps: int | None, in_pieces: bool, truncated_to: int | None
) -> Iterator[SettingProblem]:
    """Yields a problem for every setting that would name a begin or an end where the reader has cut the data.

    Args:
      vocabularies: The argument `transform`: name of a string feature to the settings of its vocabulary.
      max_steps: The argument `max_steps`: the number of steps that the transform keeps.
      in_pieces: Whether a record may be a piece of a longer sequence, with anything before and after it.
      truncated_to: The number of steps after which the reader has cut off longer records; None if it has not.
    """
    # In a record of this length, the value after the last step may be unknown. If fewer steps are kept, it is known.
    is_end_unknown = truncated_to is not None and (max_steps is None or max_steps >= truncated_to)
    for name, vocabulary in vocabularies.items():
        for setting in ("begin", "end", "next", "previous"):
            if not getattr(vocabulary, setting):
                continue
            path = ("transform", name, setting)
            if in_pieces:
                yield SettingProblem(
                    path, "the records are pieces of longer sequences, which neither begin nor end there"
                )
            elif is_end_unknown and setting in ("end", "next"):
                message = (
                    f"records are truncated to {truncated_to} steps, so the end of a record may not be the end of the "
                    f"sequence; set `max_steps` to less than {truncated_to}, so that the step after the last one is "
                    "known, or read whole records"
                )
                yield SettingProblem(path, message)


def _check_vocabularies(spec: SequenceSpec, vocabularies: _Vocabularies) -> Iterator[SettingProblem]:
    for name in vocabularies:
        feature = spec.features.get(name)
        if feature is None:
            yield _make_unknown_feature_problem("transform", name, spec)
        elif not has_vocabulary(feature):
            message = (
                f"only strings that are inputs or labels have a vocabulary; {name} is {_describe_feature(feature)}"
            )
            yield SettingProblem(("transform", name), message)
        else:
            yield from _check_vocabulary(spec, vocabularies, name)


def _check_numbers(spec: SequenceSpec, numbers: _Numbers) -> Iterator[SettingProblem]:
    for name, number in numbers.items():
        feature = spec.features.get(name)
        if feature is None:
            yield _make_unknown_feature_problem("numbers", name, spec)
        elif feature.dtype == "string" or feature.role != "input":
            message = (
                f"only numbers that are inputs are scaled or put into buckets; {name} is {_describe_feature(feature)}"
            )
            yield SettingProblem(("numbers", name), message)
        else:
            yield from _check_number(spec, name, number)


def _check_number(spec: SequenceSpec, name: str, number: NumberConfig) -> Iterator[SettingProblem]:
    feature = spec.features[name]
    if number.buckets is not None and feature.width is not None:
        yield SettingProblem(
            ("numbers", name, "buckets"), "not for a vector: buckets are ranges of one number, and a vector has several"
        )
    for setting in _NEEDS_MISSING:
        if setting in number.model_fields_set and not feature.missing:
            message = f"no number of {name} may be missing; set its `missing` if some may"
            yield SettingProblem(("numbers", name, setting), message)
    if number.fill == "last" and feature.context:
        message = "a context feature has no number before it; set `mean` or a number"
        yield SettingProblem(("numbers", name, "fill"), message)
    if number.fill == "last":
        for label, label_feature in spec.with_role("label").items():
            # The number that replaces a missing one may be the value of this label.
            if label_feature.shift == "previous" and label_feature.dtype != "string":
                message = f"shows numbers of earlier steps, which {label} may be, a label of the previous step"
                yield SettingProblem(("numbers", name, "fill"), message)


def _check_vocabulary(spec: SequenceSpec, vocabularies: _Vocabularies, name: str) -> Iterator[SettingProblem]:
    vocabulary = vocabularies[name]
    for setting in vocabulary.requested_settings:
        message = _explain_feature_conflict(spec.features[name], setting)
        if message is None:
            message = _explain_length_conflict(spec, vocabularies, setting)
        if message is not None:
            yield SettingProblem(("transform", name, setting), message)
    if vocabulary.file is not None:
        other_vocabulary = _describe_file_conflict(spec, vocabularies, name)
        if other_vocabulary is not None:
            message = f"a file of that name would replace {other_vocabulary} in the transform graph; rename it"
            yield SettingProblem(("transform", name, "file"), message)
    if vocabulary.share is not None:
        yield from _check_share(spec, vocabularies, name, vocabulary.share)


def _explain_feature_conflict(feature: Feature, setting: str) -> str | None:
    """Returns the reason why a feature of this kind cannot have a setting; None if it can."""
    if setting in _NOT_FOR_LABELS and feature.role == "label":
        # A changed, dropped or merged label would make the task another one.
        return "not for a label: every label counts, as it is"
    if setting in _NEEDS_STEPS and feature.context:
        return "not for a context feature: it has no steps"
    if setting in _NOT_FOR_NESTED and feature.nested:
        return "not for a nested feature: it has any number of values in a step"
    if setting in _NEEDS_NESTED and not feature.nested:
        return "only for a nested feature: any other has one value in a step"
    return None


def _explain_length_conflict(spec: SequenceSpec, vocabularies: _Vocabularies, setting: str) -> str | None:
    """Returns the reason why a setting would give sequence features different lengths; None if it would not."""
    if setting not in ("begin", "end"):
        return None
    shorter_feature = _find_feature_without_step(spec, vocabularies, setting)
    if shorter_feature is None:
        return None
    return f"{shorter_feature} would have fewer steps; all sequence features must be strings that ask for it"


def _check_share(spec: SequenceSpec, vocabularies: _Vocabularies, name: str, other: str) -> Iterator[SettingProblem]:
    path = ("transform", name, "share")
    other_inputs = [
        key
        for key, feature in spec.features.items()
        if has_vocabulary(feature) and feature.role == "input" and key != name
    ]
    if other not in other_inputs:
        choices = f"the others are {', '.join(other_inputs)}" if other_inputs else "there is none"
        yield SettingProblem(path, f"no other string input is called {other!r}; {choices}")
    elif other in vocabularies and vocabularies[other].share is not None:
        message = f"{other} itself takes the vocabulary of {vocabularies[other].share}; name that one"
        yield SettingProblem(path, message)
    elif spec.features[name].nested and other in vocabularies:
        for setting in vocabularies[other].requested_settings:
            if setting in _NOT_FOR_NESTED:
                message = f"{other} sets `{setting}`, which is not for a nested feature, as {name} is"
                yield SettingProblem(path, message)


def _find_feature_without_step(spec: SequenceSpec, vocabularies: _Vocabularies, setting: str) -> str | None:
    """Returns the name of a sequence feature to which `begin` or `end` adds no step; None if all features get it.

    Args:
      spec: The raw features.
      vocabularies: Name of a string feature to the settings of its vocabulary.
      setting: `begin` or `end`.
    """
    for name, feature in spec.sequence.items():
        # With `share`, the settings stand at another feature, the owner of the vocabulary.
        settings = vocabularies.get(find_owner(name, vocabularies), VocabularyConfig())
        if not has_vocabulary(feature) or feature.role == "label" or not getattr(settings, setting):
            return name
    return None


def _check_output_names(spec: SequenceSpec, vocabularies: _Vocabularies, numbers: _Numbers) -> Iterator[SettingProblem]:
    """Yields a problem for each setting that adds an output with the name of a feature or of another output."""
    added_outputs = [*_list_string_outputs(spec, vocabularies), *_list_indicator_outputs(numbers)]
    counts = Counter([*spec.features, *(output.name for output in added_outputs)])
    for output in added_outputs:
        if counts[output.name] > 1:
            yield SettingProblem(output.setting_path, f"there is another feature {output.name!r}")


class _AddedOutput(NamedTuple):
    """An output that a setting adds to those of the features.

    Attributes:
      name: The name of the output.
      setting_path: The path of the setting in the arguments of the component.
    """

    name: str
    setting_path: tuple[str, ...]


def _list_indicator_outputs(numbers: _Numbers) -> Iterator[_AddedOutput]:
    """Yields the outputs that the settings of numbers add."""
    for name, number in numbers.items():
        if number.indicator:
            yield _AddedOutput(f"{name}_missing", ("numbers", name, "indicator"))


def _list_string_outputs(spec: SequenceSpec, vocabularies: _Vocabularies) -> Iterator[_AddedOutput]:
    """Yields the outputs that the settings of vocabularies add."""
    for name, feature in spec.features.items():
        if not has_vocabulary(feature):
            continue
        # With `share`, the settings stand at another feature, the owner of the vocabulary.
        owner = find_owner(name, vocabularies)
        settings = vocabularies.get(owner, VocabularyConfig())
        if feature.role == "input":
            for length in settings.affixes:
                yield _AddedOutput(f"{name}_prefix{length}", ("transform", owner, "affixes"))
                yield _AddedOutput(f"{name}_suffix{length}", ("transform", owner, "affixes"))
            if settings.characters:
                yield _AddedOutput(f"{name}_characters", ("transform", owner, "characters"))
        if owner == name:  # These outputs exist once per vocabulary, also if several features share it.
            if settings.next:
                yield _AddedOutput(settings.next, ("transform", name, "next"))
            if settings.previous:
                yield _AddedOutput(settings.previous, ("transform", name, "previous"))
            if settings.frequencies:
                yield _AddedOutput(f"{name}_frequencies", ("transform", name, "frequencies"))


def _describe_file_conflict(spec: SequenceSpec, vocabularies: _Vocabularies, name: str) -> str | None:
    """Describes another vocabulary whose file has the same name as `file` of this feature; None if there is none.

    The transform graph keeps the files of all vocabularies in one folder, so their names must differ. The file of a
    vocabulary that the transform makes has the name of the feature. A given file keeps its own name.
    """
    path = vocabularies[name].file or ""
    file_name = os.path.basename(path)
    if file_name in _list_made_vocabularies(spec, vocabularies):
        return f"the vocabulary of {file_name}"
    for vocabulary in vocabularies.values():
        other = vocabulary.file
        if other is not None and other != path and os.path.basename(other) == file_name:
            return other
    return None


def _list_made_vocabularies(spec: SequenceSpec, vocabularies: _Vocabularies) -> list[str]:
    """Returns the names of the vocabularies of values, affixes, characters and counts that the transform makes."""
    names = []
    for name, feature in spec.features.items():
        if not has_vocabulary(feature) or find_owner(name, vocabularies) != name:
            continue
        settings = vocabularies.get(name, VocabularyConfig())
        if settings.hash_buckets is not None:
            continue
        # A given file takes the place of the vocabulary of values only.
        if settings.file is None:
            names.append(name)
    derived_settings = ("affixes", "characters", "frequencies")
    for output in _list_string_outputs(spec, vocabularies):
        _, owner, setting = output.setting_path
        if setting in derived_settings and vocabularies[owner].hash_buckets is None:
            names.append(output.name)
    return names


def _make_unknown_feature_problem(table: str, name: str, spec: SequenceSpec) -> SettingProblem:
    return SettingProblem((table, name), f"no such feature; the features are {', '.join(spec.features)}")


def _describe_feature(feature: Feature) -> str:
    return f"a {feature.kind} with role {feature.role!r}"
