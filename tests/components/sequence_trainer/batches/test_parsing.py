"""Parsing of SequenceExamples."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column, check_columns, parse_records

_COLUMNS = {
    "id": Column("string", context=True),
    "point": Column("float32", context=True, width=2),
    "tokens": Column("int64"),
    "vector": Column(tf.float32, width=3),
    "words": Column("string"),
}


def _record(tokens, words=None, vectors=None, name=b"r"):
    record = tf.train.SequenceExample()
    record.context.feature["id"].bytes_list.value.append(name)
    record.context.feature["point"].float_list.value.extend([1.0, 2.0])
    lists = record.feature_lists.feature_list
    for token in tokens:
        lists["tokens"].feature.add().int64_list.value.append(token)
    for word in [b"w"] * len(tokens) if words is None else words:
        lists["words"].feature.add().bytes_list.value.append(word)
    for vector in [[0.5] * 3] * len(tokens) if vectors is None else vectors:
        lists["vector"].feature.add().float_list.value.extend(vector)
    return record.SerializeToString()


def test_parse_records_lays_steps_end_to_end():
    records = parse_records(
        tf.constant([_record([4, 5], name=b"a"), _record([]), _record([6], words=[b"z"], vectors=[[1, 2, 3]])]),
        _COLUMNS,
    )
    assert records.lengths.numpy().tolist() == [2, 0, 1]
    assert records.lengths.dtype == tf.int64
    assert records.steps["tokens"].numpy().tolist() == [4, 5, 6]
    assert records.steps["words"].numpy().tolist() == [b"w", b"w", b"z"]
    assert records.steps["vector"].numpy().tolist() == [[0.5] * 3, [0.5] * 3, [1, 2, 3]]
    assert records.context["id"].numpy().tolist() == [b"a", b"r", b"r"]
    assert records.context["point"].shape == (3, 2)


def test_parse_records_names_feature_and_record_when_lengths_differ():
    serialized = tf.constant([_record([1]), _record([1, 2, 3], words=[b"x", b"y"])])
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        parse_records(serialized, _COLUMNS)
    message = str(error.value)
    assert "`words` has" in message
    assert "steps where `tokens` has" in message
    assert [int(token) for token in np.char.strip(message.split()) if token.isdigit()][:3] == [2, 3, 1]


def test_parse_records_names_feature_and_step_when_a_step_has_another_number_of_values():
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"`vector` must have 3 value\(s\) in each step"):
        parse_records(tf.constant([_record([1, 2], vectors=[[1, 2, 3], [1, 2]])]), _COLUMNS)


def test_parse_records_checks_inside_a_dataset_too():
    dataset = tf.data.Dataset.from_tensors([_record([1, 2], words=[b"x"])]).map(lambda s: parse_records(s, _COLUMNS))
    with pytest.raises(tf.errors.InvalidArgumentError, match="`words` has"):
        list(dataset)


def test_parse_records_fails_when_a_context_value_is_missing():
    record = tf.train.SequenceExample()
    with pytest.raises(tf.errors.InvalidArgumentError, match="id"):
        parse_records(tf.constant([record.SerializeToString()]), _COLUMNS)


def test_check_columns_refuses_when_no_column_is_of_a_sequence():
    with pytest.raises(ValueError, match="at least one sequence column"):
        check_columns({"id": Column("string", context=True)})


def test_check_columns_refuses_when_a_column_takes_the_name_of_the_lengths():
    with pytest.raises(ValueError, match="cannot be called 'lengths'"):
        check_columns({"lengths": Column("int64")})
