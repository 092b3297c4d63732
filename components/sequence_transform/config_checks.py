"""Settings of SequenceTransform that do not fit the spec."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping

from tfx_sequence.components.sequence_transform.config import (
    NumberConfig,
    VocabularyConfig,
    has_vocabulary,
    owner,
)
from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec

_OF_STEPS = ("characters", "begin", "end", "next", "previous")
_NOT_FOR_NESTED = ("affixes", "characters", "next", "previous", "embeddings")
_OF_THE_MISSING = ("fill", "indicator")
_NOT_FOR_LABELS = (
    *("affixes", "characters", "hash_buckets", "max_size", "min_count"),
    *("begin", "end", "next", "previous", "embeddings"),
)


class Contradiction(Frozen):
    """A setting that does not fit the spec.

    Attributes:
      feature: The feature that it is a setting of.
      setting: Its name; None if the feature can have no settings of this kind at all.
      message: What is wrong.
    """

    feature: str
    setting: str | None
    message: str


def contradictions(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], numbers: Mapping[str, NumberConfig]
) -> Iterator[Contradiction]:
    """Every setting that does not fit the spec."""
    for name in vocabularies:
        feature = spec.features.get(name)
        if feature is None:
            yield _unknown(spec, name)
        elif not has_vocabulary(feature):
            message = f"only strings that are inputs or labels have a vocabulary; {name} is {_described(feature)}"
            yield Contradiction(feature=name, setting=None, message=message)
        else:
            yield from _misplaced(spec, vocabularies, name)
    yield from _named_twice(spec, vocabularies, numbers)
    for name, number in numbers.items():
        feature = spec.features.get(name)
        if feature is None:
            yield _unknown(spec, name)
        elif feature.dtype == "string" or feature.role != "input":
            message = f"only numbers that are inputs are scaled or put into buckets; {name} is {_described(feature)}"
            yield Contradiction(feature=name, setting=None, message=message)
        else:
            yield from _misplaced_numbers(feature, name, number)


def _misplaced_numbers(feature: Feature, name: str, number: NumberConfig) -> Iterator[Contradiction]:
    if number.buckets is not None and feature.width is not None:
        yield Contradiction(feature=name, setting="buckets", message="not for a vector: it has no rank")
    for setting in _OF_THE_MISSING:
        if setting in number.model_fields_set and not feature.missing:
            message = f"no number of {name} may be missing; set its `missing` if some may"
            yield Contradiction(feature=name, setting=setting, message=message)
    if number.fill == "last" and feature.context:
        message = "a context feature has no number before it; set `mean` or a number"
        yield Contradiction(feature=name, setting="fill", message=message)


def _misplaced(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], name: str) -> Iterator[Contradiction]:
    vocabulary = vocabularies[name]
    for setting in vocabulary.asked_for:
        if setting in _NOT_FOR_LABELS and spec.features[name].role == "label":
            message = "not for a label: every label counts, as it is"
            yield Contradiction(feature=name, setting=setting, message=message)
        elif setting in _OF_STEPS and spec.features[name].context:
            message = "not for a context feature: it has no steps"
            yield Contradiction(feature=name, setting=setting, message=message)
        elif setting in _NOT_FOR_NESTED and spec.features[name].nested:
            message = "not for a nested feature: it has any number of values in a step"
            yield Contradiction(feature=name, setting=setting, message=message)
        elif setting in ("begin", "end") and (alone := _without(spec, vocabularies, setting)):
            message = f"{alone} would have fewer steps; all sequence features must be strings that ask for it"
            yield Contradiction(feature=name, setting=setting, message=message)
    if vocabulary.file is not None and (taken := _taken(spec, vocabularies, name)):
        message = f"a file of that name would replace {taken} in the transform graph; rename it"
        yield Contradiction(feature=name, setting="file", message=message)
    if vocabulary.share is not None:
        yield from _missharing(spec, vocabularies, name, vocabulary.share)


def _missharing(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], name: str, other: str
) -> Iterator[Contradiction]:
    shared = [key for key, feature in spec.features.items() if has_vocabulary(feature) and feature.role == "input"]
    if other not in shared or other == name:
        message = f"no other string input is called {other!r}; there are {', '.join(shared)}"
        yield Contradiction(feature=name, setting="share", message=message)
    elif other in vocabularies and vocabularies[other].share is not None:
        message = f"{other} itself takes the vocabulary of {vocabularies[other].share}; name that one"
        yield Contradiction(feature=name, setting="share", message=message)
    elif spec.features[name].nested and other in vocabularies:
        for setting in vocabularies[other].asked_for:
            if setting in _NOT_FOR_NESTED:
                message = f"{other} sets `{setting}`, which is not for a nested feature, as {name} is"
                yield Contradiction(feature=name, setting="share", message=message)


def _without(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], setting: str) -> str | None:
    """A sequence feature that does not get the step of `begin` or `end`, if there is one."""
    for name, feature in spec.sequence.items():
        settings = vocabularies.get(owner(name, vocabularies), VocabularyConfig())
        if not has_vocabulary(feature) or feature.role == "label" or not getattr(settings, setting):
            return name
    return None


def _named_twice(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], numbers: Mapping[str, NumberConfig]
) -> Iterator[Contradiction]:
    made = [*_made(spec, vocabularies)]
    made += [(name, "indicator", f"{name}_missing") for name, number in numbers.items() if number.indicator]
    counts = Counter([*spec.features, *(name for _, _, name in made)])
    for feature, setting, name in made:
        if counts[name] > 1:
            yield Contradiction(feature=feature, setting=setting, message=f"there is another feature {name!r}")


def _made(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig]) -> Iterator[tuple[str, str, str]]:
    """What settings make: the feature that they are set for, the setting, the name of what is made."""
    for name, feature in spec.features.items():
        first = owner(name, vocabularies)
        settings = vocabularies.get(first, VocabularyConfig())
        if has_vocabulary(feature) and feature.role == "input":
            for length in settings.affixes:
                yield from ((first, "affixes", f"{name}_{end}{length}") for end in ("prefix", "suffix"))
            if settings.characters:
                yield first, "characters", f"{name}_characters"
        if has_vocabulary(feature) and first == name:
            for setting in ("next", "previous"):
                if getattr(settings, setting):
                    yield name, setting, getattr(settings, setting)
            if settings.frequencies:
                yield name, "frequencies", f"{name}_frequencies"


def _taken(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], name: str) -> str | None:
    """What has the name of the given file already, if anything: the graph keeps all of them in one folder."""
    given = vocabularies[name].file or ""
    base = os.path.basename(given)
    if base in spec.features:
        return f"the vocabulary of {base}"
    files = [value.file for value in vocabularies.values() if value.file is not None]
    return next((file for file in files if file != given and os.path.basename(file) == base), None)


def _unknown(spec: SequenceSpec, name: str) -> Contradiction:
    return Contradiction(
        feature=name, setting=None, message=f"no such feature; the features are {', '.join(spec.features)}"
    )


def _described(feature: Feature) -> str:
    return f"a {feature.kind} with role {feature.role!r}"
