"""What a model reads and what it predicts, taken from a transform graph."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.parsing import Column
from tfx_sequence.schemas import tfmd
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import Vocabulary


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
    """

    name: str
    num_ids: int | None
    width: int
    context: bool

    @property
    def oov_id(self) -> int | None:
        """The id of unseen values, the last one."""
        return None if self.num_ids is None else self.num_ids - 1


@dataclass(frozen=True)
class Head:
    """A label that the model predicts. Class c is the value `classes[c]`, with the id c + 1.

    Attributes:
      name: Of the label feature.
      per_step: True for one label a step, False for one a record.
      classes: The values, in the order of their ids.
    """

    name: str
    per_step: bool
    classes: tuple[bytes, ...]


@dataclass(frozen=True)
class SequenceTask:
    """What a model reads and predicts.

    Attributes:
      raw: The features before the transform.
      inputs: What the model reads.
      heads: What it predicts.
      columns: How the transformed features that training needs are stored, by name.
    """

    raw: SequenceSpec
    inputs: tuple[Input, ...]
    heads: tuple[Head, ...]
    columns: dict[str, Column]

    @classmethod
    def load(cls, transform_output: tft.TFTransformOutput) -> SequenceTask:
        """Reads the task from what SequenceTransform wrote.

        Raises:
          TaskError: if there is no input or no label, or a label has no vocabulary.
          SchemaError: if the transformed schema is not one of sequences.
        """
        schema = transform_output.transformed_metadata.schema
        spec = tfmd.from_schema(schema)
        protos = {proto.name: proto for proto in [*schema.feature, *tfmd.sequence_struct(schema).struct_domain.feature]}
        inputs = tuple(
            Input(name, _num_ids(protos[name], feature), feature.width or 1, feature.context)
            for name, feature in spec.with_role("input").items()
        )
        heads = tuple(
            Head(name, not feature.context, _classes(transform_output, name))
            for name, feature in spec.with_role("label").items()
        )
        for what, found in (("input", inputs), ("label", heads)):
            if not found:
                raise TaskError(
                    f"no transformed feature has the role {what!r}; the features and their roles are "
                    f"{ {name: feature.role for name, feature in spec.features.items()} }"
                )
        for item in inputs:
            if spec.features[item.name].dtype == "string":
                raise TaskError(f"the input {item.name!r} is a string; SequenceTransform must turn it into ids")
        used = [item.name for item in inputs] + [head.name for head in heads]
        columns = {
            name: Column(spec.features[name].dtype, spec.features[name].context, spec.features[name].width)
            for name in used
        }
        return cls(tfmd.from_schema(transform_output.raw_metadata.schema), inputs, heads, columns)


def _num_ids(proto: schema_pb2.Feature, feature: Feature) -> int | None:
    categorical = feature.dtype == "int64" and proto.int_domain.is_categorical
    return proto.int_domain.max + 1 if categorical else None


def _classes(transform_output: tft.TFTransformOutput, name: str) -> tuple[bytes, ...]:
    if transform_output.vocabulary_file_by_name(name) is None:
        raise TaskError(
            f"the label {name!r} has no vocabulary in the transform graph, so its ids have no names; make its feature "
            "'categorical' in the spec"
        )
    return Vocabulary.from_lines(transform_output.vocabulary_by_name(name), closed=True).entries
