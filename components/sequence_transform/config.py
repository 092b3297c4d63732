"""The settings of SequenceTransform: how strings become ids, and how numbers are filled, scaled or bucketed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import NAME_PATTERN, Feature, Frozen, SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, Symbol


def _resolve_path(path: str, info: pydantic.ValidationInfo) -> str:
    """Resolves a path of a config file against the file's folder, which the validation context names."""
    folder = (info.context or {}).get("folder")
    is_url = "://" in path
    return path if folder is None or is_url else os.path.normpath(os.path.join(folder, path))


_Positive = Annotated[int, pydantic.Field(ge=1)]
_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_resolve_path)]
_Name = Annotated[str, pydantic.StringConstraints(pattern=NAME_PATTERN)]

_ID_SOURCES = ("share", "file", "hash_buckets")
"""Where ids come from, other than values that are counted; at most one of them."""

_NEEDS_COUNTS = ("min_count", "max_size", "frequencies")
_NEEDS_VOCABULARY = ("begin", "end", "next", "previous", "embeddings")

_EXCLUSIVE = (("next", "end"), ("previous", "begin"))
"""A target already has the step that the symbol would add."""


class VocabularyConfig(Frozen):
    """The vocabulary of one string feature. Ids run from 1, by falling frequency; 0 is padding only.

    Attributes:
      min_count: Values seen fewer times than this in the analysed splits are out of vocabulary. Not for labels.
      max_size: The largest number of entries; the most frequent values stay. No bound if None. Not for labels.
      normalize: The Unicode normalisation form that values are brought into, before anything else.
      lowercase: Converts values to Unicode lower case before the look-up.
      fold_digits: Replaces every decimal digit by 0 before the look-up, so that 1984 and 2001 are both 0000.
      affixes: For each length n here, two more inputs: the first and the last n characters of every value, as
        features `<name>_prefix<n>` and `<name>_suffix<n>`. They carry the morphology of unseen words. Not for labels.
      characters: One more feature, `<name>_characters`: the characters of every value, several ids in a step. Not for
        labels.
      share: The name of another input. This feature takes that one's settings, and one vocabulary is made of the
        values of both. A label that shares one may have unseen values, as the label of a language model does.
      file: The path of a finished vocabulary, a text file of one value a line in the order of the ids, used instead
        of counting values. In a config file it is relative to the file's folder.
      hash_buckets: Makes no vocabulary: the id of a value is one of this many, by its hash, and different values may
        share one. Not for labels.
      frequencies: Also writes the vocabulary `<name>_frequencies`, each line a count, a space and the value. The
        values are counted twice for it.
      begin: Adds a step in front of every sequence, with an id of its own that no value has. All sequence features of
        the record must set it.
      end: Adds such a step behind every sequence.
      next: The name of one more label, `[text] next = "target"`: at each step the id of the next step's value, and in
        the last step the id of the end. With `begin` it makes the data of a language model: of a, b the input
        begin, a, b and the target a, b, end.
      previous: The name of one more label, with the id of the previous step's value, and in the first step the id of
        the begin, for a model that reads backwards.
      embeddings: The path of pretrained vectors in one of these formats: word2vec, text or binary; GloVe; the `.vec`
        of fastText. The file may be compressed by gzip. In a config file it is relative to the file's folder.
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
        is_needed = {BEGIN: self.begin or self.previous, END: self.end or self.next}
        return tuple(symbol for symbol, needed in is_needed.items() if needed)

    @property
    def requested(self) -> list[str]:
        """The names of the settings that were set to something other than false or empty."""
        return [name for name in VocabularyConfig.model_fields if name in self.model_fields_set and getattr(self, name)]

    @pydantic.model_validator(mode="after")
    def _check(self) -> VocabularyConfig:
        sources = [name for name in _ID_SOURCES if getattr(self, name) is not None]
        if len(sources) > 1:
            raise ValueError(f"`{sources[0]}` and `{sources[1]}` exclude each other: ids come from one of them")
        counted = [name for name in _NEEDS_COUNTS if name in self.model_fields_set]
        if sources and counted:
            raise ValueError(f"`{counted[0]}` is for vocabularies that are counted, but `{sources[0]}` is set")
        if self.share is not None and self.model_fields_set != {"share"}:
            raise ValueError("a feature that sets `share` takes all settings from the other feature: set nothing else")
        for setting in _NEEDS_VOCABULARY:
            if self.hash_buckets is not None and getattr(self, setting):
                raise ValueError(f"`{setting}` needs a vocabulary, but `hash_buckets` is set")
        for target, symbol in _EXCLUSIVE:
            if getattr(self, target) and getattr(self, symbol):
                raise ValueError(f"`{target}` and `{symbol}` exclude each other: `{target}` has that step already")
        return self


TransformConfig = dict[str, VocabularyConfig]
"""Feature name to the settings of its vocabulary; features that are not named take the defaults."""


class NumberConfig(Frozen):
    """The changes of one number feature. Means and ranges are over real steps: padding does not exist yet.

    Attributes:
      fill: The value that replaces a missing number, before scaling: the `mean` of the analysed splits, the `last`
        number before it in the sequence (the mean if there is none), or a number. For features that set `missing`,
        which are filled by the `mean` unless told otherwise.
      indicator: Adds the input `<name>_missing`: 1 where a number was missing, else 0.
      scale: `z_score` subtracts the mean and divides by the standard deviation of the analysed splits; `min_max` maps
        their range to 0 .. 1; each number of a vector is scaled by itself. For a number that never changes the first
        gives 0 and the second its sigmoid, as in stock Transform.
      buckets: Replaces the number by the id, from 1, of one of this many buckets of equal frequency. Not for vectors.
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
    """The arguments of SequenceTransform that its executor needs, as they travel in `custom_config`.

    Attributes:
      transform: String feature to the settings of its vocabulary.
      numbers: Number feature to its settings.
      max_steps: Keeps this many steps of each sequence, the first ones; all if None.
      flat: Writes tf.Examples as stock Transform does, not SequenceExamples.
    """

    transform: TransformConfig = pydantic.Field(default_factory=dict)
    numbers: dict[str, NumberConfig] = pydantic.Field(default_factory=dict)
    max_steps: _Positive | None = None
    flat: bool = False


