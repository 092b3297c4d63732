"""Defines the settings of SequenceTransform: how strings become ids, and how numbers are filled, scaled or bucketed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import pydantic

from tfx_sequence.schemas.spec import MAX_COUNT, Count, Distinct, Feature, FeatureName, Frozen, SequenceSpec, Shift
from tfx_sequence.schemas.vocabulary import BEGIN, END, Symbol


def _resolve_path(path: str, info: pydantic.ValidationInfo) -> str:
    """Resolves a path in a config file against the folder of that file.

    The validation context holds the folder. A URL, or any path when there is no folder, is returned unchanged.
    """
    folder = (info.context or {}).get("folder")
    is_url = "://" in path
    if folder is None or is_url:
        return path
    return os.path.normpath(os.path.join(folder, path))


_Path = Annotated[str, pydantic.StringConstraints(min_length=1), pydantic.AfterValidator(_resolve_path)]

_ID_SOURCES = ("share", "file", "hash_buckets")
"""Settings that name a source of ids other than counting the values. Only one of them may be set."""

_NEEDS_COUNTS = ("min_count", "max_size", "frequencies")
"""Settings that are only allowed if the values are counted."""

_NEEDS_VOCABULARY = ("begin", "end", "next", "previous", "embeddings")
"""Settings that are not allowed with `hash_buckets`, which makes no vocabulary."""

_EXCLUSIVE = (("next", "end"), ("previous", "begin"))
"""Pairs of a target and a symbol that cannot both be set: the target already has the step that the symbol would add."""


class VocabularyConfig(Frozen):
    """The settings of the vocabulary of one string feature.

    Ids start at 1 and follow falling frequency. The id 0 is used for padding only.

    The characters, or the values of a step, of all tokens of a batch are padded to the largest number. So one token of
    5,000 characters, such as an address with data in it, would need 50 times the memory of one of 100. The defaults of
    `max_characters` and `max_values` are limits of memory that ordinary data does not reach. The longest of the 81,370
    words of the treebank in the example has 28 characters.

    Attributes:
      min_count: The minimum number of times that a value must occur in the analysed splits to be in the vocabulary.
        Not allowed for labels.
      max_size: The maximum number of entries. The most frequent values are kept. There is no limit if None. Not
        allowed for labels.
      normalize: The Unicode normalisation form to which values are converted, before any other change.
      lowercase: Converts values to Unicode lower case before the look-up.
      fold_digits: Replaces every decimal digit by 0 before the look-up, so that 1984 and 2001 both become 0000.
      affixes: The lengths of prefixes and suffixes. Each length n adds two inputs, `<name>_prefix<n>` and
        `<name>_suffix<n>`, which hold the first and the last n characters of every value. They carry the morphology
        of unseen words. Not allowed for labels.
      characters: Adds the input `<name>_characters`, which holds the characters of every value, so that a step has
        several ids. Not allowed for labels.
      max_characters: The maximum number of characters of a value in `<name>_characters`. Later characters are cut off
        there. The id of the whole value does not depend on it. Needs `characters`.
      max_values: The maximum number of values in a step of a nested feature. Later values are cut off.
      share: The name of another input. This feature uses the settings of that input, and one vocabulary is made from
        the values of both. A label that shares a vocabulary may have unseen values, as the label of a language model
        does.
      file: The path of a finished vocabulary, which is used instead of counting values. It is a text file with one
        value per line, in the order of the ids. In a config file, the path is relative to the folder of that file.
      hash_buckets: The number of ids if ids are hashes of the values, without a vocabulary. Different values may get
        the same id. Not allowed for labels.
      frequencies: Also writes the vocabulary `<name>_frequencies`. Each of its lines is a count, a space and a value.
        The values are counted a second time for it.
      begin: Adds a step in front of every sequence. Its id belongs to no value. All sequence features of the record
        must set it.
      end: Adds a step behind every sequence. Its id belongs to no value. All sequence features of the record must set
        it. A sequence that `max_steps` cuts off does not end there, so it gets its next value in that place.
      next: The name of a label to add, as in `[text] next = "target"`. At each step, the label is the id of the value
        at the next step, and at the last step it is the id of the end. With `begin`, this makes the data of a
        language model: the values a, b become the input begin, a, b and the target a, b, end. If `max_steps` cuts off
        the sequence, the label of the last step that is kept is the value after it.
      previous: The name of a label to add, for a model that reads backwards. At each step, the label is the id of the
        value at the previous step, and at the first step it is the id of the begin.
      embeddings: The path of a file of pretrained vectors. The format is one of word2vec (text or binary), GloVe and
        fastText (`.vec`), and the file may be compressed by gzip. In a config file, the path is relative to the
        folder of that file.
    """

    min_count: Count = 1
    max_size: Count | None = None
    normalize: Literal["NFC", "NFKC"] | None = None
    lowercase: bool = False
    fold_digits: bool = False
    affixes: Distinct[Count] = ()
    characters: bool = False
    max_characters: Count = 100
    max_values: Count = 256
    share: str | None = None
    file: _Path | None = None
    hash_buckets: Count | None = None
    frequencies: bool = False
    begin: bool = False
    end: bool = False
    next: FeatureName | None = None
    previous: FeatureName | None = None
    embeddings: _Path | None = None

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols that the vocabulary needs (begin, end), in the order of their ids."""
        symbols: list[Symbol] = []
        if self.begin or self.previous:
            symbols.append(BEGIN)
        if self.end or self.next:
            symbols.append(END)
        return tuple(symbols)

    @property
    def requested_settings(self) -> list[str]:
        """The names of the settings that were set to a value other than false, None or empty."""
        return [name for name in VocabularyConfig.model_fields if name in self.model_fields_set and getattr(self, name)]

    @pydantic.model_validator(mode="after")
    def _check(self) -> VocabularyConfig:
        self._check_id_source()
        if "max_characters" in self.model_fields_set and not self.characters:
            raise ValueError("`max_characters` needs `characters = true`: no characters are used otherwise")
        if self.share is not None and self.model_fields_set != {"share"}:
            raise ValueError("a feature that sets `share` takes all settings from the other feature: set nothing else")
        for target, symbol in _EXCLUSIVE:
            if getattr(self, target) and getattr(self, symbol):
                raise ValueError(f"`{target}` and `{symbol}` exclude each other: `{target}` has that step already")
        return self

    def _check_id_source(self) -> None:
        sources = [name for name in _ID_SOURCES if getattr(self, name) is not None]
        if len(sources) > 1:
            raise ValueError(f"`{sources[0]}` and `{sources[1]}` exclude each other: ids come from one of them")
        counting_settings = [name for name in _NEEDS_COUNTS if name in self.model_fields_set]
        if sources and counting_settings:
            raise ValueError(
                f"`{counting_settings[0]}` is for vocabularies that are counted, but `{sources[0]}` is set"
            )
        if self.hash_buckets is not None:
            for setting in _NEEDS_VOCABULARY:
                if getattr(self, setting):
                    raise ValueError(f"`{setting}` needs a vocabulary, but `hash_buckets` is set")


