"""String features as ids: what is derived from each value, and which vocabulary the ids are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import VocabularyConfig, has_vocabulary
from tfx_sequence.components.sequence_transform.text import characters, fold_digits, lowercase, prefix, suffix
from tfx_sequence.components.sequence_transform.vocabulary import (
    apply_ids,
    given_vocabulary,
    hash_ids,
    make_vocabulary,
)
from tfx_sequence.schemas.spec import SequenceSpec

_Strings = Any  # A string tensor `[B]`, or a ragged one `[B, (T)]`.


def to_ids(
    inputs: Mapping[str, _Strings], spec: SequenceSpec, config: Mapping[str, VocabularyConfig]
) -> dict[str, _Strings]:
    """The ids of every string feature that has a vocabulary, and of what its settings derive from it.

    Args:
      inputs: Feature name to strings, `[B]` or `[B, (T)]`.
      spec: What the features are.
      config: Settings, by the feature that they are of.

    Returns:
      Output name to int64 ids, `[B]` or `[B, (T)]`, or `[B, (T), (C)]` for characters.
    """
    outputs: dict[str, _Strings] = {}
    for name, members in _by_vocabulary(spec, config).items():
        settings = config.get(name, VocabularyConfig())
        closed = spec.features[name].role == "label"
        derived = {member: _derived(inputs[member], settings) for member in members}
        for part in derived[name]:
            strings = {member: derived[member][part] for member in members}
            ids = _ids(strings, name + part, settings if not part else _counted(settings), closed)
            outputs.update({member + part: value for member, value in ids.items()})
    return outputs


def _by_vocabulary(spec: SequenceSpec, config: Mapping[str, VocabularyConfig]) -> dict[str, list[str]]:
    """Feature to the features whose ids are of its vocabulary, itself among them."""
    groups: dict[str, list[str]] = {}
    for name, feature in spec.features.items():
        if has_vocabulary(feature):
            groups.setdefault(config.get(name, VocabularyConfig()).share or name, []).append(name)
    return groups


def _counted(settings: VocabularyConfig) -> VocabularyConfig:
    """The settings for what is derived from values: a given file holds the values themselves."""
    return settings if settings.file is None else VocabularyConfig()


def _derived(x: _Strings, settings: VocabularyConfig) -> dict[str, _Strings]:
    """What the ids are of: end of the output's name to strings."""
    values = x.flat_values if isinstance(x, tf.RaggedTensor) else x
    if settings.lowercase:
        values = lowercase(values)
    if settings.fold_digits:
        values = fold_digits(values)
    parts = {"": values}
    for length in settings.affixes:
        parts[f"_prefix{length}"] = prefix(values, length)
        parts[f"_suffix{length}"] = suffix(values, length)
    if settings.characters:
        parts["_characters"] = characters(values)
    return {part: x.with_values(value) if isinstance(x, tf.RaggedTensor) else value for part, value in parts.items()}


def _ids(strings: Mapping[str, _Strings], name: str, settings: VocabularyConfig, closed: bool) -> dict[str, Any]:
    flat = {key: x.flat_values if isinstance(x, tf.RaggedTensor) else x for key, x in strings.items()}
    if settings.hash_buckets is not None:
        ids = {key: hash_ids(values, settings.hash_buckets) for key, values in flat.items()}
    else:
        if settings.file is not None:
            vocabulary = given_vocabulary(settings.file, name)
        else:
            every = tf.concat(list(flat.values()), axis=0) if len(flat) > 1 else next(iter(flat.values()))
            vocabulary = make_vocabulary(every, name, min_count=settings.min_count, max_size=settings.max_size)
        ids = {key: apply_ids(values, vocabulary, name=name, closed=closed) for key, values in flat.items()}
    return {
        key: x.with_flat_values(ids[key]) if isinstance(x, tf.RaggedTensor) else ids[key] for key, x in strings.items()
    }
