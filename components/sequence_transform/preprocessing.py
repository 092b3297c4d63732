"""The default preprocessing_fn, made from a spec: it turns raw features into ids and numbers.

    tokens  [B, (T), (1)] strings   ->  tokens          [B, (T)] int64, ids from 1
                                        tokens_suffix3  [B, (T)] int64, ids from 1 (with the setting `affixes`)
                                        target          [B, (T)] int64 (with the setting `next`)
    parts   [B, (T), (V)] strings   ->  parts           [B, (T), (V)] int64, ids from 1 (a nested feature)
    upos    [B, (T), (1)] strings   ->  upos            [B, (T)] int64, ids from 1, of a closed vocabulary (a label)
    lpc     [B, (T), (D)] float32   ->  lpc             [B, (T), D] float32, with missing numbers filled in
                                        lpc_missing     [B, (T), D] float32 (with the setting `indicator`)
    sent_id [B] strings             ->  sent_id         [B] strings (keys and carried features stay as they are)

A user's own preprocessing_fn can call `preprocessing_fn`, which does what the component's arguments say, or
`preprocess` with settings of its own, and add to the outputs; or it can use the single ops of `graph`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import NumberConfig, Settings, VocabularyConfig
from tfx_sequence.components.sequence_transform.config_checks import contradictions
from tfx_sequence.components.sequence_transform.graph.graph_check import zero_if
from tfx_sequence.components.sequence_transform.graph.number_features import transform_numbers
from tfx_sequence.components.sequence_transform.graph.steps import truncate
from tfx_sequence.components.sequence_transform.graph.string_features import transform_strings
from tfx_sequence.schemas.contract import SEQUENCE_SPEC, TRANSFORM_SETTINGS
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.feature import SchemaError

Tensors = Mapping[str, Any]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> dict[str, Any]:
    """Transforms all features as the arguments of SequenceTransform say.

    Args:
      inputs: Feature name to tensor, as Transform reads them.
      custom_config: The `custom_config` with the spec and the settings that SequenceTransform adds to it.

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
    """Transforms every feature of the spec, as the table of this module shows.

    Args:
      inputs: Feature name to tensor, as Transform reads them.
      spec: The raw features.
      vocabularies: String feature to the settings of its vocabulary; the defaults for features that are not named.
      numbers: Number feature to its settings; features that are not named stay as they are, except that the mean
        replaces missing numbers.
      max_steps: Keeps this many steps of each sequence, the first ones; all if None.

    Returns:
      Feature name to tensor.

    Raises:
      ValueError: if a setting does not fit the spec.
    """
    vocabularies, numbers = vocabularies or {}, numbers or {}
    for problem in contradictions(spec, vocabularies, numbers):
        _, feature_name, *settings = problem.path
        where = ", ".join([repr(feature_name), *(f"`{setting}`" for setting in settings)])
        raise ValueError(f"the transform settings of {where}: {problem.message}")
    values = {name: _shape_values(inputs[name], name, feature, max_steps) for name, feature in spec.features.items()}
    return {**values, **transform_numbers(values, spec, numbers), **transform_strings(values, spec, vocabularies)}


def _shape_values(x: Any, name: str, feature: Feature, max_steps: int | None) -> Any:
    """Gives the values of a feature the shape `[B]`, `[B, (T)]`, `[B, (T), D]` or, nested, `[B, (T), (V)]`."""
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
        # The shape depends on the check, so that its message comes before TensorFlow's about a shape that does not
        # fit: `checked` is 0, and -1 lets TensorFlow find the size.
        values = tf.reshape(values, tf.stack([checked - 1, width]))
    return tf.RaggedTensor.from_row_splits(values, x.row_splits + checked, validate=False)
