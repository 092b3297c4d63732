"""Reads how the transform stores each feature, in either form: SequenceExamples or flat tf.Examples.

Stock Transform writes a sequence of ids as one list of a tf.Example (`ids`, of a sparse tensor, or `ids$ragged_values`,
of a ragged one), and where steps have several values also how many (`ids$row_lengths_1`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.batches.ids import FromZero
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG, from_schema
from tfx_sequence.schemas.tfmd.feature import find_role
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct, list_feature_protos
from tfx_sequence.schemas.vocabulary import OOV, one_based_key, vocabulary_of


class Transformed(NamedTuple):
    """A transformed feature.

    Attributes:
      role: Its role: input, label, weight or carried.
      column: How it is stored.
      num_ids: The number of ids in batches, padding and unseen values included; None for what is no id.
    """

    role: str
    column: Column
    num_ids: int | None = None


def read_transformed(transform_output: tft.TFTransformOutput, labels: Sequence[str] = ()) -> dict[str, Transformed]:
    """Reads the transformed features, by name: those of the record, then those of steps, then nested ones.

    Args:
      transform_output: The transform graph.
      labels: The features that are labels, and no others; if empty, those with that role in the schema.

    Raises:
      TaskError: if `labels` names no transformed feature, or one has a form that no model can read.
      SchemaError: if the schema is one of SequenceExamples, but not as SequenceTransform writes it.
    """
    schema = transform_output.transformed_metadata.schema
    features: dict[str, Transformed] = {}
    found = _read_sequence_features(schema) if _is_sequence(schema) else _read_flat_features(transform_output, labels)
    for name, proto, feature in found:
        chosen = feature._replace(role=_choose_role(name, feature.role, labels))
        features[name] = _with_ids(chosen, proto, _starts_at_one(transform_output, name))
    for label in labels:
        if label not in features:
            raise TaskError(f"`labels` names {label!r}, but the transformed features are {', '.join(features)}")
    return features


def names_of_ids(
    transform_output: tft.TFTransformOutput, name: str, column: Column, num_ids: int | None
) -> tuple[bytes, ...] | None:
    """Returns the values of the ids 1, 2, ... in batches, in UTF-8; None if there is no vocabulary of the name."""
    if column.ids is None:
        vocabulary = vocabulary_of(transform_output, name)
        return None if vocabulary is None else vocabulary.names
    if num_ids is None or transform_output.vocabulary_file_by_name(name) is None:
        return None
    values = tuple(transform_output.vocabulary_by_name(name))
    return values + (OOV.encode(),) * (num_ids - FIRST_ID - len(values))


def _choose_role(name: str, role: str, labels: Sequence[str]) -> str:
    """Returns the role of a feature, which labels that the user names overrule."""
    if not labels:
        return role
    if name in labels:
        return "label"
    return "carried" if role == "label" else role


def _starts_at_one(transform_output: tft.TFTransformOutput, name: str) -> bool:
    """Tells whether a feature's ids, if it has any, start at 1: those of SequenceTransform, and of our vocabularies."""
    if FORMAT_TAG in transform_output.transformed_metadata.schema.annotation.tag:
        return True
    path = transform_output.vocabulary_file_by_name(name)
    return bool(path and transform_output.vocabulary_file_by_name(one_based_key(os.path.basename(path))))


def _with_ids(feature: Transformed, proto: schema_pb2.Feature, starts_at_one: bool) -> Transformed:
    """Adds to a feature what its domain says of its ids.

    Ids of stock's vocabularies start at 0, and -1 is an unseen value; those of batches start at 1::

        stored      -1   0   1   2
        in batches   4   1   2   3     0 is padding; labels have no unseen value
    """
    domain = proto.int_domain
    if proto.type != schema_pb2.INT or not domain.is_categorical:
        return feature
    if starts_at_one and domain.min >= 0:
        return feature._replace(num_ids=domain.max + 1)
    known = FIRST_ID + domain.max + 1
    if domain.min >= 0 or feature.role == "label":
        return feature._replace(num_ids=known, column=feature.column._replace(ids=FromZero(unseen=None)))
    return feature._replace(num_ids=known + 1, column=feature.column._replace(ids=FromZero(unseen=known)))


def _read_sequence_features(schema: schema_pb2.Schema) -> Iterator[tuple[str, schema_pb2.Feature, Transformed]]:
    """Yields the features of SequenceExamples."""
    spec = from_schema(schema)
    protos = {proto.name: proto for proto in list_feature_protos(schema)}
    for name, feature in spec.features.items():
        column = Column(feature.dtype, feature.context, feature.width, feature.nested)
        yield name, protos[name], Transformed(feature.role, column)
    # Features that the transform derived, such as characters, are in the schema alone.
    for proto in find_sequence_struct(schema).struct_domain.feature:
        if proto.name not in spec.features and proto.int_domain.is_categorical:
            yield proto.name, proto, Transformed("input", Column("int64", nested=True))


