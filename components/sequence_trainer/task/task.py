"""Defines the task of a model, which consists of its inputs and labels, and reads it from a transform graph."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.config.checks import (
    INPUT_NAME_RULE,
    find_name_problems,
    find_unserved_inputs,
)
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.raw_spec import read_raw_spec
from tfx_sequence.components.sequence_trainer.task.transformed import (
    Transformed,
    read_id_values,
    read_transformed,
)
from tfx_sequence.schemas.embeddings import load_embeddings
from tfx_sequence.schemas.spec import Feature, Kind, SequenceSpec, Shift
from tfx_sequence.schemas.tags import SpanScheme


@dataclass(frozen=True)
class Input:
    """A transformed feature that the model reads.

    Attributes:
      name: The name of the transformed feature.
      num_ids: The number of ids, including the ids of padding and of unseen values. This is the input dimension of the
        embedding. None for numbers, which have no embedding.
      width: The number of numbers per step; 1 for ids.
      context: Whether the feature has one value per record. The model then reads this value at every step.
      nested: Whether a step may have any number of ids, such as the characters of a token.
      oov_ids: The ids of values that are not in the vocabulary. Empty if there are none, as for the buckets of numbers,
        or if it is not known which ids these are.
    """

    name: str
    num_ids: int | None
    width: int
    context: bool
    nested: bool = False
    oov_ids: range = range(0)


@dataclass(frozen=True)
class Label:
    """A label that the model predicts.

    Attributes:
      name: The name of the label feature.
      per_step: Whether the label has one value per step, rather than one per record.
      classes: The values in the order of their ids. Class c is the value `classes[c]`, whose id is c + 1. Empty for a
        label of numbers.
      spans: The scheme by which the values mark spans; None if they do not mark spans.
      width: The number of numbers in the label. None for a single number, which has no axis of its own.
      same_ids: The names of the inputs with one id per step that have the vocabulary of the label. A value has the same
        id in the label and in these inputs.
      oov_ids: The ids of unseen values, which are the last ids. Empty if an unseen value is an error.
      shift: `next` if the value at a step belongs to a later step, `previous` if to an earlier one; None if to its own
        step, or if that is not known.
    """

    name: str
    per_step: bool
    classes: tuple[bytes, ...] = ()
    spans: SpanScheme | None = None
    width: int | None = None
    same_ids: tuple[str, ...] = ()
    oov_ids: range = range(0)
    shift: Shift | None = None

    def to_feature(self) -> Feature:
        """Returns the label as a feature of a spec."""
        kind: Kind
        if self.classes:
            kind, width = "categorical", None
        elif self.width is None:
            kind, width = "float", None
        else:
            kind, width = "vector", self.width
        return Feature(kind=kind, role="label", context=not self.per_step, width=width, shift=self.shift)


@dataclass(frozen=True)
class SequenceTask:
    """The inputs and labels of a model.

    Attributes:
      raw: The features before the transform. If the raw records are tf.Examples, the features after the transform.
      inputs: The transformed features that the model reads.
      labels: The transformed features that the model predicts.
      columns: Maps the name of each transformed feature that training needs to how the feature is stored.
      weight: The name of the feature that is the weight of each record, or of each step, in the loss and in means; None
        if there is none.
      embeddings: Maps the names of inputs to pretrained vectors of their ids, float32 `[num_ids, D]`.
      raw_examples: The parsing configuration of raw tf.Examples for `tf.io.parse_example`. Empty for SequenceExamples.
    """

    raw: SequenceSpec
    inputs: tuple[Input, ...]
    labels: tuple[Label, ...]
    columns: dict[str, Column]
    weight: str | None = None
    embeddings: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    raw_examples: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label_features(self) -> dict[str, Feature]:
        """The labels as features of a spec, by name."""
        return {label.name: label.to_feature() for label in self.labels}

    @classmethod
    def load(cls, transform_output: tft.TFTransformOutput, labels: Sequence[str] = ()) -> SequenceTask:
        """Reads the task from the output of SequenceTransform or of TFX's Transform.

        Args:
          transform_output: The transform graph.
          labels: The names of the transformed features to predict. If empty, the schema determines the labels.

        Raises:
          TaskError: if there is no input or no label, a label of strings has no vocabulary, the vocabulary of an input
            has more ids than the schema allows, the weight is not one number per record or per step, or a feature
            cannot be read or served.
          SchemaError: if a schema of SequenceExamples was not written by this package.
        """
        features = read_transformed(transform_output, labels)
        raw, raw_examples = read_raw_spec(transform_output, features, labels)
        if unserved := find_unserved_inputs(raw.with_role("input")):
            raise TaskError(f"{unserved[0]!r}: {INPUT_NAME_RULE}")
        for _, message in find_name_problems(raw):
            raise TaskError(message)

        vocabularies = {
            name: read_id_values(transform_output, name, feature.column, feature.num_ids)
            for name, feature in features.items()
        }
        inputs = tuple(_make_input(name, feature) for name, feature in features.items() if feature.role == "input")
        predicted_labels = tuple(
            _make_label(name, feature, raw, vocabularies, inputs)
            for name, feature in features.items()
            if feature.role == "label"
        )
        _check_roles(features)
        for item in inputs:
            _check_input(item, features[item.name], vocabularies[item.name])

        weight = _find_weight(features, predicted_labels)
        names = [item.name for item in inputs] + [label.name for label in predicted_labels]
        if weight is not None:
            names.append(weight)
        columns = {name: features[name].column for name in names}
        embeddings = _load_embeddings(os.path.dirname(transform_output.transform_savedmodel_dir), inputs)
        return cls(raw, inputs, predicted_labels, columns, weight, embeddings, raw_examples)


def _make_input(name: str, feature: Transformed) -> Input:
    """Makes an input from a transformed feature."""
    column = feature.column
    return Input(
        name,
        num_ids=feature.num_ids,
        width=1 if column.nested else column.width or 1,
        context=column.context,
        nested=column.nested,
        oov_ids=feature.oov_ids,
    )


def _make_label(
    name: str,
    feature: Transformed,
    raw: SequenceSpec,
    vocabularies: Mapping[str, tuple[bytes, ...] | None],
    inputs: tuple[Input, ...],
) -> Label:
    """Makes a label from a transformed feature.

    Raises:
      TaskError: if the feature may have several values in a step, or has ids without names.
    """
    column = feature.column
    if column.nested:
        raise TaskError(
            f"the label {name!r} may have several values in a step, but a label must have one: make it an input, or "
            "let the transform choose one of the values"
        )
    if feature.num_ids is None and column.dtype != "string":
        return Label(name, per_step=not column.context, width=column.width, shift=feature.shift)
    classes = vocabularies[name]
    if classes is None:
        raise TaskError(
            f"the label {name!r} has no vocabulary of its name in the transform graph, so its ids have no names; make "
            "its feature 'categorical' in the spec, or, in a preprocessing_fn of your own, name its vocabulary after "
            f"the label (vocab_filename={name!r})"
        )
    same_ids = []
    for item in inputs:
        has_one_id_per_step = not (item.context or item.nested)
        if has_one_id_per_step and item.num_ids == feature.num_ids and vocabularies[item.name] == classes:
            same_ids.append(item.name)
    return Label(
        name,
        per_step=not column.context,
        classes=classes,
        spans=raw.features[name].spans if name in raw.features else None,
        same_ids=tuple(same_ids),
        oov_ids=feature.oov_ids,
        shift=feature.shift,
    )


def _check_roles(features: Mapping[str, Transformed]) -> None:
    """Raises a TaskError if there is no input or no label."""
    roles = {name: feature.role for name, feature in features.items()}
    for role in ("input", "label"):
        if role not in roles.values():
            raise TaskError(
                f"no transformed feature has the role {role!r}; the features and their roles are {roles}. "
                "Name the labels in SequenceTrainer(labels=[...]) if the schema does not; all other features are inputs"
            )


def _check_input(item: Input, feature: Transformed, vocabulary: tuple[bytes, ...] | None) -> None:
    """Raises a TaskError if an input is a string, or if its vocabulary does not fit into its embedding."""
    if feature.column.dtype == "string":
        raise TaskError(f"the input {item.name!r} is a string; the transform must turn it into ids, or leave it out")
    if vocabulary is None or item.num_ids is None:
        return
    num_ids = len(vocabulary) + 1  # Id 0 is padding, which is not in the vocabulary.
    if num_ids > item.num_ids:
        raise TaskError(
            f"the vocabulary of the input {item.name!r} has {num_ids} ids, padding included, but the "
            f"transformed schema gives it ids up to {item.num_ids - 1}: its embedding would be too small. Run the "
            "transform again, or let the preprocessing_fn set the domain of these ids"
        )


def _find_weight(features: Mapping[str, Transformed], labels: Sequence[Label]) -> str | None:
    """Returns the name of the feature that is the weight of a record or of a step; None if there is none.

    Raises:
      TaskError: if several features are weights, or the weight is not one number per record or per step of a label.
    """
    weights = {name: feature for name, feature in features.items() if feature.role == "weight"}
    for name, feature in weights.items():
        column = feature.column
        is_number = column.dtype in ("float32", "int64") and feature.num_ids is None
        is_single_number = is_number and column.width is None and not column.nested
        if not is_single_number or len(weights) > 1:
            raise TaskError(
                f"the feature {name!r} has the role 'weight', which only one feature may have, with one number per "
                f"record (context = true) or per step; it is {column}"
            )
        if not column.context and not any(label.per_step for label in labels):
            raise TaskError(
                f"the feature {name!r} has the role 'weight' and one number per step, but no label has one value per "
                "step; give it one number per record (context = true)"
            )
    return next(iter(weights), None)


def _load_embeddings(directory: str, inputs: tuple[Input, ...]) -> dict[str, np.ndarray[Any, Any]]:
    """Reads the pretrained vectors of the inputs from the folder of a transform graph.

    Raises:
      TaskError: if an input does not have as many vectors as ids.
    """
    embeddings = {}
    for item in inputs:
        vectors = None if item.num_ids is None else load_embeddings(directory, item.name)
        if vectors is None:
            continue
        if len(vectors) != item.num_ids:
            raise TaskError(
                f"the pretrained embeddings of {item.name!r} have {len(vectors)} rows, but the input has "
                f"{item.num_ids} ids, including padding and out-of-vocabulary; make the transform graph again"
            )
        embeddings[item.name] = vectors
    return embeddings