TransformConfig = dict[str, VocabularyConfig]
"""Feature name to the settings of its vocabulary. Features without an entry use the defaults."""


class NumberConfig(Frozen):
    """The settings of one number feature.

    Means and ranges are computed from real steps only, because sequences are padded later, at training.

    Attributes:
      fill: The value that replaces a missing number, before scaling. It is `mean` (the mean of the analysed splits),
        `last` (the last number before it in the sequence, or the mean if there is no such number) or a number. Only
        allowed for features that set `missing`.
      indicator: Adds the input `<name>_missing`, which is 1 where a number was missing and 0 elsewhere.
      scale: `z_score` subtracts the mean and divides by the standard deviation of the analysed splits. `min_max` maps
        the range of the analysed splits to 0 .. 1. Each number of a vector is scaled separately. A number that never
        changes becomes 0 with `z_score` and its sigmoid with `min_max`, as in stock Transform.
      buckets: The number of buckets of equal frequency. Each number is replaced by the id of its bucket, from 1. Not
        allowed for vectors.
    """

    fill: Literal["mean", "last"] | pydantic.FiniteFloat = "mean"
    indicator: bool = False
    scale: Literal["z_score", "min_max"] | None = None
    buckets: Annotated[int, pydantic.Field(ge=2, le=MAX_COUNT)] | None = None

    @pydantic.model_validator(mode="after")
    def _check(self) -> NumberConfig:
        if self.scale is not None and self.buckets is not None:
            raise ValueError("`scale` and `buckets` exclude each other: set one of them")
        if not self.model_fields_set:
            raise ValueError("set one of `scale`, `buckets`, `fill` and `indicator`")
        return self