def _read_flat_features(
    transform_output: tft.TFTransformOutput, labels: Sequence[str]
) -> Iterator[tuple[str, schema_pb2.Feature, Transformed]]:
    """Yields the features of tf.Examples, in the order that SequenceExamples have them in."""
    protos = {proto.name: proto for proto in transform_output.transformed_metadata.schema.feature}
    raw = _raw_protos(transform_output.raw_metadata.schema)
    widths = _raw_widths(transform_output.raw_metadata.schema)
    features = []
    for name, spec in sorted(transform_output.transformed_feature_spec().items()):
        column = _read_column(name, spec, widths.get(name))
        proto = protos[column.keys[0]]
        raw_role = find_role(raw[name]) if name in raw else None
        role = find_role(proto) or raw_role or "input"
        if name in labels or role == "label" or (role == "input" and not column.context):
            _check_number(name, proto, raw)
        features.append((name, proto, Transformed(role, column)))
    yield from sorted(features, key=lambda feature: (feature[2].column.nested, not feature[2].column.context))


def _raw_protos(schema: schema_pb2.Schema) -> dict[str, schema_pb2.Feature]:
    """Returns the features before the transform by name, whichever form they have."""
    protos = list_feature_protos(schema) if _is_sequence(schema) else schema.feature
    return {proto.name: proto for proto in protos}


def _raw_widths(schema: schema_pb2.Schema) -> dict[str, int]:
    """Returns the number of values in each step of the sequence features of SequenceExamples, where it is fixed."""
    sequence = from_schema(schema).sequence if _is_sequence(schema) else {}
    return {name: feature.width or 1 for name, feature in sequence.items() if not feature.nested}


def _is_sequence(schema: schema_pb2.Schema) -> bool:
    return any(proto.name == SEQUENCE for proto in schema.feature)


def _read_column(name: str, spec: Any, raw_width: int | None) -> Column:
    """Reads how stock Transform stored a feature.

    Args:
      name: The name of the feature.
      spec: Its parsing configuration in `TFTransformOutput.transformed_feature_spec`.
      raw_width: The number of values in each step of the raw feature of its name; None if that is not known.

    Raises:
      TaskError: if a model cannot read it.
    """
    may_be_ids = spec.dtype == tf.int64
    if isinstance(spec, tf.io.FixedLenFeature):
        size = math.prod(spec.shape)
        if len(spec.shape) > 1 or (may_be_ids and size != 1):
            raise TaskError(
                f"the transformed feature {name!r} has the shape {list(spec.shape)} in every record, but a model reads "
                "one value (or one vector of floats) a record, or steps: make steps of it in the preprocessing_fn, "
                "with tf.RaggedTensor.from_tensor"
            )
        return Column(spec.dtype.name, context=True, width=None if size == 1 else size, keys=(name,))
    if isinstance(spec, tf.io.VarLenFeature):
        return Column(spec.dtype.name, keys=(name,))
    partitions = spec.partitions if isinstance(spec, tf.io.RaggedFeature) else None
    if partitions is None or len(partitions) > 1:
        raise TaskError(
            f"the transformed feature {name!r} is a sparse or a ragged tensor of more than steps and their values; "
            "leave it out in the preprocessing_fn, or make it one of [B, (T)] or [B, (T), (V)]"
        )
    counts = [part.key for part in partitions if isinstance(part, tf.io.RaggedFeature.RowLengths)]
    if counts and raw_width is not None:
        # The lengths of rows are stored, but they are all as long as in the raw feature.
        width, nested = raw_width, False
    else:
        fixed = [part.length for part in partitions if isinstance(part, tf.io.RaggedFeature.UniformRowLength)]
        width = math.prod(fixed)
        nested = bool(counts) or (may_be_ids and width > 1)
    return Column(spec.dtype.name, width=None if width == 1 else width, nested=nested, keys=(spec.value_key, *counts))


def _check_number(name: str, proto: schema_pb2.Feature, raw: Mapping[str, schema_pb2.Feature]) -> None:
    """Refuses integers that may be ids of an unknown number, such as those of a vocabulary to which 1 was added.

    Raises:
      TaskError: if they may be.
    """
    if proto.type != schema_pb2.INT or proto.int_domain.is_categorical:
        return
    if name not in raw or raw[name].type != schema_pb2.INT:
        raise TaskError(
            f"the transformed feature {name!r} is integers without a domain: if they are ids, return them as "
            "tft.compute_and_apply_vocabulary gives them (what is computed of its ids has no domain), or with "
            "tfx_sequence.components.sequence_transform.with_domain; if they are numbers, cast them to float32"
        )
