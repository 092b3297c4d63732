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

from tfx_sequence.components.sequence_transform.config import NumberConfig, VocabularyConfig, contradictions
from tfx_sequence.components.sequence_transform.guard import zero_if
from tfx_sequence.components.sequence_transform.number_features import to_number
from tfx_sequence.components.sequence_transform.string_features import to_ids
from tfx_sequence.schemas.spec import SequenceSpec

SPEC_KEY = "sequence_spec"
"""Where SequenceTransform puts the schema's spec, as JSON, in the `custom_config` of a preprocessing_fn."""

TRANSFORM_KEY = "transform"
"""Where SequenceTransform puts its settings of vocabularies in the `custom_config` of a preprocessing_fn."""

NUMBERS_KEY = "numbers"
"""Where SequenceTransform puts its settings of numbers in the `custom_config` of a preprocessing_fn."""

Tensors = Mapping[str, Any]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """The default of SequenceTransform."""
    spec = SequenceSpec.from_json(custom_config[SPEC_KEY])
    vocabularies = {
        name: VocabularyConfig.model_validate(value) for name, value in custom_config.get(TRANSFORM_KEY, {}).items()
    }
    numbers = {name: NumberConfig.model_validate(value) for name, value in custom_config.get(NUMBERS_KEY, {}).items()}
    return preprocess(inputs, spec, vocabularies, numbers)


def preprocess(
    inputs: Tensors,
    spec: SequenceSpec,
    vocabularies: Mapping[str, VocabularyConfig] | None = None,
    numbers: Mapping[str, NumberConfig] | None = None,
) -> dict[str, Any]:
    """Transforms every feature of the spec; see the module's table.

    Args:
      inputs: Feature name to tensor as Transform gives it.
      spec: What the features are.
      vocabularies: String feature to how its vocabulary is made; the defaults for features that are not named.
      numbers: Number feature to what becomes of it; features that are not named stay as they are.

    Returns:
      Feature name to tensor.

    Raises:
      ValueError: if a setting does not fit the spec.
    """
    vocabularies, numbers = vocabularies or {}, numbers or {}
    for wrong in contradictions(spec, vocabularies, numbers):
        setting = f", `{wrong.setting}`" if wrong.setting else ""
        raise ValueError(f"the transform settings of {wrong.feature!r}{setting}: {wrong.message}")
    steps = {
        name: inputs[name] if feature.context else one_value_a_step(inputs[name], name, feature.width or 1)
        for name, feature in spec.features.items()
    }
    scaled = {name: to_number(steps[name], name, config) for name, config in numbers.items()}
    return {**steps, **scaled, **to_ids(steps, spec, vocabularies)}


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
