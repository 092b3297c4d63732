"""Defines the default preprocessing_fn, which turns raw features into ids and numbers as a spec and settings say.

    tokens  [B, (T), (1)] strings   ->  tokens          [B, (T)] int64, ids from 1
                                        tokens_suffix3  [B, (T)] int64, ids from 1 (with the setting `affixes`)
                                        target          [B, (T)] int64 (with the setting `next`)
    parts   [B, (T), (V)] strings   ->  parts           [B, (T), (V)] int64, ids from 1 (a nested feature)
    upos    [B, (T), (1)] strings   ->  upos            [B, (T)] int64, ids from 1, none for unseen values (a label)
    lpc     [B, (T), (D)] float32   ->  lpc             [B, (T), D] float32, missing numbers are replaced
                                        lpc_missing     [B, (T), D] float32 (with the setting `indicator`)
    sent_id [B] strings             ->  sent_id         [B] strings (keys and carried features do not change)

A user's preprocessing_fn can call `preprocessing_fn`, which follows the arguments of the component, or `preprocess`
with other settings, and then add outputs. It can also call the functions in `graph` directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import tensorflow as tf

from tfx_sequence.components.sequence_transform.config import (
    NumberConfig,
    Settings,
    VocabularyConfig,
    count_steps_ahead,
)
from tfx_sequence.components.sequence_transform.config_checks import find_contradictions
from tfx_sequence.components.sequence_transform.graph.graph_check import make_zero_or_fail
from tfx_sequence.components.sequence_transform.graph.number_features import transform_numbers
from tfx_sequence.components.sequence_transform.graph.steps import truncate
from tfx_sequence.components.sequence_transform.graph.string_features import transform_strings
from tfx_sequence.schemas.contract import SEQUENCE_SPEC, TRANSFORM_SETTINGS
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.feature import SchemaError

Tensor: TypeAlias = tf.Tensor | tf.RaggedTensor
Tensors: TypeAlias = Mapping[str, Tensor]


def preprocessing_fn(inputs: Tensors, custom_config: Mapping[str, Any]) -> dict[str, Tensor]:
    """Transforms all features as the arguments of SequenceTransform require.

    Args:
      inputs: Feature name to tensor, as Transform reads them.
      custom_config: The `custom_config` of the component, to which SequenceTransform added the spec and the settings.

    Returns:
      Feature name to tensor, for all features of the schema that a spec can describe.

    Raises:
      SchemaError: if the schema has no sequence feature that a spec can describe.
    """
    if SEQUENCE_SPEC not in custom_config:
        raise SchemaError(
            "no sequence feature of the schema is in every record, with one value (or one vector, or strings) in every "
            "step; write your own preprocessing_fn for them"
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
) -> dict[str, Tensor]:
    """Transforms every feature of the spec, as the table in the docstring of this module shows.

    Args:
      inputs: Feature name to tensor, as Transform reads them.
      spec: The raw features.
      vocabularies: Name of a string feature to the settings of its vocabulary. Features without an entry use the
        defaults.
      numbers: Name of a number feature to its settings. Features without an entry are not changed, except that missing
        numbers are replaced by the mean.
      max_steps: The maximum number of steps of a sequence, before `begin` and `end` add theirs. Later steps are cut
        off. There is no limit if None.

    Returns:
      Feature name to tensor.

    Raises:
      ValueError: if a setting does not fit the spec.
    """
    vocabularies = vocabularies or {}
    numbers = numbers or {}
    _check_settings(spec, vocabularies, numbers)
    values = {}
    for name, feature in spec.features.items():
        limit = None if max_steps is None else max_steps + count_steps_ahead(name, vocabularies)
        values[name] = _shape_values(inputs[name], name, feature, limit)
    return {
        **values,
        **transform_numbers(values, spec, numbers),
        **transform_strings(values, spec, vocabularies, max_steps),
    }


def _check_settings(
    spec: SequenceSpec, vocabularies: Mapping[str, VocabularyConfig], numbers: Mapping[str, NumberConfig]
) -> None:
    """Raises a ValueError for the first setting that does not fit the spec."""
    problem = next(find_contradictions(spec, vocabularies, numbers), None)
    if problem is not None:
        # The path is the argument of the component, the feature and, for some problems, the setting.
        _, feature_name, *settings = problem.path
        place = ", ".join([repr(feature_name), *(f"`{setting}`" for setting in settings)])
        raise ValueError(f"the transform settings of {place}: {problem.message}")


def _shape_values(x: Tensor, name: str, feature: Feature, max_steps: int | None) -> Tensor:
    """Converts a feature to `[B]` (context), `[B, (T)]`, `[B, (T), D]` (vectors) or `[B, (T), (V)]` (nested)."""
    if feature.context:
        return x
    steps = x if feature.nested else drop_value_dimension(x, name, feature.width or 1)
    return steps if max_steps is None else truncate(steps, max_steps)


def drop_value_dimension(x: tf.RaggedTensor, name: str, width: int = 1) -> tf.RaggedTensor:
    """Drops the ragged dimension of the values in a step.

    A step with a wrong number of values would shift all later steps, so the graph checks the number.

    Args:
      x: `[B, (T), (V)]`, of any type, where V must be `width` in every step.
      name: The name of the feature, for the message of the error.
      width: The number of values in a step.

    Returns:
      `[B, (T)]`, or `[B, (T), width]` if `width` is greater than 1.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs on a step that does not have `width` values.
    """
    has_right_counts = tf.reduce_all(tf.equal(x.values.row_lengths(), width))
    message = f"the feature {name!r} has a step that does not hold {width} value(s)"
    zero_if_checked = make_zero_or_fail(has_right_counts, message)
    values = x.flat_values
    if width > 1:
        # The shape depends on the check. So the check fails first, and not the reshape with a less helpful message.
        # The first dimension is -1, which lets TensorFlow find the size.
        values = tf.reshape(values, tf.stack([zero_if_checked - 1, width]))
    return tf.RaggedTensor.from_row_splits(values, x.row_splits + zero_if_checked, validate=False)