def has_vocabulary(feature: Feature) -> bool:
    """Whether SequenceTransform maps the values of the feature to ids."""
    return feature.dtype == "string" and feature.role in ("input", "label")


def find_owner(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> str:
    """Returns the feature whose vocabulary and settings `name` uses: itself, or the one that it names in `share`."""
    return vocabularies.get(name, VocabularyConfig()).share or name


def transformed_spec(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], max_steps: int | None = None
) -> SequenceSpec:
    """Returns the spec with the labels and the bounds on lengths that the transformed data has.

    Args:
      spec: The raw features. Their kinds stay as they are.
      vocabularies: Settings that fit the spec.
      max_steps: The length to which sequences are truncated, if they are.
    """
    # All sequence features get the same added steps, so any one of them tells how many.
    first = find_owner(next(iter(spec.sequence)), vocabularies)
    settings = vocabularies.get(first, VocabularyConfig())
    added_steps = settings.begin + settings.end
    min_length, max_length = spec.min_length, spec.max_length
    if max_steps is not None:
        min_length = min(min_length, max_steps)
        max_length = min(max_length or max_steps, max_steps)
    labels = dict.fromkeys(_target_names(vocabularies), Feature(kind="categorical", role="label"))
    return spec.model_copy(
        update={
            "features": {**spec.features, **labels},
            "min_length": min_length + added_steps,
            "max_length": None if max_length is None else max_length + added_steps,
        }
    )


def _target_names(vocabularies: Mapping[str, VocabularyConfig]) -> Iterator[str]:
    """Yields the names of the labels that `next` and `previous` make."""
    for vocabulary in vocabularies.values():
        for target in (vocabulary.next, vocabulary.previous):
            if target is not None:
                yield target
