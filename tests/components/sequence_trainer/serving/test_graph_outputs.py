"""What a transform graph returns, as the columns of a batch: a step with a wrong number of values is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import convert_to_columns

VECTORS = {"x": Column("float32", width=2)}
NUMBERS = {"x": Column("float32")}


@pytest.mark.parametrize("wrap", [lambda function: function, tf.function], ids=["eager", "graph"])
@pytest.mark.parametrize(
    ("columns", "steps", "good"),
    [
        (VECTORS, [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]]], True),
        (VECTORS, [[[1.0], [2.0, 3.0, 4.0]]], False),
        (VECTORS, [[[1.0]], [[2.0, 3.0, 4.0]]], False),
        (NUMBERS, [[[1.0]], [[2.0], [3.0]]], True),
        (NUMBERS, [[[], [1.0, 2.0]]], False),
    ],
    ids=["vectors", "1 and 3", "1 and 3 of two records", "numbers", "0 and 2"],
)
def test_step_with_a_wrong_number_of_values_is_refused_by_name(
    wrap: Callable[..., Callable[..., tf.RaggedTensor]],
    columns: dict[str, Column],
    steps: list[list[list[float]]],
    good: bool,
) -> None:
    convert = wrap(lambda x: convert_to_columns({"x": x}, columns)["x"])
    value = tf.ragged.constant(steps, dtype=tf.float32, ragged_rank=2, row_splits_dtype=tf.int64)
    if good:
        expected = steps if columns is VECTORS else [[number for (number,) in record] for record in steps]
        assert convert(value).to_list() == expected
        return
    with pytest.raises(tf.errors.InvalidArgumentError, match="`x` has a step that does not have"):
        convert(value)
