"""Padded batches of a dataset: their content, their order, and the limit of memory."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.planning import find_bucket_boundaries
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches

_COLUMNS = {
    "index": Column("int64", context=True),
    "tokens": Column("int64"),
    "words": Column("string"),
    "vector": Column("float32", width=2),
}
_LENGTHS = np.random.default_rng(0).integers(0, 12, 100)
_TOKENS = 48
_TOO_SMALL = 1000  # Bytes: the data is read again in each epoch


def _serialize(index, length):
    record = tf.train.SequenceExample()
    record.context.feature["index"].int64_list.value.append(index)
    lists = record.feature_lists.feature_list
    for step in range(length):
        lists["tokens"].feature.add().int64_list.value.append(1000 * index + step)
        lists["words"].feature.add().bytes_list.value.append(b"w%d" % step)
        lists["vector"].feature.add().float_list.value.extend([index, step])
    return record.SerializeToString()


@pytest.fixture(scope="module")
def records():
    serialized = [_serialize(index, length) for index, length in enumerate(_LENGTHS)]
    return tf.data.Dataset.from_tensor_slices(serialized)


@pytest.fixture(params=[1 << 30, _TOO_SMALL], ids=["in memory", "streamed"])
def make(records, request):
    def _make(**settings):
        batches = SequenceBatches(
            records, _COLUMNS, **{"batch_tokens": _TOKENS, "memory_limit": request.param, **settings}
        )
        assert batches.in_memory == (request.param != _TOO_SMALL)
        return batches

    return _make


def _epoch(batches, number=0):
    return list(batches.make_epoch(number).as_numpy_iterator())


def _indices(epoch):
    return [batch["index"].tolist() for batch in epoch]


@pytest.mark.parametrize("seed", [None, 3])
def test_epoch_holds_every_record_once_padded_to_the_longest_of_its_batch(make, seed):
    epoch = _epoch(make(seed=seed))
    assert sorted(index for batch in _indices(epoch) for index in batch) == list(range(len(_LENGTHS)))
    for batch in epoch:
        steps = max(1, batch["lengths"].max())
        assert batch["lengths"].dtype == np.int64
        assert batch["tokens"].shape == batch["words"].shape == (len(batch["index"]), steps)
        assert batch["vector"].shape == (len(batch["index"]), steps, 2)
        for row, index in enumerate(batch["index"]):
            length = batch["lengths"][row]
            assert length == _LENGTHS[index]
            padding = steps - length
            assert batch["tokens"][row].tolist() == [1000 * index + step for step in range(length)] + [0] * padding
            assert batch["words"][row].tolist() == [b"w%d" % step for step in range(length)] + [b""] * padding
            np.testing.assert_array_equal(batch["vector"][row, :length, 0], [index] * length)
            assert not batch["vector"][row, length:].any()


def test_epoch_keeps_the_budget_and_the_boundaries(make):
    boundaries = find_bucket_boundaries(_LENGTHS, 3)
    for batch in _epoch(make(seed=1, boundaries=boundaries)):
        assert batch["tokens"].size <= _TOKENS
        assert len(set(np.searchsorted(boundaries, np.maximum(1, batch["lengths"])))) == 1


def test_epoch_repeats_itself_when_seed_and_number_are_the_same(make):
    first, second = make(seed=1), make(seed=1)
    assert _indices(_epoch(first, 2)) == _indices(_epoch(second, 2)) == _indices(_epoch(second, 2))


def test_epoch_is_shuffled_anew_when_its_number_or_the_seed_changes(make):
    batches = make(seed=1)
    orders = [_indices(_epoch(batches, 0)), _indices(_epoch(batches, 1)), _indices(_epoch(make(seed=2), 0))]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert {tuple(batch) for batch in orders[0]} != {tuple(batch) for batch in orders[1]}


def test_epoch_has_groups_of_batches_of_similar_lengths(make):
    def wait(group):
        # About 10 batches a chunk, so that chunks end within groups of 3.
        longest = [batch["tokens"].shape[1] for batch in _epoch(make(seed=1, batch_tokens=12, group=group), 1)]
        updates = [longest[at : at + 3] for at in range(0, len(longest), 3)]
        return 1 - sum(longest) / sum(3 * max(update) for update in updates)

    batches = make(seed=1, batch_tokens=12, group=3)
    assert sorted(index for batch in _indices(_epoch(batches, 1)) for index in batch) == list(range(len(_LENGTHS)))
    assert batches.find_records(1, 7).tolist() == _indices(_epoch(batches, 1))[7]
    assert wait(3) < 0.6 * wait(1)


def test_epoch_does_not_depend_on_the_global_seed(make):
    orders = []
    for seed in (1, 2):
        tf.random.set_seed(seed)
        orders.append(_indices(_epoch(make(seed=1), 2)))
    assert orders[0] == orders[1]


def test_epoch_has_one_order_when_there_is_no_seed(make):
    batches = make()
    assert _indices(_epoch(batches, 0)) == _indices(_epoch(batches, 5))


def test_epoch_goes_on_where_it_was_left_when_it_starts_later(make):
    batches = make(seed=1)
    rest = [batch["index"].tolist() for batch in batches.make_epoch(1, start=4).as_numpy_iterator()]
    assert rest == _indices(_epoch(batches, 1))[4:]


def test_size_is_the_number_of_batches_when_the_data_is_kept(make):
    batches = make(seed=1)
    assert batches.count_batches(2) == (len(_epoch(batches, 2)) if batches.in_memory else None)


def test_records_tells_which_are_in_a_batch(make):
    batches = make(seed=1)
    last = len(_indices(_epoch(batches, 2))) - 1
    for index in (0, last):
        positions = batches.find_records(2, index)
        # Record i has the index i.
        assert positions.tolist() == _indices(_epoch(batches, 2))[index]
        contexts = [
            tf.train.SequenceExample.FromString(record).context for record in batches.read_serialized(positions)
        ]
        assert [context.feature["index"].int64_list.value[0] for context in contexts] == positions.tolist()
    with pytest.raises(IndexError, match=f"epoch 2 has {last + 1} batches, so an index is 0 to {last}, not {last + 1}"):
        batches.find_records(2, last + 1)


def test_epoch_is_not_autotuned_so_that_its_end_waits_for_no_thread(make):
    assert make().make_epoch().options().autotune.enabled is False


def test_epoch_declares_shapes_that_every_batch_has(make):
    spec = make().make_epoch().element_spec
    assert spec["tokens"] == tf.TensorSpec([None, None], tf.int64)
    assert spec["vector"] == tf.TensorSpec([None, None, 2], tf.float32)
    assert spec["index"] == spec["lengths"] == tf.TensorSpec([None], tf.int64)


def test_epoch_mixes_across_chunks_when_streamed(records):
    # 4 steps a batch makes chunks of about 47 records: neighbours of the file must meet others.
    batches = SequenceBatches(records, _COLUMNS, batch_tokens=4, seed=1, memory_limit=_TOO_SMALL)
    order = [index for batch in _indices(_epoch(batches)) for index in batch]
    assert sorted(order) == list(range(len(_LENGTHS)))
    assert max(order[:40]) > 60


def test_lengths_are_those_of_the_data_when_it_is_kept(records):
    batches = SequenceBatches(records, _COLUMNS, batch_tokens=_TOKENS)
    np.testing.assert_array_equal(batches.lengths, _LENGTHS)


def test_batches_read_gzip_files(records, tmp_path):
    path = str(tmp_path / "data.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record in records.as_numpy_iterator():
            writer.write(record)
    files = tf.data.TFRecordDataset([path], compression_type="GZIP")
    epoch = _epoch(SequenceBatches(files, _COLUMNS, batch_tokens=_TOKENS))
    assert sum(len(batch["index"]) for batch in epoch) == len(_LENGTHS)


def test_batches_refuse_when_there_are_no_records(records):
    with pytest.raises(ValueError, match="there are no records"):
        SequenceBatches(records.take(0), _COLUMNS, batch_tokens=4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_tokens": 0}, "batch_tokens must be at least 1, but is 0"),
        ({"batch_tokens": 4, "group": 0}, "group must be at least 1, but is 0"),
        ({"batch_tokens": 4, "boundaries": [3, 2]}, r"boundaries must ascend, but are \[3, 2\]"),
        ({"batch_tokens": 4, "columns": {"id": Column("string", True)}}, "at least one sequence column"),
    ],
)
def test_batches_refuse_settings_that_cannot_work(records, settings, message):
    columns = settings.pop("columns", _COLUMNS)
    with pytest.raises(ValueError, match=message):
        SequenceBatches(records, columns, **settings)


def test_batches_name_the_feature_when_a_record_is_ragged():
    record = tf.train.SequenceExample()
    record.feature_lists.feature_list["tokens"].feature.add().int64_list.value.append(1)
    dataset = tf.data.Dataset.from_tensors(record.SerializeToString())
    with pytest.raises(tf.errors.InvalidArgumentError, match="`tags` has"):
        SequenceBatches(dataset, {"tokens": Column("int64"), "tags": Column("int64")}, batch_tokens=8)
