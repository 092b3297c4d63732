"""What a model reads and what it predicts, taken from a transform graph."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.parsing import Column
from tfx_sequence.schemas import tfmd
from tfx_sequence.schemas.embeddings import load_embeddings
from tfx_sequence.schemas.spec import Feature, SequenceSpec, Spans
from tfx_sequence.schemas.vocabulary import vocabulary_of


class TaskError(ValueError):
    """Data or settings that no model can be trained with."""


@dataclass(frozen=True)
class Input:
    """A transformed feature that the model reads.

    Attributes:
      name: Of the transformed feature.
      num_ids: For ids: their number, padding and out-of-vocabulary included, which is the embedding's input dimension.
        None for numbers, which are read as they are.
      width: Numbers in a step, 1 for ids.
      context: True for one value a record, which every step of the record then sees.
      nested: True for any number of ids in a step, such as the characters of a token.
    """

    name: str
    num_ids: int | None
    width: int
    context: bool
    nested: bool = False

    @property
    def oov_id(self) -> int | None:
        """The id of unseen values, the last one."""
        return None if self.num_ids is None else self.num_ids - 1


@dataclass(frozen=True)
class Head:
    """A label that the model predicts.

    Attributes:
      name: Of the label feature.
      per_step: True for one label a step, False for one a record.
      classes: The values, in the order of their ids: class c is the value `classes[c]`, with the id c + 1. Empty
        for a label that is a number.
      spans: How the values mark spans, if they do.
      width: Numbers in a label of numbers; None for one, without an axis of its own.
      same_ids: Inputs of ids a step that have the label's vocabulary, so that a value has one id in both.
    """

    name: str
    per_step: bool
    classes: tuple[bytes, ...] = ()
    spans: Spans | None = None
    width: int | None = None
    same_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class SequenceTask:
    """What a model reads and predicts.

    Attributes:
      raw: The features before the transform.
      inputs: What the model reads.
      heads: What it predicts.
      columns: How the transformed features that training needs are stored, by name.
      weight: The context feature that says how much a record counts, if there is one.
      embeddings: Pretrained vectors of inputs that are ids, float32 `[num_ids, D]`, by name.
    """

    raw: SequenceSpec
    inputs: tuple[Input, ...]
    heads: tuple[Head, ...]
    columns: dict[str, Column]
    weight: str | None = None
    embeddings: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, transform_output: tft.TFTransformOutput) -> SequenceTask:
        """Reads the task from what SequenceTransform wrote.

        Raises:
          TaskError: if the examples are not SequenceExamples, there is no input or no label, a label of strings has no
            vocabulary, an input has more ids than its embedding would have rows, or weights are not a number a record.
          SchemaError: if the transformed schema is not one of sequences.
        """
        schema = transform_output.transformed_metadata.schema
        if all(proto.name != tfmd.SEQUENCE for proto in schema.feature):
            raise TaskError(
                "the transformed examples are tf.Examples, as stock Transform writes them; SequenceTrainer reads "
                "SequenceExamples: put SequenceTransform, with the same preprocessing_fn, in Transform's place"
            )
        spec = tfmd.from_schema(schema)
        raw = tfmd.from_schema(transform_output.raw_metadata.schema)
        steps = tfmd.sequence_struct(schema).struct_domain.feature
        protos = {proto.name: proto for proto in [*schema.feature, *steps]}
        nested = [proto for proto in steps if proto.name not in spec.features and _num_ids(proto) is not None]
        inputs = tuple(
            Input(name, _num_ids(protos[name]), feature.width or 1, feature.context)
            for name, feature in spec.with_role("input").items()
        )
        inputs += tuple(Input(proto.name, _num_ids(proto), 1, context=False, nested=True) for proto in nested)
        heads = tuple(
            _head(name, feature, raw, transform_output, _num_ids(protos[name]), inputs)
            for name, feature in spec.with_role("label").items()
        )
        for what, found in (("input", inputs), ("label", heads)):
            if not found:
                raise TaskError(
                    f"no transformed feature has the role {what!r}; the features and their roles are "
                    f"{ {name: feature.role for name, feature in spec.features.items()} }"
                )
        for item in inputs:
            _check_input(item, spec, transform_output)
        weight = _weight(spec)
        used = [item.name for item in inputs if not item.nested] + [head.name for head in heads]
        used += [weight] if weight else []
        columns = {
            name: Column(spec.features[name].dtype, spec.features[name].context, spec.features[name].width)
            for name in used
        }
        columns |= {proto.name: Column("int64", nested=True) for proto in nested}
        directory = os.path.dirname(transform_output.transform_savedmodel_dir)
        vectors = {item.name: load_embeddings(directory, item.name) for item in inputs if item.num_ids is not None}
        embeddings = {name: matrix for name, matrix in vectors.items() if matrix is not None}
        for item in inputs:
            _check_vectors(item, embeddings.get(item.name))
        return cls(raw, inputs, heads, columns, weight, embeddings)


def _num_ids(proto: schema_pb2.Feature) -> int | None:
    categorical = proto.type == schema_pb2.INT and proto.int_domain.is_categorical
    return proto.int_domain.max + 1 if categorical else None


def _check_input(item: Input, spec: SequenceSpec, transform_output: tft.TFTransformOutput) -> None:
    if not item.nested and spec.features[item.name].dtype == "string":
        raise TaskError(f"the input {item.name!r} is a string; SequenceTransform must turn it into ids")
    vocabulary = None if item.num_ids is None else vocabulary_of(transform_output, item.name)
    if vocabulary is not None and item.num_ids is not None and vocabulary.num_ids > item.num_ids:
        raise TaskError(
            f"the vocabulary of the input {item.name!r} has {vocabulary.num_ids} ids, padding included, but the "
            f"transformed schema gives it ids up to {item.num_ids - 1}: its embedding would be too small"
        )


def _check_vectors(item: Input, vectors: np.ndarray[Any, Any] | None) -> None:
    if vectors is not None and len(vectors) != item.num_ids:
        raise TaskError(
            f"the pretrained embeddings of {item.name!r} have {len(vectors)} rows, but it has {item.num_ids} ids, "
            "padding and out-of-vocabulary included; make the transform graph again"
        )


def _head(
    name: str,
    feature: Feature,
    raw: SequenceSpec,
    transform_output: tft.TFTransformOutput,
    num_ids: int | None,
    inputs: tuple[Input, ...],
) -> Head:
    if num_ids is None and feature.dtype != "string":
        return Head(name, not feature.context, width=feature.width)
    vocabulary = vocabulary_of(transform_output, name)
    if vocabulary is None:
        raise TaskError(
            f"the label {name!r} has no vocabulary in the transform graph, so its ids have no names; make its feature "
            "'categorical' in the spec"
        )
    same_ids = tuple(
        item.name
        for item in inputs
        if item.num_ids == num_ids and not item.context and vocabulary_of(transform_output, item.name) == vocabulary
    )
    spans = raw.features[name].spans if name in raw.features else None
    return Head(name, not feature.context, vocabulary.names, spans, same_ids=same_ids)


def _weight(spec: SequenceSpec) -> str | None:
    weights = spec.with_role("weight")
    for name, feature in weights.items():
        if not feature.context or feature.kind not in ("float", "integer") or len(weights) > 1:
            raise TaskError(
                f"the feature {name!r} has the role 'weight', which one feature may have, with one number a record "
                f"(context = true); it is {feature}"
            )
    return next(iter(weights), None)
