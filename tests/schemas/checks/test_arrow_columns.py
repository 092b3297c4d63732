import numpy as np
import pytest

from tfx_sequence.schemas.checks.arrow_columns import read_column
from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


@pytest.fixture
def batch(example):
    records = [
        ({"id": "x", "none": []}, {"t": ["a", ["b", "c"], []], "v": [[1.0, 2.0]], "z": [], "hollow": [[]]}),
        ({}, {"t": [], "v": [[3.0]], "z": []}),
        ({"id": ["y", "z"]}, {"v": [[4.0], [5.0]]}),
        ({"id": "w"}, {}),
    ]
    return SequenceExamplesToRecordBatchDecoder(SEQUENCE).DecodeBatch([example(*record) for record in records])


@pytest.mark.parametrize(
    ("name", "context", "values", "counts", "lengths", "present"),
    [
        ("t", False, [b"a", b"b", b"c"], [1, 2, 0], [3, 0, 0, 0], [1, 1, 0, 0]),
        ("v", False, [1, 2, 3, 4, 5], [2, 1, 1, 1], [1, 1, 2, 0], [1, 1, 1, 0]),
        ("z", False, [], [], [0, 0, 0, 0], [1, 1, 0, 0]),
        ("hollow", False, [], [0], [1, 0, 0, 0], [1, 0, 0, 0]),
        ("missing", False, [], [], [0, 0, 0, 0], [0, 0, 0, 0]),
        ("id", True, [b"x", b"y", b"z", b"w"], [1, 2, 1], [1, 0, 1, 1], [1, 0, 1, 1]),
        ("none", True, [], [], [0, 0, 0, 0], [0, 0, 0, 0]),
        ("missing", True, [], [], [0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_column_is_the_feature_without_nesting(batch, name, context, values, counts, lengths, present):
    column = read_column(batch, name, context)
    assert column.values.to_pylist() == values
    assert column.counts.tolist() == counts
    assert column.lengths.tolist() == lengths
    assert column.present.tolist() == [bool(flag) for flag in present]


def test_column_of_a_slice_is_that_of_its_records(batch):
    column = read_column(batch.slice(1, 2), "v", is_context=False)
    assert (column.values.to_pylist(), column.counts.tolist(), column.lengths.tolist()) == (
        [3, 4, 5],
        [1, 1, 1],
        [1, 2],
    )


def test_positions_lead_from_values_to_steps_to_records(batch):
    column = read_column(batch, "t", is_context=False)
    assert column.step_of_value.tolist() == [0, 1, 1]
    assert column.record_of_step.tolist() == [0, 0, 0]
    column = read_column(batch, "v", is_context=False)
    assert column.record_of_step.tolist() == [0, 1, 2, 2]
    assert column.starts.tolist() == [0, 1, 2, 4]
    assert [column.describe_step(step) for step in (0, 2, 3)] == [" at step 0", " at step 0", " at step 1"]
    assert read_column(batch, "id", is_context=True).describe_step(2) == ""


def test_first_of_each_record_is_found(batch):
    column = read_column(batch, "v", is_context=False)
    records, steps = column.find_first_steps(np.array([False, True, True, True]))
    assert (records.tolist(), steps.tolist()) == ([1, 2], [1, 2])
    records, values = column.find_first_values(np.array([False, True, False, False, True]))
    assert (records.tolist(), values.tolist()) == ([0, 2], [1, 4])
    assert [array.tolist() for array in column.find_first_steps(np.zeros(4, bool))] == [[], []]


def test_records_with_another_number_of_values_in_a_step_lose_their_steps(batch):
    column = read_column(batch, "v", is_context=False).with_one_value_per_step()
    assert (column.values.to_pylist(), column.counts.tolist(), column.lengths.tolist()) == (
        [3, 4, 5],
        [1, 1, 1],
        [0, 1, 2, 0],
    )
    assert read_column(batch, "t", is_context=False).with_one_value_per_step().lengths.tolist() == [0, 0, 0, 0]


def test_value_is_shown_as_text(example):
    batch = SequenceExamplesToRecordBatchDecoder(SEQUENCE).DecodeBatch(
        [example({}, {"t": ["ğ", b"\xff"], "n": [1, 2]})]
    )
    column = read_column(batch, "t", is_context=False)
    assert [column.read_value(0), column.read_value(np.int64(1))] == ["ğ", "\\xff"]
    assert read_column(batch, "n", is_context=False).read_value(1) == 2
