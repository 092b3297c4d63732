"""Reads how the transform stores each feature, either in SequenceExamples or in flat tf.Examples.

TFX's Transform writes flat tf.Examples. The values of a sequence are one list in a tf.Example. Its key is `ids` for a
sparse tensor and `ids$ragged_values` for a ragged tensor. If steps may have several values, a second list contains the
number of values per step (`ids$row_lengths_1`).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.batches.ids import ZeroBasedIds
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.vocabulary_files import count_lines
from tfx_sequence.schemas.spec import FIRST_ID, Shift
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG, from_schema
from tfx_sequence.schemas.tfmd.feature import find_role, read_shift
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct, list_feature_protos
from tfx_sequence.schemas.vocabulary import OOV, make_one_based_key, read_vocabulary


class Transformed(NamedTuple):
    """A transformed feature.

    Attributes:
      role: The role of the feature: input, label, weight or carried.
      column: How the feature is stored.
      num_ids: The number of ids in batches, including the ids of padding and of unseen values. None if the feature does
        not consist of ids.
      oov_ids: The ids in batches of values that are not in the vocabulary. Empty if there are none, or if it is not
        known which ids these are.
      shift: Whether a label belongs to the `next` or the `previous` step, as a spec describes it; None if to its own.
    """

    role: str
    column: Column
    num_ids: int | None = None
    oov_ids: range = range(0)
    shift: Shift | None = None


def read_transformed(transform_output: tft.TFTransformOutput, labels: Sequence[str] = ()) -> dict[str, Transformed]:
    """Reads the transformed features.

    Args:
      transform_output: The transform graph.
      labels: The names of all labels. If empty, the schema determines which features are labels.

    Returns:
      A mapping of names to features. Context features come first, then sequence features, then nested features.

    Raises:
      TaskError: if a name in `labels` is not a transformed feature, a model cannot read the form of a feature, or the
        file of its vocabulary is not the one that the transform wrote.
      SchemaError: if the schema of SequenceExamples was not written by SequenceTransform.
    """
    schema = transform_output.transformed_metadata.schema
    features: dict[str, Transformed] = {}
    if _is_sequence(schema):
        described_features = _read_sequence_features(schema)
    else:
        described_features = _read_flat_features(transform_output, labels)
    for name, proto, description in described_features:
        feature = description._replace(role=_choose_role(name, description.role, labels))
        if proto.type == schema_pb2.INT and proto.int_domain.is_categorical:
            starts_at_one = _do_ids_start_at_one(transform_output, name)
            num_lines = count_lines(transform_output, name, proto, starts_at_one)
            feature = _add_ids(feature, proto.int_domain, starts_at_one, num_lines)
        features[name] = feature
    for label in labels:
        if label not in features:
            raise TaskError(f"`labels` names {label!r}, but the transformed features are {', '.join(features)}")
    return features


def read_id_values(
    transform_output: tft.TFTransformOutput, name: str, column: Column, num_ids: int | None
) -> tuple[bytes, ...] | None:
    """Reads the values of the ids 1, 2, ... of batches, in UTF-8.

    Args:
      transform_output: The transform graph.
      name: The name of the feature, which is also the name of its vocabulary.
      column: How the feature is stored.
      num_ids: The number of ids in batches.

    Returns:
      The values; None if there is no vocabulary of that name.
    """
    if column.ids is None:
        vocabulary = read_vocabulary(transform_output, name)
        return None if vocabulary is None else vocabulary.names
    if num_ids is None or transform_output.vocabulary_file_by_name(name) is None:
        return None
    values = tuple(transform_output.vocabulary_by_name(name))
    num_unseen = num_ids - FIRST_ID - len(values)
    return values + (OOV.encode(),) * num_unseen


def _choose_role(name: str, role: str, labels: Sequence[str]) -> str:
    """Chooses the role of a feature. If the user names labels, these override the roles in the schema."""
    if not labels:
        return role
    if name in labels:
        return "label"
    return "carried" if role == "label" else role


def _do_ids_start_at_one(transform_output: tft.TFTransformOutput, name: str) -> bool:
    """Returns whether the ids of a feature start at 1.

    They do if SequenceTransform wrote them, or if the vocabulary was made by a function of this package.
    """
    if FORMAT_TAG in transform_output.transformed_metadata.schema.annotation.tag:
        return True
    path = transform_output.vocabulary_file_by_name(name)
    return bool(path and transform_output.vocabulary_file_by_name(make_one_based_key(os.path.basename(path))))


def _add_ids(
    feature: Transformed, domain: schema_pb2.IntDomain, starts_at_one: bool, num_lines: int | None
) -> Transformed:
    """Adds the ids of a feature and how they are stored, which its domain and its vocabulary determine.

    The ids of TFX's own vocabularies start at 0, and -1 is an unseen value. The ids of batches start at 1::

        stored      -1   0   1   2
        in batches   4   1   2   3     0 is padding, and labels have no unseen value

    A domain alone does not say whether it has ids of unseen values. The buckets of numbers have a domain too.

    Args:
      feature: The feature.
      domain: The domain of the stored ids.
      starts_at_one: Whether the stored ids start at 1.
      num_lines: The number of lines of the vocabulary of the feature; None if it has no vocabulary.
    """
    if starts_at_one and domain.min >= 0:
        num_ids = domain.max + 1
        # Our vocabularies have at most one id of unseen values. Ids behind it were added by the user.
        oov_ids = _find_oov_ids(num_ids, num_lines)[:1]
        return feature._replace(num_ids=num_ids, oov_ids=oov_ids)
    num_ids = FIRST_ID + domain.max + 1
    if domain.min >= 0 or feature.role == "label":
        column = feature.column._replace(ids=ZeroBasedIds(unseen=None))
        return feature._replace(num_ids=num_ids, column=column, oov_ids=_find_oov_ids(num_ids, num_lines))
    unseen_id = num_ids
    column = feature.column._replace(ids=ZeroBasedIds(unseen=unseen_id))
    return feature._replace(num_ids=num_ids + 1, column=column, oov_ids=range(unseen_id, unseen_id + 1))


def _find_oov_ids(num_ids: int, num_lines: int | None) -> range:
    """Finds the ids behind those of the lines of a vocabulary, which are the ids of unseen values."""
    return range(0) if num_lines is None else range(FIRST_ID + num_lines, num_ids)


def _read_sequence_features(schema: schema_pb2.Schema) -> Iterator[tuple[str, schema_pb2.Feature, Transformed]]:
    """Yields the names, schemas and descriptions of the features of SequenceExamples."""
    spec = from_schema(schema)
    protos = {proto.name: proto for proto in list_feature_protos(schema)}
    for name, feature in spec.features.items():
        column = Column(feature.dtype, feature.context, feature.width, feature.nested)
        yield name, protos[name], Transformed(feature.role, column, shift=feature.shift)
    # Features that the transform derived, such as characters, are in the schema but not in the spec.
    for proto in find_sequence_struct(schema).struct_domain.feature:
        if proto.name not in spec.features and proto.int_domain.is_categorical:
            yield proto.name, proto, Transformed("input", Column("int64", nested=True))


def _read_flat_features(
    transform_output: tft.TFTransformOutput, labels: Sequence[str]
) -> Iterator[tuple[str, schema_pb2.Feature, Transformed]]:
    """Yields the names, schemas and descriptions of the features of tf.Examples.

    The order is that of SequenceExamples: context features, then sequence features, then nested features.
    """
    protos = {proto.name: proto for proto in transform_output.transformed_metadata.schema.feature}
    raw_protos = map_raw_protos(transform_output.raw_metadata.schema)
    raw_widths = _map_raw_widths(transform_output.raw_metadata.schema)
    features = []
    for name, spec in sorted(transform_output.transformed_feature_spec().items()):
        column = _read_column(name, spec, raw_widths.get(name))
        proto = protos[column.keys[0]]
        # Stock Transform leaves out the tags of the raw features.
        raw_proto = raw_protos.get(name, proto)
        role = find_role(proto) or find_role(raw_proto) or "input"
        shift = None if column.context else read_shift(proto) or read_shift(raw_proto)
        is_read_by_step = role == "input" and not column.context
        if name in labels or role == "label" or is_read_by_step:
            _check_is_number(name, proto, raw_protos)
        features.append((name, proto, Transformed(role, column, shift=shift)))
    yield from sorted(features, key=_make_sort_key)


def _make_sort_key(described_feature: tuple[str, schema_pb2.Feature, Transformed]) -> tuple[bool, bool]:
    """Returns a key by which context features come first, then sequence features, then nested features."""
    column = described_feature[2].column
    return column.nested, not column.context


def map_raw_protos(schema: schema_pb2.Schema) -> dict[str, schema_pb2.Feature]:
    """Maps the names of the raw features to their schemas, for SequenceExamples or tf.Examples."""
    feature_protos = list_feature_protos(schema) if _is_sequence(schema) else schema.feature
    return {proto.name: proto for proto in feature_protos}


def _map_raw_widths(schema: schema_pb2.Schema) -> dict[str, int]:
    """Maps the names of sequence features in raw SequenceExamples to their fixed number of values per step."""
    if not _is_sequence(schema):
        return {}
    sequences = from_schema(schema).sequence
    return {name: feature.width or 1 for name, feature in sequences.items() if not feature.nested}


def _is_sequence(schema: schema_pb2.Schema) -> bool:
    """Returns whether a schema describes SequenceExamples."""
    return any(proto.name == SEQUENCE for proto in schema.feature)


def _read_column(name: str, spec: Any, raw_width: int | None) -> Column:
    """Reads how TFX's Transform stored a feature.

    Args:
      name: The name of the feature.
      spec: The parsing configuration of the feature in `TFTransformOutput.transformed_feature_spec`.
      raw_width: The number of values per step of the raw feature of the same name; None if the number is not fixed, or
        there is no such feature.

    Raises:
      TaskError: if a model cannot read the form of the feature.
    """
    if isinstance(spec, tf.io.FixedLenFeature):
        return _read_context_column(name, spec)
    if isinstance(spec, tf.io.VarLenFeature):
        return Column(spec.dtype.name, keys=(name,))
    if isinstance(spec, tf.io.RaggedFeature) and len(spec.partitions) <= 1:
        return _read_ragged_column(spec, raw_width)
    raise TaskError(
        f"the transformed feature {name!r} is a sparse or a ragged tensor of more than steps and their values; "
        "leave it out in the preprocessing_fn, or make it one of [B, (T)] or [B, (T), (V)]"
    )


def _read_context_column(name: str, spec: tf.io.FixedLenFeature) -> Column:
    """Reads how a feature of fixed size is stored, which is a context feature."""
    size = math.prod(spec.shape)
    may_be_ids = spec.dtype == tf.int64
    if len(spec.shape) > 1 or (may_be_ids and size != 1):
        raise TaskError(
            f"the transformed feature {name!r} has the shape {list(spec.shape)} in every record, but a model reads "
            "one value (or one vector of floats) per record, or steps: make steps of it in the preprocessing_fn, "
            "with tf.RaggedTensor.from_tensor"
        )
    return Column(spec.dtype.name, context=True, width=None if size == 1 else size, keys=(name,))


def _read_ragged_column(spec: tf.io.RaggedFeature, raw_width: int | None) -> Column:
    """Reads how a sequence is stored whose steps have several values."""
    counts_keys: list[str] = []
    width = 1
    for partition in spec.partitions:
        if isinstance(partition, tf.io.RaggedFeature.RowLengths):
            counts_keys.append(partition.key)
        elif isinstance(partition, tf.io.RaggedFeature.UniformRowLength):
            width *= partition.length
    may_be_ids = spec.dtype == tf.int64
    nested = bool(counts_keys) or (may_be_ids and width > 1)
    if counts_keys and raw_width is not None:
        # The number of values per step is stored, but it is the same in all steps, as in the raw feature.
        width, nested = raw_width, False
    keys = (spec.value_key, *counts_keys)
    return Column(spec.dtype.name, width=None if width == 1 else width, nested=nested, keys=keys)


def _check_is_number(name: str, proto: schema_pb2.Feature, raw_protos: Mapping[str, schema_pb2.Feature]) -> None:
    """Checks that integers without a domain are numbers, rather than ids whose number is unknown.

    Such ids result, for example, if 1 is added to the ids of a vocabulary. Integers count as numbers if the raw feature
    of the same name consists of integers.

    Raises:
      TaskError: if the integers may be ids.
    """
    if proto.type != schema_pb2.INT or proto.int_domain.is_categorical:
        return
    if name not in raw_protos or raw_protos[name].type != schema_pb2.INT:
        raise TaskError(
            f"the transformed feature {name!r} is integers without a domain: if they are ids, return them as "
            "tft.compute_and_apply_vocabulary returns them (values computed from its ids have no domain), or with "
            "tfx_sequence.components.sequence_transform.set_domain; if they are numbers, cast them to float32"
        )
