"""Checks that the tensors of a padded request fit together.

TensorFlow does not compare the tensors of a request with the specs of a signature. Without these checks, a request
whose tensors do not fit together is answered: a record is left out, or a step is read from the values of two steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfx_sequence.schemas.contract import LENGTHS

_NO_AXIS = -1
"""Stands in a shape behind the last axis, so that shapes with another number of axes differ."""


def assert_padded(features: Mapping[str, tf.Tensor], specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Adds operations to the graph that fail if the tensors of a request do not fit, and returns the same tensors.

    Args:
      features: The tensors of a request: `lengths`, `[B]`, and the features, `[B, T, ...]` or, for context, `[B, ...]`.
      specs: The spec of each tensor. Axis 1 is T, unless its size is known. Other axes of unknown size may have any
        size.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs on tensors with another number of axes, another number of
        records than `lengths`, fewer steps than the largest length, or another width than their spec, or on a negative
        length.
    """
    lengths = tf.reshape(_hide_shape(features[LENGTHS]), [-1])
    num_records = tf.size(lengths)
    num_steps = tf.cast(tf.reduce_max(tf.concat([lengths, [0]], 0)), tf.int32)  # 0 if there are no records.
    checks = [
        tf.raw_ops.Assert(
            condition=tf.reduce_all(lengths >= 0),
            data=[f"`{LENGTHS}` has a negative number, but a number of steps is at least 0"],
        )
    ]
    for name, spec in specs.items():
        checks.append(_assert_shape(name, features[name], spec, num_records, num_steps))
    # In eager mode the checks have run already, and each result is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(features[name]) for name in specs}


def assert_counts(name: str, counts: tf.Tensor, max_count: tf.Tensor) -> tf.Tensor:
    """Adds an operation that fails if a step has fewer than 0 or more than `max_count` values, and returns the counts.

    Args:
      name: The name of the tensor of counts.
      counts: The number of values in each real step, int64 `[S]`.
      max_count: The number of values in each step of the padded feature, an int64 scalar.
    """
    check = tf.raw_ops.Assert(
        condition=tf.reduce_all((counts >= 0) & (counts <= max_count)),
        data=[f"`{name}` has a number below 0, or above the number of values in a padded step, which is", max_count],
    )
    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(counts)


def _assert_shape(
    name: str, tensor: tf.Tensor, spec: tf.TensorSpec, num_records: tf.Tensor, num_steps: tf.Tensor
) -> tf.Operation | None:
    """Adds an operation that fails if a tensor does not have the shape of its spec for this request."""
    sizes = spec.shape.as_list()
    has_steps = len(sizes) > 1 and sizes[1] is None
    # For each axis, the size that it must have, or the least size if the spec leaves the size open.
    required = [num_records, *sizes[1:]]
    if has_steps:
        required[1] = num_steps
    is_exact = [True, *(size is not None for size in sizes[1:]), True]
    required = tf.stack([*(0 if size is None else size for size in required), _NO_AXIS])
    shape = tf.shape(_hide_shape(tensor))
    # The shape with one more entry than the spec has axes, so that too many axes are seen, and too few do no harm.
    compared = tf.concat([shape, [_NO_AXIS] * len(is_exact)], 0)[: len(is_exact)]
    fits = tf.where(is_exact, tf.equal(compared, required), compared >= required)
    return tf.raw_ops.Assert(
        condition=tf.reduce_all(fits),
        data=[
            f"`{name}` has the shape",
            shape,
            f"but must have {_describe_shape(sizes, has_steps)}: B, the number of `{LENGTHS}`, is",
            num_records,
            "and T, the largest of them or more, is at least",
            num_steps,
        ],
    )


def _hide_shape(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the same tensor without a static shape.

    Otherwise TensorFlow could take the shape of the spec for that of the tensor, and optimise a check away.
    """
    return tf.raw_ops.PlaceholderWithDefault(input=tensor, shape=None)


def _describe_shape(sizes: list[int | None], has_steps: bool) -> str:
    """Describes a shape, such as `[B, T, 2]`."""
    names = ["B", *("any" if size is None else str(size) for size in sizes[1:])]
    if has_steps:
        names[1] = "T"
    return f"[{', '.join(names)}]"
