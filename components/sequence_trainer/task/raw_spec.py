"""Reads the features before the transform, as far as a model and its export must know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.transformed import Transformed
from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.feature import find_span_scheme
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def read_raw(
    transform_output: tft.TFTransformOutput, features: Mapping[str, Transformed], labels: Sequence[str]
) -> tuple[SequenceSpec, dict[str, Any]]:
    """Reads which features the transform takes, and how they are parsed.

    Args:
      transform_output: The transform graph.
      features: The transformed features.
      labels: The features that are labels, and no others; if empty, those with that role in the schema.

    Returns:
      Of SequenceExamples their spec, and an empty dict. Of tf.Examples, in which a text may be one value that the
      transform splits, a spec of the transformed features, and how the raw ones are parsed.

    Raises:
      TaskError: if no transformed feature of tf.Examples is a sequence, or one has a name that none may have.
      SchemaError: if the schema of SequenceExamples cannot be read.
    """
    schema = transform_output.raw_metadata.schema
    if any(proto.name == SEQUENCE for proto in schema.feature):
        return _with_labels(from_schema(schema), labels), {}
    spans = {proto.name: find_span_scheme(proto) for proto in schema.feature}
    described = {
        name: {**_describe_feature(feature), "spans": spans.get(name) if feature.role == "label" else None}
        for name, feature in features.items()
        if not feature.column.nested
    }
    try:
        return SequenceSpec.model_validate({"features": described}), transform_output.raw_feature_spec()
    except pydantic.ValidationError as error:
        raise TaskError(
            f"the transformed features do not make sequences: {describe_validation_error(error)}"
        ) from error


def _with_labels(spec: SequenceSpec, labels: Sequence[str]) -> SequenceSpec:
    """Returns the spec with these labels and no others; the spec as it is if none is named."""
    if not labels:
        return spec
    features = {name: _as_label(f) if name in labels else _as_no_label(f) for name, f in spec.features.items()}
    return spec.model_copy(update={"features": features})


def _as_label(feature: Feature) -> Feature:
    kind = "categorical" if feature.kind == "token" else feature.kind
    return feature.model_copy(update={"role": "label", "kind": kind})


def _as_no_label(feature: Feature) -> Feature:
    return feature.model_copy(update={"role": "carried"}) if feature.role == "label" else feature


def _describe_feature(feature: Transformed) -> dict[str, Any]:
    """Returns a transformed feature as the fields of a spec's Feature."""
    column = feature.column
    if feature.num_ids is not None or column.dtype == "string":
        kind = "categorical" if feature.role == "label" else "token"
    elif column.dtype == "int64":
        kind = "integer"
    else:
        kind = "float" if column.width is None else "vector"
    return {"kind": kind, "role": feature.role, "context": column.context, "width": column.width}
