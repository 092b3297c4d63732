"""Maps string features to ids, together with their affixes and characters.

Several features can use one vocabulary (`share`), and several strings can be derived from one value. Here `lowercase`
and `affixes = [2]` are set for `words`, and `share = "words"` is set for the label `lemmas`:

    words       "The"  "cats"     words          ids of "the"  "cats"     in the vocabulary `words`
                                  words_prefix2  ids of "th"   "ca"       in the vocabulary `words_prefix2`
                                  words_suffix2  ids of "he"   "ts"       in the vocabulary `words_suffix2`
    lemmas      "the"  "cat"      lemmas         ids of "the"  "cat"      in the vocabulary `words`
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import VocabularyConfig, find_owner, has_vocabulary
from tfx_sequence.components.sequence_transform.graph.steps import (
    add_first_step,
    add_last_step,
    take_next_steps,
    take_previous_steps,
    truncate,
)
from tfx_sequence.components.sequence_transform.graph.strings import (
    fold_digits,
    lowercase,
    split_characters,
    take_prefix,
    take_suffix,
)
from tfx_sequence.components.sequence_transform.graph.unicode_normal_forms import normalize
from tfx_sequence.components.sequence_transform.graph.vocabulary import (
    add_vocabulary_file,
    apply_ids_with_size,
    count_hash_ids,
    hash_ids,
    make_vocabulary,
    set_domain,
    share_vocabulary,
)
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, find_symbol_id

_Strings: TypeAlias = tf.Tensor | tf.RaggedTensor
"""Strings `[B]` (context), `[B, (T)]` or `[B, (T), (V)]` (nested)."""

_Ids: TypeAlias = tf.Tensor | tf.RaggedTensor

_FOR_DERIVED_STRINGS = frozenset({"min_count", "max_size", "hash_buckets", "begin", "end"})
"""Settings that also apply to affixes and characters. Others, such as `file`, apply only to whole values."""


def transform_strings(
    inputs: Mapping[str, _Strings],
    spec: SequenceSpec,
    vocabularies: Mapping[str, VocabularyConfig],
    max_steps: int | None = None,
) -> dict[str, _Ids]:
    """Maps every string input and label to ids, and adds the outputs that the settings request.

    Args:
      inputs: Feature name to strings, `[B]`, `[B, (T)]` or `[B, (T), (V)]`. Sequences that are longer than `max_steps`
        have `count_steps_ahead` more steps.
      spec: The raw features.
      vocabularies: Name of a string feature to the settings of its vocabulary.
      max_steps: The maximum number of steps of a sequence in the outputs, without `begin` and `end`. No limit if None.

    Returns:
      Output name to int64 ids. Their shape is that of the strings, or `[B, (T), (C)]` for characters. No step has more
      than `max_values` values, and no value more than `max_characters` characters.
    """
    outputs: dict[str, _Ids] = {}
    for owner, members in _group_by_vocabulary(spec, vocabularies).items():
        settings = vocabularies.get(owner, VocabularyConfig())
        is_closed = spec.features[owner].role == "label"
        derived = {name: _derive_strings(inputs[name], settings, spec.features[name]) for name in members}
        for ending in derived[owner]:
            # A label has no derived strings, only its values, which have the ending "".
            strings = {
                name + ending: strings_by_ending[ending]
                for name, strings_by_ending in derived.items()
                if ending in strings_by_ending
            }
            vocabulary_settings = _select_for_derived(settings) if ending else settings
            outputs.update(_look_up(strings, owner + ending, vocabulary_settings, is_closed, max_steps))
    return outputs


def _group_by_vocabulary(spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, list[str]]:
    """Returns the owner of each vocabulary to all features that use the vocabulary, including the owner."""
    groups: dict[str, list[str]] = {}
    for name, feature in spec.features.items():
        if has_vocabulary(feature):
            groups.setdefault(find_owner(name, vocabularies), []).append(name)
    return groups


def _derive_strings(x: _Strings, settings: VocabularyConfig, feature: Feature) -> dict[str, _Strings]:
    """Returns the ending of an output's name to the strings that are looked up for it; "" for the values themselves."""
    if feature.nested:
        # The values of each step are rows of the inner ragged tensor `[steps, (V)]`.
        x = x.with_values(truncate(x.values, settings.max_values))
    values = _get_flat_values(x)
    if settings.normalize is not None:
        values = normalize(values, settings.normalize)
    if settings.lowercase:
        values = lowercase(values)
    if settings.fold_digits:
        values = fold_digits(values)
    strings_by_ending = {"": values}
    # A label can share the settings of an input, but the affixes of the label would be inputs that reveal the label.
    if feature.role == "input":
        for length in settings.affixes:
            strings_by_ending[f"_prefix{length}"] = take_prefix(values, length)
            strings_by_ending[f"_suffix{length}"] = take_suffix(values, length)
        if settings.characters:
            strings_by_ending["_characters"] = truncate(split_characters(values), settings.max_characters)
    return {ending: _replace_flat_values(x, strings) for ending, strings in strings_by_ending.items()}