class Settings(Frozen):
    """The arguments of SequenceTransform that its executor needs. The component passes them in `custom_config`.

    Attributes:
      transform: Name of a string feature to the settings of its vocabulary.
      numbers: Name of a number feature to its settings.
      max_steps: The maximum number of steps of a sequence. Later steps are cut off. There is no limit if None.
      flat: Whether to write tf.Examples, as stock Transform does, instead of SequenceExamples.
    """

    transform: TransformConfig = pydantic.Field(default_factory=dict)
    numbers: dict[str, NumberConfig] = pydantic.Field(default_factory=dict)
    max_steps: Count | None = None
    flat: bool = False


def has_vocabulary(feature: Feature) -> bool:
    """Returns whether SequenceTransform maps the values of the feature to ids."""
    return feature.dtype == "string" and feature.role in ("input", "label")


def find_owner(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> str:
    """Returns the name of the feature whose settings and vocabulary `name` uses.

    This is the feature that `name` has in its setting `share`, or else `name` itself.
    """
    return vocabularies.get(name, VocabularyConfig()).share or name


def count_steps_ahead(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> int:
    """Returns how many values after the last step of a cut sequence are in the outputs of a feature: 0 or 1.

    The value after the last step is the target of `next` there. With `end`, it is in the place of the end, which would
    be false.
    """
    settings = vocabularies.get(find_owner(name, vocabularies), VocabularyConfig())
    has_target = settings.next is not None and find_owner(name, vocabularies) == name
    return int(settings.end or has_target)


def make_transformed_spec(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], max_steps: int | None = None
) -> SequenceSpec:
    """Returns the spec of the transformed data: it has the added labels and the new limits on lengths.

    Args:
      spec: The raw features. Their kinds do not change.
      vocabularies: Name of a string feature to the settings of its vocabulary. The settings must fit the spec.
      max_steps: The maximum number of steps of a sequence, before `begin` and `end` add theirs. No limit if None.
    """
    # The same steps are added to all sequence features, so the settings of the first one determine how many.
    first_feature = next(iter(spec.sequence))
    settings = vocabularies.get(find_owner(first_feature, vocabularies), VocabularyConfig())
    num_added_steps = [settings.begin, settings.end].count(True)
    min_length = spec.min_length
    max_length = spec.max_length
    if max_steps is not None:
        min_length = min(min_length, max_steps)
        max_length = min(max_length or max_steps, max_steps)
    added_labels = {
        name: Feature(kind="categorical", role="label", shift=shift) for name, shift in _list_targets(vocabularies)
    }
    return spec.model_copy(
        update={
            "features": {**spec.features, **added_labels},
            "min_length": min_length + num_added_steps,
            "max_length": None if max_length is None else max_length + num_added_steps,
        }
    )


def _list_targets(vocabularies: Mapping[str, VocabularyConfig]) -> Iterator[tuple[str, Shift]]:
    """Yields the names and shifts of the labels that `next` and `previous` add."""
    for vocabulary in vocabularies.values():
        if vocabulary.next is not None:
            yield vocabulary.next, "next"
        if vocabulary.previous is not None:
            yield vocabulary.previous, "previous"
