"""String features in the graph: the strings derived from each value, and their ids in a vocabulary.

One vocabulary may serve several features (`share`), and several strings may be derived from one value:

    words       "The"  "cats"     words          ids of "the"  "cats"     in the vocabulary `words`
                                  words_suffix2  ids of "he"   "ts"       in the vocabulary `words_suffix2`
    lemmas      "the"  "cat"      lemmas         ids of "the"  "cat"      in the vocabulary `words`, if it shares that
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import VocabularyConfig, find_owner, has_vocabulary
from tfx_sequence.components.sequence_transform.graph.steps import next_steps, previous_steps, with_first, with_last
from tfx_sequence.components.sequence_transform.graph.strings import characters, fold_digits, lowercase, prefix, suffix
from tfx_sequence.components.sequence_transform.graph.unicode_normal_forms import normalize
from tfx_sequence.components.sequence_transform.graph.vocabulary import (
    given_vocabulary,
    hash_ids,
    hash_size,
    ids_and_size,
    make_vocabulary,
    share_vocabulary,
    with_domain,
)
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, symbol_id

_Strings: TypeAlias = Any  # A string tensor `[B]`, or a ragged one `[B, (T)]` or, nested, `[B, (T), (V)]`.
_Ids: TypeAlias = tf.Tensor | tf.RaggedTensor


def transform_strings(
    inputs: Mapping[str, _Strings], spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig]
) -> dict[str, _Ids]:
    """Maps every string feature that has a vocabulary to ids, with the further outputs that its settings ask for.

    Args:
      inputs: Feature name to strings, `[B]`, `[B, (T)]` or `[B, (T), (V)]`.
      spec: The raw features.
      vocabularies: String feature to the settings of its vocabulary.

    Returns:
      Output name to int64 ids in the shape of the strings, and `[B, (T), (C)]` for characters.
    """
    outputs: dict[str, _Ids] = {}
    for owner, members in _group_by_vocabulary(spec, vocabularies).items():
        settings = vocabularies.get(owner, VocabularyConfig())
        is_closed = spec.features[owner].role == "label"
        derived = {name: _derive_strings(inputs[name], settings, spec.features[name].role) for name in members}
        for suffix_of_name in derived[owner]:
            strings = {
                name + suffix_of_name: parts[suffix_of_name]
                for name, parts in derived.items()
                if suffix_of_name in parts
            }
            # An empty suffix stands for the values themselves.
            own_settings = _settings_of_derived(settings) if suffix_of_name else settings
            outputs.update(_look_up(strings, owner + suffix_of_name, own_settings, is_closed))
    return outputs


def _group_by_vocabulary(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, list[str]]:
    """Returns the features that use each vocabulary, by the feature that owns it, which is among them."""
    groups: dict[str, list[str]] = {}
    for name, feature in spec.features.items():
        if has_vocabulary(feature):
            groups.setdefault(find_owner(name, vocabularies), []).append(name)
    return groups


def _derive_strings(x: _Strings, settings: VocabularyConfig, role: str) -> dict[str, _Strings]:
    """Returns the strings to look up, by the suffix of the output's name: "" for the values themselves."""
    values = _flat_values(x)
    if settings.normalize is not None:
        values = normalize(values, settings.normalize)
    if settings.lowercase:
        values = lowercase(values)
    if settings.fold_digits:
        values = fold_digits(values)
    parts = {"": values}
    if role == "input":  # Affixes of a label that shares the settings would be inputs that give the label away.
        for length in settings.affixes:
            parts[f"_prefix{length}"] = prefix(values, length)
            parts[f"_suffix{length}"] = suffix(values, length)
        if settings.characters:
            parts["_characters"] = characters(values)
    return {part: _with_flat_values(x, strings) for part, strings in parts.items()}


def _settings_of_derived(settings: VocabularyConfig) -> VocabularyConfig:
    """Returns the settings for derived strings; others, such as a given file, are for the values themselves."""
    kept = {"min_count", "max_size", "hash_buckets", "begin", "end"} & settings.model_fields_set
    return VocabularyConfig(**{name: getattr(settings, name) for name in kept})


def _look_up(
    strings: Mapping[str, _Strings], vocabulary: str, settings: VocabularyConfig, is_closed: bool
) -> dict[str, _Ids]:
    """Maps strings to ids of one vocabulary, then adds the steps and targets that the settings ask for.

    Args:
      strings: Output name to strings; one of the names is that of the vocabulary.
      vocabulary: The name of the vocabulary.
      settings: Its settings.
      is_closed: Whether a value without an entry ends the run.
    """
    values = {name: _flat_values(x) for name, x in strings.items()}
    size: int | tf.Tensor
    if settings.hash_buckets is None:
        file = _make_vocabulary(tf.concat([*values.values()], axis=0), vocabulary, settings)
        # One look-up each: a serving graph has the inputs, and not a label that shares their vocabulary.
        found = {name: ids_and_size(each, file, name=name, closed=is_closed) for name, each in values.items()}
        ids = {name: each for name, (each, _) in found.items()}
        size = found[vocabulary][1]
    else:
        ids = {name: hash_ids(each, settings.hash_buckets) for name, each in values.items()}
        size = hash_size(settings.hash_buckets)
    outputs: dict[str, _Ids] = {}
    for name, x in strings.items():
        is_ragged = isinstance(x, tf.RaggedTensor)
        outputs[name] = _add_steps(x.with_flat_values(ids[name]), settings) if is_ragged else ids[name]
    if settings.next is not None:
        outputs[settings.next] = next_steps(outputs[vocabulary], symbol_id(END, settings.symbols))
    if settings.previous is not None:
        outputs[settings.previous] = previous_steps(outputs[vocabulary], symbol_id(BEGIN, settings.symbols))
    if settings.hash_buckets is None:
        share_vocabulary(vocabulary, [name for name in outputs if name != vocabulary], settings.file)
    # Last, as added steps and targets are made of ids and lose their domain.
    return {name: _with_flat_values(x, with_domain(_flat_values(x), size)) for name, x in outputs.items()}


def _make_vocabulary(values: tf.Tensor, name: str, settings: VocabularyConfig) -> tf.Tensor:
    if settings.file is not None:
        return given_vocabulary(settings.file, name, symbols=settings.symbols)
    return make_vocabulary(
        values,
        name,
        min_count=settings.min_count,
        max_size=settings.max_size,
        symbols=settings.symbols,
        frequencies=settings.frequencies,
    )


def _add_steps(x: tf.RaggedTensor, settings: VocabularyConfig) -> tf.RaggedTensor:
    if settings.begin:
        x = with_first(x, symbol_id(BEGIN, settings.symbols))
    if settings.end:
        x = with_last(x, symbol_id(END, settings.symbols))
    return x


def _flat_values(x: Any) -> tf.Tensor:
    return x.flat_values if isinstance(x, tf.RaggedTensor) else x


def _with_flat_values(x: Any, values: tf.Tensor) -> Any:
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values
