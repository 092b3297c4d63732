"""The preprocessing_fn made from a spec: raw features in, ids and numbers out.

    tokens  [B, (T), (1)] strings   ->  tokens          [B, (T)] int64, ids from 1
                                        tokens_suffix3  [B, (T)] int64, ids from 1 (where affixes are asked for)
    upos    [B, (T), (1)] strings   ->  upos            [B, (T)] int64, ids from 1, of a closed vocabulary
    lpc     [B, (T), (D)] float32   ->  lpc             [B, (T), D] float32
    sent_id [B] strings             ->  sent_id         [B] strings (keys and carried features pass as they are)

A user's own preprocessing_fn can call `preprocess` and add to what it returns, or use the pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import TransformConfig, VocabularyConfig
from tfx_sequence.components.sequence_transform.guard import zero_if
from tfx_sequence.components.sequence_transform.text import lowercase, prefix, suffix
from tfx_sequence.components.sequence_transform.vocabulary import compute_and_apply_ids
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC_KEY = "sequence_spec"
"""Where SequenceTransform puts the schema's spec, as JSON, in the `custom_config` of a preprocessing_fn."""

TRANSFORM_KEY = "transform"
"""Where SequenceTransform puts its settings in the `custom_config` of a preprocessing_fn."""

Tensors = Mapping[str, Any]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """The default of SequenceTransform."""
    spec = SequenceSpec.from_json(custom_config[SPEC_KEY])
    config = {
        name: VocabularyConfig.model_validate(value) for name, value in custom_config.get(TRANSFORM_KEY, {}).items()
    }
    return preprocess(inputs, spec, config)


def preprocess(inputs: Tensors, spec: SequenceSpec, config: TransformConfig) -> dict[str, Any]:
    """Transforms every feature of the spec; see the module's table.

    Args:
      inputs: Feature name to tensor as Transform gives it.
      spec: What the features are.
      config: How their vocabularies are made.

    Returns:
      Feature name to tensor.

    Raises:
      ValueError: if `config` names a feature that is not a string feature with a vocabulary.
    """
    for name in config:
        if name not in spec.features or not _has_vocabulary(spec.features[name]):
            known = [name for name, feature in spec.features.items() if _has_vocabulary(feature)]
            raise ValueError(
                f"the transform settings name the feature {name!r}; features with a vocabulary are {known}"
            )
    outputs: dict[str, Any] = {}
    for name, feature in spec.features.items():
        x = inputs[name] if feature.context else one_value_a_step(inputs[name], name, feature.width or 1)
        if _has_vocabulary(feature):
            outputs.update(_ids(x, name, feature, config.get(name, VocabularyConfig())))
        else:
            outputs[name] = x
    return outputs


def one_value_a_step(x: tf.RaggedTensor, name: str, width: int = 1) -> tf.RaggedTensor:
    """Drops the dimension of the values in a step, `[B, (T), (V)]` to `[B, (T)]`, or `[B, (T), width]` if width > 1.

    A step with another number of values would shift all later steps, so the graph refuses it.

    Raises:
      tf.errors.InvalidArgumentError: when run on such a step.
    """
    counts = x.values.row_lengths()
    checked = zero_if(
        tf.reduce_all(tf.equal(counts, width)), f"the feature {name!r} has a step that does not hold {width} value(s)"
    )
    values = x.flat_values
    if width > 1:
        # The shape depends on the check, so that its message comes before that of a shape that does not fit.
        values = tf.reshape(values, tf.stack([checked - 1, width]))
    return tf.RaggedTensor.from_row_splits(values, x.row_splits + checked, validate=False)


def _has_vocabulary(feature: Feature) -> bool:
    return feature.dtype == "string" and feature.role in ("input", "label")


def _ids(x: Any, name: str, feature: Feature, config: VocabularyConfig) -> dict[str, Any]:
    values = x.flat_values if isinstance(x, tf.RaggedTensor) else x
    if config.lowercase:
        values = lowercase(values)
    closed = feature.role == "label"
    strings = {name: values}
    for length in config.affixes:
        strings[f"{name}_prefix{length}"] = prefix(values, length)
        strings[f"{name}_suffix{length}"] = suffix(values, length)
    counts: dict[str, Any] = {} if closed else {"min_count": config.min_count, "max_size": config.max_size}
    ids = {key: compute_and_apply_ids(value, key, closed=closed, **counts) for key, value in strings.items()}
    if isinstance(x, tf.RaggedTensor):
        return {key: x.with_flat_values(value) for key, value in ids.items()}
    return ids
