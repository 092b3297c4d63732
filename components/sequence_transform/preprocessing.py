"""The preprocessing_fn made from a spec: raw features in, ids and numbers out.

    tokens  [B, (T), (1)] strings   ->  tokens          [B, (T)] int64, ids from 1
                                        tokens_suffix3  [B, (T)] int64, ids from 1 (where affixes are asked for)
                                        target          [B, (T)] int64 (where `next` asks for it)
    parts   [B, (T), (V)] strings   ->  parts           [B, (T), (V)] int64, ids from 1 (where the feature is nested)
    upos    [B, (T), (1)] strings   ->  upos            [B, (T)] int64, ids from 1, of a closed vocabulary
    lpc     [B, (T), (D)] float32   ->  lpc             [B, (T), D] float32, filled in where numbers may be missing
                                        lpc_missing     [B, (T), D] float32 (where an indicator is asked for)
    sent_id [B] strings             ->  sent_id         [B] strings (keys and carried features pass as they are)

A user's own preprocessing_fn can call `preprocessing_fn`, which does what the component's arguments say, or
`preprocess` with settings of its own, and add to what it returns; or use the pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import NumberConfig, Settings, VocabularyConfig
from tfx_sequence.components.sequence_transform.config_checks import contradictions
from tfx_sequence.components.sequence_transform.graph.graph_check import zero_if
from tfx_sequence.components.sequence_transform.graph.number_features import to_numbers
from tfx_sequence.components.sequence_transform.graph.steps import truncate
from tfx_sequence.components.sequence_transform.graph.string_features import to_ids
from tfx_sequence.schemas.contract import SEQUENCE_SPEC, TRANSFORM_SETTINGS
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.feature import SchemaError

Tensors = Mapping[str, Any]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """The default of SequenceTransform, which does what its arguments say.

    Args:
      inputs: Feature name to tensor as Transform gives it.
      custom_config: With what SequenceTransform adds to it.

    Returns:
      Feature name to tensor, of all features of the schema that a spec can describe.

    Raises:
      SchemaError: if the schema has no sequence feature that a spec can describe.
    """
    if SEQUENCE_SPEC not in custom_config:
        raise SchemaError(
            "no sequence feature of the schema is in every record, with one value (or one vector, or strings) in every "
            "step; write a preprocessing_fn of your own for them"
        )
    spec = SequenceSpec.from_json(custom_config[SEQUENCE_SPEC])
    settings = Settings.model_validate(custom_config.get(TRANSFORM_SETTINGS, {}))
    return preprocess(inputs, spec, settings.transform, settings.numbers, settings.max_steps)


def preprocess(
    inputs: Tensors,
    spec: SequenceSpec,
    vocabularies: Mapping[str, VocabularyConfig] | None = None,
    numbers: Mapping[str, NumberConfig] | None = None,
    max_steps: int | None = None,
) -> dict[str, Any]:
    """Transforms every feature of the spec; see the module's table.

    Args:
      inputs: Feature name to tensor as Transform gives it.
      spec: What the features are.
      vocabularies: String feature to how its vocabulary is made; the defaults for features that are not named.
      numbers: Number feature to what becomes of it; features that are not named stay as they are,
        but for numbers that are missing, which the mean stands for.
      max_steps: Only so many steps of each sequence are kept, the first ones; all if None.

    Returns:
      Feature name to tensor.

    Raises:
      ValueError: if a setting does not fit the spec.
    """
    vocabularies, numbers = vocabularies or {}, numbers or {}
    for wrong in contradictions(spec, vocabularies, numbers):
        setting = f", `{wrong.setting}`" if wrong.setting else ""
        raise ValueError(f"the transform settings of {wrong.feature!r}{setting}: {wrong.message}")
    values = {name: _values(inputs[name], name, feature, max_steps) for name, feature in spec.features.items()}
    return {**values, **to_numbers(values, spec, numbers), **to_ids(values, spec, vocabularies)}


def _values(x: Any, name: str, feature: Feature, max_steps: int | None) -> Any:
    if feature.context:
        return x
    steps = x if feature.nested else one_value_a_step(x, name, feature.width or 1)
    return steps if max_steps is None else truncate(steps, max_steps)


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
