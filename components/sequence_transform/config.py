"""How raw features become ids and numbers: the settings of SequenceTransform."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import NAME_PATTERN, Feature, Frozen, SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, Symbol


def _absolute(path: str, info: pydantic.ValidationInfo) -> str:
    """A path in a config file is relative to the folder of the file, which the validation context names."""
    folder = (info.context or {}).get("folder")
    return path if folder is None or "://" in path else os.path.normpath(os.path.join(folder, path))


_Positive = Annotated[int, pydantic.Field(ge=1)]
_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_absolute)]
_Name = Annotated[str, pydantic.StringConstraints(pattern=NAME_PATTERN)]

_SOURCES = ("share", "file", "hash_buckets")
_COUNTED = ("min_count", "max_size", "frequencies")
_OF_A_VOCABULARY = ("begin", "end", "next", "previous", "embeddings")
_EXCLUDING = (("next", "end"), ("previous", "begin"))


class VocabularyConfig(Frozen):
    """The vocabulary of one string feature. Ids run from 1, by falling frequency; 0 is padding only.

    Attributes:
      min_count: Values seen fewer times in the analysed splits are out of vocabulary. Not for labels.
      max_size: The most entries; the most frequent ones stay. No bound if None. Not for labels.
      normalize: The Unicode normalisation form that values are brought into before all else.
      lowercase: Unicode lower case before the look-up.
      fold_digits: Every decimal digit becomes 0 before the look-up, so that 1984 and 2001 are both 0000.
      affixes: For each length n here, two more inputs: the first and the last n characters of every value, as
        features `<name>_prefix<n>` and `<name>_suffix<n>`. They carry the morphology of unseen words. Not for labels.
      characters: One more feature, `<name>_characters`: the characters of every value, several ids in a step. Not for
        labels.
      share: Another feature, an input, whose vocabulary, made of the values of both, and whose settings this one takes.
        A label that shares one may have unseen values, as what a language model predicts does.
      file: The path of a vocabulary that is given, a text file of one value a line in the order of the ids, instead of
        one that is counted. In a config file relative to its folder.
      hash_buckets: No vocabulary: a value's id is one of so many, by its hash; different values may share one. Not for
        labels.
      frequencies: Also write the vocabulary `<name>_frequencies`, each line a count, a space and the value. The values
        are counted twice for it.
      begin: One more step in front of every sequence, with an id of its own, that of no value. All sequence features
        of the record must ask for it.
      end: The same behind every sequence.
      next: The name of one more label, `[text] next = "target"`: at each step the id of the value in the step after it,
        and in the last step the id of the end. With `begin` it is what a language model learns: from begin, a, b to
        a, b, end.
      previous: The same of the step before, and in the first step the id of the begin, for a model that reads
        backwards.
      embeddings: The path of pretrained vectors: the text or the binary format of word2vec, GloVe's, or the `.vec` of
        fastText, also compressed by gzip. In a config file relative to its folder.
    """

    min_count: _Positive = 1
    max_size: _Positive | None = None
    normalize: Literal["NFC", "NFKC"] | None = None
    lowercase: bool = False
    fold_digits: bool = False
    affixes: tuple[_Positive, ...] = ()
    characters: bool = False
    share: str | None = None
    file: _Path | None = None
    hash_buckets: _Positive | None = None
    frequencies: bool = False
    begin: bool = False
    end: bool = False
    next: _Name | None = None
    previous: _Name | None = None
    embeddings: _Path | None = None

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that the vocabulary needs, in the order of their ids."""
        needed = {BEGIN: self.begin or self.previous, END: self.end or self.next}
        return tuple(symbol for symbol, need in needed.items() if need)

    @property
    def asked_for(self) -> list[str]:
        """The settings that were given, other than as false or empty."""
        return [name for name in VocabularyConfig.model_fields if name in self.model_fields_set and getattr(self, name)]

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
        for setting in _OF_A_VOCABULARY:
            if self.hash_buckets is not None and getattr(self, setting):
                raise ValueError(f"`{setting}` needs a vocabulary, but `hash_buckets` is set")
        for target, symbol in _EXCLUDING:
            if getattr(self, target) and getattr(self, symbol):
                raise ValueError(f"`{target}` and `{symbol}` exclude each other: `{target}` has that step already")
        return self


