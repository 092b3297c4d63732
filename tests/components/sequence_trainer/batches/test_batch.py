"""Which keys of a batch are features, and which are the package's own."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import RESERVED_NAMES
from tfx_sequence.components.sequence_trainer.batches.parsing import Column, check_columns
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches


def test_batch_has_the_columns_the_lengths_and_the_counts_of_nested_columns() -> None:
    record = tf.train.SequenceExample()
    record.context.feature["intent"].int64_list.value.append(3)
    for name in ("tokens", "parts"):
        record.feature_lists.feature_list[name].feature.add().int64_list.value.append(1)
    columns = {
        "parts": Column("int64", nested=True),
        "intent": Column("int64", context=True),
        "tokens": Column("int64"),
    }
    records = tf.data.Dataset.from_tensors(record.SerializeToString())
    (batch,) = SequenceBatches(records, columns, batch_tokens=8).make_epoch()
    assert set(batch) == {*columns, "lengths", "parts/lengths"}
    np.testing.assert_array_equal(batch["parts/lengths"], [[1]])


@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_check_columns_refuses_a_column_when_its_name_is_reserved(name: str) -> None:
    with pytest.raises(ValueError, match=f"a column cannot be called '{name}'"):
        check_columns({name: Column("int64")})


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (Column("float32", width=0), "the width of the column 'x' must be at least 1, but is 0"),
        (Column("int64", context=True, nested=True), "the column 'x' is nested, so it must have steps, but is in the"),
    ],
)
def test_check_columns_refuses_columns_that_no_record_can_have(column: Column, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_columns({"tokens": Column("int64"), "x": column})
