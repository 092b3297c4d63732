"""Defines the signatures of an exported model: the request that each takes, its answers, and the method behind it.

To add a signature, add a row here and a method to ServingModel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import tensorflow as tf

from tfx_sequence.schemas import contract

Answers = Mapping[str, tf.Tensor]
"""The name of each output of a signature, with its tensor."""

ConcreteFunction = Any
"""A `ConcreteFunction` of TensorFlow, whose class is private."""

RequestSpec: TypeAlias = tf.TensorSpec | dict[str, tf.TensorSpec]
"""The spec of the argument of a method: one tensor, or a dict of tensors by name."""

RequestKind = Literal["examples", "sequences"]
"""The kinds of request.

`examples`: one tensor of serialized records, `[B]`. `sequences`: one padded tensor per raw input, and `lengths`.
"""


def add_axis_to_record_strings(answers: Answers) -> dict[str, tf.Tensor]:
    """Reshapes strings `[B]` to `[B, 1]`, because the stock BulkInferrer fails on strings `[B]`."""
    return {
        name: value[:, None] if value.dtype == tf.string and value.shape.rank == 1 else value
        for name, value in answers.items()
    }


@dataclass(frozen=True)
class Signature:
    """One signature of an exported model.

    Attributes:
      name: The name of the signature in the SavedModel.
      request: The kind of request that the signature takes.
      answers: A description of the answers. docs/serving.md contains the same text.
      method: The name of the method of ServingModel that computes the answers.
      convert: A function that converts the answers of the method; None if they are not converted.
    """

    name: str
    request: RequestKind
    answers: str
    method: str
    convert: Callable[[Answers], Answers] | None = None


SIGNATURES = (
    Signature(contract.SERVING_DEFAULT, "examples", "answers", "answer_examples"),
    Signature(
        contract.BULK_INFERENCE,
        "examples",
        "as `serving_default`, but `[B, 1]` for a string label of the whole record",
        "answer_examples",
        convert=add_axis_to_record_strings,
    ),
    Signature(contract.SERVE_SEQUENCES, "sequences", "answers", "answer_sequences"),
    Signature(
        contract.EVALUATION,
        "examples",
        "answers, and for each label L `L_label`, `L_cross_entropy` and, if the data has weights, `L_weight`",
        "answer_evaluation",
    ),
    Signature(contract.SLICES, "examples", "`length_bucket`, string `[B]`", "compute_slices"),
    Signature(
        contract.TRANSFORM_FEATURES,
        "examples",
        "all features that training reads, padded, and `lengths`",
        "transform_features",
    ),
    Signature(contract.TRANSFORMED_LABELS, "examples", "the ids of the labels, padded", "transform_labels"),
)


def trace_signatures(model: object, specs: Mapping[RequestKind, RequestSpec]) -> dict[str, ConcreteFunction]:
    """Traces the method of each signature.

    Args:
      model: The ServingModel.
      specs: The kinds of request that the model can take, each with the spec of its argument. Signatures that take
        another kind of request are left out.

    Returns:
      The name of each signature with its concrete function, as `tf.saved_model.save` takes them.
    """
    signatures = [signature for signature in SIGNATURES if signature.request in specs]
    # Signatures with the same method share one function, so that the SavedModel contains its graph only once.
    request_of_method = {signature.method: signature.request for signature in signatures}
    functions = {
        method: tf.function(getattr(model, method), input_signature=[specs[request]])
        for method, request in request_of_method.items()
    }
    traced: dict[str, ConcreteFunction] = {}
    for signature in signatures:
        function = functions[signature.method]
        if signature.convert is not None:
            function = _compose(function, signature.convert)
        traced[signature.name] = tf.function(function).get_concrete_function(specs[signature.request])
    return traced


def _compose(function: Callable[[Any], Answers], convert: Callable[[Answers], Answers]) -> Callable[[Any], Answers]:
    """Returns a function that calls `function` and then converts its answers."""
    return lambda requests: convert(function(requests))
