"""How raw features become ids and numbers: the settings of SequenceTransform."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import Feature, Frozen, SequenceSpec


def _absolute(path: str, info: pydantic.ValidationInfo) -> str:
    """A path in a config file is relative to the folder of the file, which the validation context names."""
    folder = (info.context or {}).get("folder")
    return path if folder is None or "://" in path else os.path.normpath(os.path.join(folder, path))


_Positive = Annotated[int, pydantic.Field(ge=1)]
_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_absolute)]

_SOURCES = ("share", "file", "hash_buckets")
_COUNTED = ("min_count", "max_size")
_NOT_FOR_LABELS = ("affixes", "characters", "hash_buckets", "max_size", "min_count", "share")


class VocabularyConfig(Frozen):
    """The vocabulary of one string feature. Ids run from 1, by falling frequency; 0 is padding only.

    Attributes:
      min_count: Values seen fewer times in the analysed splits are out of vocabulary. Not for labels.
      max_size: The most entries; the most frequent ones stay. No bound if None. Not for labels.
      lowercase: Unicode lower case before the look-up.
      fold_digits: Every decimal digit becomes 0 before the look-up, so that 1984 and 2001 are both 0000.
      affixes: For each length n here, two more inputs: the first and the last n characters of every value, as
        features `<name>_prefix<n>` and `<name>_suffix<n>`. They carry the morphology of unseen words. Not for labels.
      characters: One more feature, `<name>_characters`: the characters of every value, several ids in a step. Not for
        labels.
      share: Another feature whose vocabulary, made of the values of both, and whose settings this one takes. Not for
        labels.
      file: The path of a vocabulary that is given, a text file of one value a line in the order of the ids, instead of
        one that is counted. In a config file relative to its folder.
      hash_buckets: No vocabulary: a value's id is one of so many, by its hash; different values may share one. Not for
        labels.
    """

    min_count: _Positive = 1
    max_size: _Positive | None = None
    lowercase: bool = False
    fold_digits: bool = False
    affixes: tuple[_Positive, ...] = ()
    characters: bool = False
    share: str | None = None
    file: _Path | None = None
    hash_buckets: _Positive | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> VocabularyConfig:
        given = [name for name in _SOURCES if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` exclude each other: ids come from one of them")
        counted = [name for name in _COUNTED if name in self.model_fields_set]
        if given and counted:
            raise ValueError(f"`{counted[0]}` is for vocabularies that are counted, but `{given[0]}` is set")
        if self.share is not None and self.model_fields_set != {"share"}:
            raise ValueError("a feature that sets `share` takes all settings from the other feature: set nothing else")
        return self


TransformConfig = dict[str, VocabularyConfig]
"""Feature name to the settings of its vocabulary; features that are not named take the defaults."""


class NumberConfig(Frozen):
    """What becomes of one feature of numbers. Only real steps count: padding does not exist yet.

    Attributes:
      scale: `z_score` subtracts the mean and divides by the standard deviation of the analysed splits, `min_max` maps
        their range to 0 .. 1; each number of a vector by itself. For a number that never changes the first gives 0, the
        second its sigmoid, as in stock Transform.
      buckets: The number's rank among so many buckets of equal frequency, as an id from 1. Not for vectors.
    """

    scale: Literal["z_score", "min_max"] | None = None
    buckets: Annotated[int, pydantic.Field(ge=2)] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> NumberConfig:
        if (self.scale is None) == (self.buckets is None):
            raise ValueError("set one of `scale` and `buckets`")
        return self


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


def has_vocabulary(feature: Feature) -> bool:
    """Whether SequenceTransform maps the feature's values to ids of a vocabulary."""
    return feature.dtype == "string" and feature.role in ("input", "label")


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
    for name, number in numbers.items():
        feature = spec.features.get(name)
        if feature is None:
            yield _unknown(spec, name)
        elif feature.dtype == "string" or feature.role != "input":
            message = f"only numbers that are inputs are scaled or put into buckets; {name} is {_described(feature)}"
            yield Contradiction(feature=name, setting=None, message=message)
        elif number.buckets is not None and feature.width is not None:
            yield Contradiction(feature=name, setting="buckets", message="not for a vector: it has no rank")


def _misplaced(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], name: str) -> Iterator[Contradiction]:
    vocabulary = vocabularies[name]
    if spec.features[name].role == "label":
        for setting in _NOT_FOR_LABELS:
            if setting in vocabulary.model_fields_set:
                message = "not for a label: every label counts, as it is"
                yield Contradiction(feature=name, setting=setting, message=message)
    if vocabulary.characters and spec.features[name].context:
        message = "not for a context feature: characters are values within a step"
        yield Contradiction(feature=name, setting="characters", message=message)
    if vocabulary.file is not None and (taken := _taken(spec, vocabularies, name)):
        message = f"a file of that name would replace {taken} in the transform graph; rename it"
        yield Contradiction(feature=name, setting="file", message=message)
    other = vocabulary.share
    if other is None:
        return
    shared = [key for key, feature in spec.features.items() if has_vocabulary(feature) and feature.role == "input"]
    if other not in shared or other == name:
        message = f"no other string input is called {other!r}; there are {', '.join(shared)}"
        yield Contradiction(feature=name, setting="share", message=message)
    elif other in vocabularies and vocabularies[other].share is not None:
        message = f"{other} itself takes the vocabulary of {vocabularies[other].share}; name that one"
        yield Contradiction(feature=name, setting="share", message=message)


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