def _select_for_derived(settings: VocabularyConfig) -> VocabularyConfig:
    """Returns only the settings that also apply to derived strings."""
    # Unset fields must remain unset, because a check refuses some fields if they are set.
    return VocabularyConfig.model_validate(settings.model_dump(include=set(_FOR_DERIVED_STRINGS), exclude_unset=True))


def _look_up(
    strings: Mapping[str, _Strings],
    vocabulary: str,
    settings: VocabularyConfig,
    is_closed: bool,
    max_steps: int | None,
) -> dict[str, _Ids]:
    """Maps strings to the ids of one vocabulary, then adds the steps and targets that the settings request.

    Long sequences are cut last, so that the target of the last step is the value that follows it in the data::

        max_steps = 3       a     b   c   d         the input, with one value more than is kept
        begin and next      BEGIN a   b   c   d     the input with its first step
                            a     b   c   d   END   the target
                            BEGIN a   b   c         what is kept of the input
                            a     b   c   d         what is kept of the target

    Args:
      strings: Output name to strings. One of the names is the name of the vocabulary.
      vocabulary: The name of the vocabulary.
      settings: The settings of the vocabulary.
      is_closed: Whether a value that is not in the vocabulary is an error.
      max_steps: The maximum number of steps that are kept, without `begin` and `end`. All are kept if None.

    Returns:
      Output name to int64 ids in the shape of the strings, with their domain in the transformed schema.
    """
    ids, size = _find_ids(strings, vocabulary, settings, is_closed)
    outputs: dict[str, _Ids] = {}
    for name, x in strings.items():
        if isinstance(x, tf.RaggedTensor):
            outputs[name] = _add_steps(x.with_flat_values(ids[name]), settings)
        else:  # A context feature has no steps.
            outputs[name] = ids[name]
    if settings.next is not None:
        outputs[settings.next] = take_next_steps(outputs[vocabulary], find_symbol_id(END, settings.symbols))
    if settings.previous is not None:
        outputs[settings.previous] = take_previous_steps(outputs[vocabulary], find_symbol_id(BEGIN, settings.symbols))
    if settings.hash_buckets is None:
        share_vocabulary(vocabulary, [name for name in outputs if name != vocabulary], settings.file)
    if max_steps is not None:
        limit = max_steps + settings.begin + settings.end
        outputs = {name: truncate(x, limit) if isinstance(x, tf.RaggedTensor) else x for name, x in outputs.items()}
    # The domain is set last, because it is lost when steps are added or cut off and when targets are made.
    return {name: _replace_flat_values(x, set_domain(_get_flat_values(x), size)) for name, x in outputs.items()}


def _find_ids(
    strings: Mapping[str, _Strings], vocabulary: str, settings: VocabularyConfig, is_closed: bool
) -> tuple[dict[str, tf.Tensor], int | tf.Tensor]:
    """Returns output name to flat ids, and the number of ids, including padding. For the arguments, see `_look_up`."""
    values = {name: _get_flat_values(x) for name, x in strings.items()}
    if settings.hash_buckets is not None:
        ids = {name: hash_ids(flat, settings.hash_buckets) for name, flat in values.items()}
        return ids, count_hash_ids(settings.hash_buckets)
    file = _make_vocabulary(tf.concat([*values.values()], axis=0), vocabulary, settings)
    # Each feature is looked up separately, because a serving graph has no label, although the label may share the
    # vocabulary of an input.
    ids = {}
    sizes = {}
    for name, flat in values.items():
        ids[name], sizes[name] = apply_ids_with_size(flat, file, name=name, closed=is_closed)
    return ids, sizes[vocabulary]


def _make_vocabulary(values: tf.Tensor, name: str, settings: VocabularyConfig) -> tf.Tensor:
    if settings.file is not None:
        return add_vocabulary_file(settings.file, name, symbols=settings.symbols)
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
        x = add_first_step(x, find_symbol_id(BEGIN, settings.symbols))
    if settings.end:
        x = add_last_step(x, find_symbol_id(END, settings.symbols))
    return x


def _get_flat_values(x: _Strings | _Ids) -> tf.Tensor:
    return x.flat_values if isinstance(x, tf.RaggedTensor) else x


def _replace_flat_values(x: _Strings | _Ids, values: tf.Tensor) -> tf.Tensor | tf.RaggedTensor:
    return x.with_flat_values(values) if isinstance(x, tf.RaggedTensor) else values
