import gzip
import json

import apache_beam as beam
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.schemas.records.rejects import BadRecordError
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

SPEC = SequenceSpec(
    features={"tokens": Feature(kind="token"), "id": Feature(kind="token", role="key", context=True)}, max_length=3
)


def make_pipeline():
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


@pytest.fixture
def write(tmp_path, make_example):
    """Writes a file of records given by their key and length."""

    def to_file(name, *records, compression="GZIP"):
        path = str(tmp_path / name)
        with tf.io.TFRecordWriter(path, compression) as writer:
            for key, length in records:
                writer.write(make_example({"id": key}, {"tokens": ["a"] * length}))
        return path

    return to_file


@pytest.fixture
def check(tmp_path):
    def run(*files, spec=SPEC):
        outputs = {file.split: str(tmp_path / f"{file.split}.json") for file in files}
        return check_files(list(files), to_schema(spec), outputs, make_pipeline)

    return run


def found(tally):
    return {
        (str(group.reason), group.feature): (group.count, [(r.file, r.record, r.key) for r in group.named])
        for group in tally.groups
    }


def test_records_are_named_by_file_position_and_key(write, check, tmp_path):
    one = write("one.gz", ("a", 1), ("b", 9))
    two = write("two.gz", ("c", 0), ("d", 3), ("e", 4))
    test = write("test.gz", ("f", 1))
    tallies = check(ExampleFile("train", one), ExampleFile("train", two), ExampleFile("test", test))
    assert {split: tally.records for split, tally in tallies.items()} == {"train": 5, "test": 1}
    assert found(tallies["train"]) == {
        ("too_long", ""): (2, [(one, 1, "b"), (two, 2, "e")]),
        ("empty_sequence", ""): (1, [(two, 0, "c")]),
    }
    assert found(tallies["test"]) == {}
    written = json.loads((tmp_path / "train.json").read_text())
    assert [group["reason"] for group in written["groups"]] == ["empty_sequence", "too_long"]


def test_key_used_twice_is_found_within_a_split_and_between_splits(write, check):
    train = write("train.gz", ("a", 1), ("b", 1), ("a", 2))
    test = write("test.gz", ("b", 1), ("c", 1))
    tallies = check(ExampleFile("train", train), ExampleFile("test", test))
    assert found(tallies["train"]) == {
        ("duplicate_key", "id"): (3, [(train, 0, "a"), (train, 1, "b"), (train, 2, "a")])
    }
    assert found(tallies["test"]) == {("duplicate_key", "id"): (1, [(test, 0, "b")])}


def test_features_of_no_key_are_not_compared(write, check):
    keyless = SPEC.model_copy(update={"features": {"tokens": Feature(kind="token")}})
    assert found(check(ExampleFile("train", write("f.gz", ("a", 1), ("a", 1))), spec=keyless)["train"]) == {}


def test_more_records_than_a_batch_keep_their_positions(write, check):
    path = write("many.gz", *((str(i), 9 if i in (511, 512, 600) else 1) for i in range(601)))
    tally = check(ExampleFile("train", path))["train"]
    assert tally.records == 601
    assert found(tally) == {("too_long", ""): (3, [(path, i, str(i)) for i in (511, 512, 600)])}


def test_split_without_records_has_an_empty_tally(write, check):
    assert check(ExampleFile("train", write("empty.gz")))["train"].groups == ()


def test_file_that_is_cut_off_is_named_and_its_records_are_checked(write, check, tmp_path):
    path = write("cut.gz", ("a", 9), ("b", 1), ("c", 1), compression="")
    with open(path, "r+b") as file:
        file.truncate(file.seek(0, 2) - 5)
    tally = check(ExampleFile("train", path))["train"]
    assert found(tally) == {
        ("too_long", ""): (1, [(path, 0, "a")]),
        ("undecodable", ""): (1, [(path, 2, None)]),
    }
    assert "the file is cut off or damaged after 2 records: " in tally.groups[1].named[0].message


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_batches_hold_all_records_in_order(write, compression):
    path = write("data", *((str(i), 1) for i in range(600)), compression=compression)
    batches = list(read_batches(path))
    assert [len(batch) for batch in batches] == [512, 88]
    ids = [tf.train.SequenceExample.FromString(r).context.feature["id"].bytes_list.value[0] for b in batches for r in b]
    assert ids == [str(i).encode() for i in range(600)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (gzip.compress(b"tokens and labels, and no record" * 9, mtime=0), "the header of a record is damaged"),
        (b"short", "the header of a record is damaged"),
        (
            gzip.compress(b"x" * 10_000, mtime=0)[:20],
            "Compressed file ended before the end-of-stream marker was reached",
        ),
        (b"\x1f\x8b and then something else", "Unknown compression method"),
    ],
)
def test_file_that_is_no_tfrecord_is_refused(tmp_path, data, problem):
    path = tmp_path / "data.gz"
    path.write_bytes(data)
    with pytest.raises(BadRecordError, match=f"the file is cut off or damaged after 0 records: {problem}"):
        list(read_batches(str(path)))


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_damaged_byte_never_changes_a_record(write, compression):
    path = write("data", ("a", 1), ("b", 1), compression=compression)
    with open(path, "rb") as file:
        data = file.read()
    (whole,) = read_batches(path)
    for position in range(len(data)):
        with open(path, "wb") as file:
            file.write(data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :])
        read = []
        try:
            read.extend(record for batch in read_batches(path) for record in batch)
        except BadRecordError:
            assert read == whole[: len(read)], position
        else:
            # Some bits of a gzip stream mean nothing.
            assert compression
            assert read == whole, position
