"""String features as ids: what is derived from each value, and which vocabulary the ids are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

_Strings = Any  # A string tensor `[B]`, or a ragged one `[B, (T)]` or, nested, `[B, (T), (V)]`.


def transform_strings(
    inputs: Mapping[str, _Strings], spec: SequenceSpec, config: Mapping[str, VocabularyConfig]
) -> dict[str, _Strings]:
    """The ids of every string feature that has a vocabulary, and of what its settings derive from it.

    Args:
      inputs: Feature name to strings, `[B]`, `[B, (T)]` or `[B, (T), (V)]`.
      spec: What the features are.
      config: Settings, by the feature that they are of.

    Returns:
      Output name to int64 ids in the shape of the strings, and `[B, (T), (C)]` for characters.
    """
    outputs: dict[str, _Strings] = {}
    for name, members in _by_vocabulary(spec, config).items():
        settings = config.get(name, VocabularyConfig())
        closed = spec.features[name].role == "label"
        derived = {member: _derived(inputs[member], settings, spec.features[member].role) for member in members}
        for part in derived[name]:
            strings = {member + part: parts[part] for member, parts in derived.items() if part in parts}
            outputs.update(_ids(strings, name + part, _of_derived(settings) if part else settings, closed))
    return outputs


def _by_vocabulary(spec: SequenceSpec, config: Mapping[str, VocabularyConfig]) -> dict[str, list[str]]:
    """Feature to the features whose ids are of its vocabulary, itself among them."""
    groups: dict[str, list[str]] = {}
    for name, feature in spec.features.items():
        if has_vocabulary(feature):
            groups.setdefault(find_owner(name, config), []).append(name)
    return groups


def _derived(x: _Strings, settings: VocabularyConfig, role: str) -> dict[str, _Strings]:
    """What the ids are of: end of the output's name to strings."""
    values = x.flat_values if isinstance(x, tf.RaggedTensor) else x
    if settings.normalize is not None:
        values = normalize(values, settings.normalize)
    if settings.lowercase:
        values = lowercase(values)
    if settings.fold_digits:
        values = fold_digits(values)
    parts = {"": values}
    if role == "input":  # A label that shares the settings would give itself away.
        for length in settings.affixes:
            parts[f"_prefix{length}"] = prefix(values, length)
            parts[f"_suffix{length}"] = suffix(values, length)
        if settings.characters:
            parts["_characters"] = characters(values)
    ragged = isinstance(x, tf.RaggedTensor)
    return {part: x.with_flat_values(value) if ragged else value for part, value in parts.items()}


def _of_derived(settings: VocabularyConfig) -> VocabularyConfig:
    """The settings for what is derived from values: a given file, say, is of the values themselves."""
    kept = {"min_count", "max_size", "hash_buckets", "begin", "end"} & settings.model_fields_set
    return VocabularyConfig(**{name: getattr(settings, name) for name in kept})


def _ids(
    strings: Mapping[str, _Strings], name: str, settings: VocabularyConfig, closed: bool
) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """The ids of what shares the vocabulary `name`, and what is made of them."""
    flat = {key: x.flat_values if isinstance(x, tf.RaggedTensor) else x for key, x in strings.items()}
    if settings.hash_buckets is None:
        file = _vocabulary(tf.concat([*flat.values()], axis=0), name, settings)
        # Each for itself: what serves a model has the inputs, and not a label that shares their vocabulary.
        looked_up = {key: ids_and_size(values, file, name=key, closed=closed) for key, values in flat.items()}
        ids = {key: found for key, (found, _) in looked_up.items()}
        size: int | tf.Tensor = looked_up[name][1]
    else:
        ids = {key: hash_ids(values, settings.hash_buckets) for key, values in flat.items()}
        size = hash_size(settings.hash_buckets)
    outputs = {
        key: _with_steps(x.with_flat_values(ids[key]), settings) if isinstance(x, tf.RaggedTensor) else ids[key]
        for key, x in strings.items()
    }
    if settings.next is not None:
        outputs[settings.next] = next_steps(outputs[name], symbol_id(END, settings.symbols))
    if settings.previous is not None:
        outputs[settings.previous] = previous_steps(outputs[name], symbol_id(BEGIN, settings.symbols))
    if settings.hash_buckets is None:
        share_vocabulary(name, [key for key in outputs if key != name], settings.file)
    return {
        key: x.with_flat_values(with_domain(x.flat_values, size))
        if isinstance(x, tf.RaggedTensor)
        else with_domain(x, size)
        for key, x in outputs.items()
    }


def _vocabulary(values: tf.Tensor, name: str, settings: VocabularyConfig) -> tf.Tensor:
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


def _with_steps(x: tf.RaggedTensor, settings: VocabularyConfig) -> tf.RaggedTensor:
    if settings.begin:
        x = with_first(x, symbol_id(BEGIN, settings.symbols))
    return with_last(x, symbol_id(END, settings.symbols)) if settings.end else x
