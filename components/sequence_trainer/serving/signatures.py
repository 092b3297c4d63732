"""The table of the signatures of an exported model: what each takes and answers, and the method that computes it.

To add a signature, add a row here and a method to ServingModel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from tfx_sequence.schemas import contract

Answers = Mapping[str, tf.Tensor]
RequestKind = Literal["examples", "sequences"]
"""`examples`: a tensor of serialized records, `[B]`. `sequences`: a padded tensor for each raw input, and `lengths`."""


def add_axis_to_record_strings(answers: Answers) -> dict[str, tf.Tensor]:
    """Turns strings `[B]` into `[B, 1]`. Stock BulkInferrer fails on `[B]`."""
    return {
        name: value[:, None] if value.dtype == tf.string and value.shape.rank == 1 else value
        for name, value in answers.items()
    }


@dataclass(frozen=True)
class Signature:
    """One signature of an exported model.

    Attributes:
      name: Its name in the SavedModel.
      takes: The kind of request that it takes.
      answers: What it answers, in the words of docs/serving.md.
      method: The method of ServingModel that computes it.
      convert: Applied to what the method returns.
    """

    name: str
    takes: RequestKind
    answers: str
    method: str
    convert: Callable[[Answers], Answers] | None = None


SIGNATURES = (
    Signature(contract.SERVING_DEFAULT, "examples", "answers", "answer_examples"),
    Signature(
        contract.BULK_INFERENCE,
        "examples",
        "the same, but the string of one label a record is `[B, 1]`",
        "answer_examples",
        convert=add_axis_to_record_strings,
    ),
    Signature(contract.SERVE_SEQUENCES, "sequences", "answers", "answer_sequences"),
    Signature(
        contract.EVALUATION,
        "examples",
        "answers, and for a label L `L_label`, `L_cross_entropy`",
        "answer_evaluation",
    ),
    Signature(contract.SLICES, "examples", "`length_bucket`, string `[B]`", "compute_slices"),
    Signature(
        contract.TRANSFORM_FEATURES,
        "examples",
        "all that training reads, padded, and `lengths`",
        "transform_features",
    ),
    Signature(contract.TRANSFORMED_LABELS, "examples", "the labels' ids, padded", "transform_labels"),
)


def trace_signatures(model: object, specs: Mapping[RequestKind, Any]) -> dict[str, Any]:
    """Traces the methods of a ServingModel for all signatures whose kind of request the model can take.

    Args:
      model: The ServingModel.
      specs: What the argument of the methods looks like, for each kind of request.

    Returns:
      Name to concrete function, as `tf.saved_model.save` takes them.
    """
    traced: dict[str, Any] = {}
    functions: dict[str, Any] = {}
    for row in SIGNATURES:
        if row.takes not in specs:
            continue
        spec = specs[row.takes]
        # Signatures with one method share one function, so that its graph is in the SavedModel once.
        if row.method not in functions:
            functions[row.method] = tf.function(getattr(model, row.method), input_signature=[spec])
        function = _compose(functions[row.method], row.convert) if row.convert else functions[row.method]
        traced[row.name] = tf.function(function).get_concrete_function(spec)
    return traced


def _compose(function: Callable[[Any], Answers], convert: Callable[[Answers], Answers]) -> Callable[[Any], Answers]:
    return lambda requests: convert(function(requests))