TransformConfig = dict[str, VocabularyConfig]
"""Feature name to the settings of its vocabulary; features that are not named take the defaults."""


class NumberConfig(Frozen):
    """What becomes of one feature of numbers. Only real steps count: padding does not exist yet.

    Attributes:
      fill: What stands for a number that is missing, before it is scaled: the `mean` of the analysed splits, the `last`
        one before it in the sequence (the mean if there is none), or a number. For features that set `missing`; they
        are filled by the `mean` if nothing is said of them.
      indicator: One more input, `<name>_missing`: 1 where a number was missing, else 0.
      scale: `z_score` subtracts the mean and divides by the standard deviation of the analysed splits, `min_max` maps
        their range to 0 .. 1; each number of a vector by itself. For a number that never changes the first gives 0, the
        second its sigmoid, as in stock Transform.
      buckets: The number's rank among so many buckets of equal frequency, as an id from 1. Not for vectors.
    """

    fill: Literal["mean", "last"] | pydantic.FiniteFloat = "mean"
    indicator: bool = False
    scale: Literal["z_score", "min_max"] | None = None
    buckets: Annotated[int, pydantic.Field(ge=2)] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> NumberConfig:
        if self.scale is not None and self.buckets is not None:
            raise ValueError("`scale` and `buckets` exclude each other: set one of them")
        if not self.model_fields_set:
            raise ValueError("set one of `scale`, `buckets`, `fill` and `indicator`")
        return self


class Settings(Frozen):
    """All that SequenceTransform is told.

    Attributes:
      transform: String feature to how its vocabulary is made.
      numbers: Number feature to what becomes of it.
      max_steps: Only so many steps of each sequence are kept, the first ones; all if None.
      flat: Write tf.Examples as stock Transform does, not SequenceExamples.
    """

    transform: TransformConfig = pydantic.Field(default_factory=dict)
    numbers: dict[str, NumberConfig] = pydantic.Field(default_factory=dict)
    max_steps: _Positive | None = None
    flat: bool = False


def has_vocabulary(feature: Feature) -> bool:
    """Whether SequenceTransform maps the feature's values to ids of a vocabulary."""
    return feature.dtype == "string" and feature.role in ("input", "label")


def owner(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> str:
    """The feature whose vocabulary and settings `name` has: itself, or the one that it shares them with."""
    return vocabularies.get(name, VocabularyConfig()).share or name


def targets(vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, str]:
    """The labels that `next` and `previous` make: name to the feature that they are made of."""
    return {
        target: name
        for name, vocabulary in vocabularies.items()
        for target in (vocabulary.next, vocabulary.previous)
        if target is not None
    }


def transformed_spec(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], max_steps: int | None = None
) -> SequenceSpec:
    """The spec, with the bounds on lengths that hold after the transform, and the labels that it makes.

    Args:
      spec: The raw features. Their kinds stay as they are.
      vocabularies: Settings that fit the spec.
      max_steps: Where sequences are truncated, if they are.
    """
    # All sequence features get the same steps, so any one tells.
    settings = vocabularies.get(owner(next(iter(spec.sequence)), vocabularies), VocabularyConfig())
    added = settings.begin + settings.end
    low, high = spec.min_length, spec.max_length
    if max_steps is not None:
        low, high = min(low, max_steps), min(high or max_steps, max_steps)
    made = {name: Feature(kind="categorical", role="label") for name in targets(vocabularies)}
    return spec.model_copy(
        update={
            "features": {**spec.features, **made},
            "min_length": low + added,
            "max_length": None if high is None else high + added,
        }
    )
