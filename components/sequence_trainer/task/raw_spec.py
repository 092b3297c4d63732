"""Reads the raw features, which are the inputs of the transform, because an exported model must accept them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.transformed import Transformed
from tfx_sequence.schemas.spec import SequenceSpec, describe_validation_error
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import find_span_scheme
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def read_raw_spec(
    transform_output: tft.TFTransformOutput, features: Mapping[str, Transformed], labels: Sequence[str]
) -> tuple[SequenceSpec, dict[str, Any]]:
    """Reads the raw features, and how they are parsed.

    Args:
      transform_output: The transform graph.
      features: The transformed features.
      labels: The names of all labels. If empty, the schema determines which features are labels.

    Returns:
      For SequenceExamples, the spec of the raw features and an empty dict. For tf.Examples, a spec of the transformed
      features and the parsing configuration of the raw features. The raw tf.Examples themselves have no spec, because
      they may contain, for example, a whole text that the transform splits into steps.

    Raises:
      TaskError: if the transformed features of tf.Examples contain no sequence or an invalid name.
      SchemaError: if the schema of SequenceExamples cannot be read.
    """
    schema = transform_output.raw_metadata.schema
    if any(proto.name == SEQUENCE for proto in schema.feature):
        return _set_labels(from_schema(schema), labels), {}
    span_schemes = {proto.name: find_span_scheme(proto) for proto in schema.feature}
    fields_by_name: dict[str, dict[str, Any]] = {}
    for name, feature in features.items():
        if feature.column.nested:
            continue
        fields_by_name[name] = _describe_feature(feature)
        if feature.role == "label":
            fields_by_name[name]["spans"] = span_schemes.get(name)
    try:
        spec = SequenceSpec.model_validate({"features": fields_by_name})
    except pydantic.ValidationError as error:
        raise TaskError(
            f"the transformed features do not make sequences: {describe_validation_error(error)}; change what the "
            "preprocessing_fn returns"
        ) from error
    return spec, transform_output.raw_feature_spec()


def _set_labels(spec: SequenceSpec, labels: Sequence[str]) -> SequenceSpec:
    """Returns the spec with `labels` as the only labels. If `labels` is empty, the spec is returned unchanged."""
    if not labels:
        return spec
    features = {}
    for name, feature in spec.features.items():
        if name in labels:
            kind = "categorical" if feature.kind == "token" else feature.kind
            features[name] = feature.model_copy(update={"role": "label", "kind": kind})
        elif feature.role == "label":
            features[name] = feature.model_copy(update={"role": "carried"})
        else:
            features[name] = feature
    return spec.model_copy(update={"features": features})


def _describe_feature(feature: Transformed) -> dict[str, Any]:
    """Returns the fields of `Feature` in a spec that describe a transformed feature."""
    column = feature.column
    if feature.num_ids is not None or column.dtype == "string":
        kind = "categorical" if feature.role == "label" else "token"
    elif column.dtype == "int64":
        kind = "integer"
    else:
        kind = "float" if column.width is None else "vector"
    return {"kind": kind, "role": feature.role, "context": column.context, "width": column.width}
