import gzip
import json
import subprocess
import sys

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.ingestion import sorted_runs as runs
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import DamagedFilesError, EmptySplitError
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"tokens": Feature(kind="token"), "n": Feature(kind="integer", context=True)})
FAIL = ReadConfig(format="jsonl")
REJECT = ReadConfig(format="jsonl", on_bad_record="reject", max_reject_fraction=0.5)
TRAIN = SplitConfig(shares={"train": 1})


def lines(numbers):
    return "".join(json.dumps({"tokens": ["w"] * (1 + n % 3), "n": n}) + "\n" for n in numbers).encode()


def numbers(folder):
    """The `n` of the records of each file of a split, in order."""
    files = sorted(folder.iterdir())
    return [[decode(SPEC, data.numpy())["n"] for data in tf.data.TFRecordDataset(str(f), "GZIP")] for f in files]


def files_of(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_every_record_is_in_one_split_and_every_split_is_there_when_empty(run, tmp_path):
    split = SplitConfig(shares={"train": 8, "eval": 1, "never": 1}, by="index")
    read_counts = run({"a": lines(range(9)), "b": lines(range(10, 19))}, SPEC, FAIL, split)
    assert sorted(numbers(tmp_path / "out/Split-train")[0]) == [*range(8), *range(10, 18)]
    assert sorted(numbers(tmp_path / "out/Split-eval")[0]) == [8, 18]
    assert numbers(tmp_path / "out/Split-never") == [[]]
    assert (read_counts.accepted, read_counts.written) == (18, {"train": 16, "eval": 2})
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["Split-eval", "Split-never", "Split-train"]


def test_shards_have_stock_names_and_hold_all_records(run, tmp_path):
    run({"a": lines(range(500))}, SPEC, FAIL, TRAIN, WriteConfig(num_shards=3))
    folder = tmp_path / "out/Split-train"
    assert sorted(file.name for file in folder.iterdir()) == [f"data_tfrecord-0000{i}-of-00003.gz" for i in range(3)]
    shards = numbers(folder)
    assert sorted(n for shard in shards for n in shard) == list(range(500))
    assert all(120 < len(shard) < 220 and shard != sorted(shard) for shard in shards)


@pytest.mark.parametrize("run_bytes", [1, 1 << 26])
def test_order_is_that_of_reading_over_all_shards_when_not_shuffled(run_bytes, run, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUN_BYTES", run_bytes)
    write = WriteConfig(num_shards=3, shuffle=False)
    run({"a": lines(range(7)), "b": lines(range(7, 11))}, SPEC, FAIL, TRAIN, write)
    assert numbers(tmp_path / "out/Split-train") == [[0, 1, 2], [3, 4, 5, 6], [7, 8, 9, 10]]


def test_bytes_do_not_depend_on_how_the_input_is_cut(run, tmp_path, monkeypatch):
    split = SplitConfig(shares={"train": 2, "eval": 1})
    run({"a": lines(range(300))}, SPEC, FAIL, split, WriteConfig(num_shards=2), output="one")
    monkeypatch.setattr(runs, "RUN_BYTES", 5000)
    halves = {"b": lines(range(150, 300)), "c": gzip.compress(lines(reversed(range(150))))}
    run(halves, SPEC, FAIL, split, WriteConfig(num_shards=2), output="two")
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


@pytest.mark.slow
def test_bytes_do_not_depend_on_the_number_of_workers(run, tmp_path):
    files = {name: lines(range(start, start + 100)) for start, name in ((0, "a"), (100, "b"), (200, "c"))}
    workers = PipelineOptions(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    write = WriteConfig(num_shards=2)
    run(files, SPEC, FAIL, SplitConfig(), write, output="one")
    run(files, SPEC, FAIL, SplitConfig(), write, output="two", make_pipeline=lambda: beam.Pipeline(options=workers))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


COUNTS = {
    "records_read": 14,
    "records_accepted": 10,
    "records_rejected": 4,
    "records_truncated": 0,
    "files_matched": 3,
    "files_whole": 3,
    "files_damaged": 0,
}


def test_rejects_are_written_and_counted_and_add_up(run, tmp_path):
    files = {"a": lines(range(5)) + b"{\n[1]\n" + lines(range(5, 9)), "b": b"", "c": b"\xff\n" + lines([9])}
    made = []

    def make_pipeline():
        made.append(beam.Pipeline())
        return made[0]

    read_counts = run(files, SPEC, REJECT, TRAIN, make_pipeline=make_pipeline)
    assert read_counts.counts == COUNTS
    assert read_counts.rejected == {"malformed": 3, "empty_file": 1}
    text = (tmp_path / "out/Rejects/rejects.jsonl").read_text()
    rejects = [Reject.model_validate_json(line) for line in text.splitlines()]
    assert [(r.file[-1], r.line, r.record, r.offset, r.reason) for r in rejects] == [
        ("a", 6, 5, None, Reason.MALFORMED),
        ("a", 7, 6, None, Reason.MALFORMED),
        ("b", None, None, None, Reason.EMPTY_FILE),
        ("c", 1, 0, None, Reason.MALFORMED),
    ]
    counters = made[0].result.metrics().query(MetricsFilter().with_namespace("tfx_sequence.SequenceExampleGen"))
    counts = {counter.key.metric.name: counter.committed for counter in counters["counters"]}
    assert counts == COUNTS


@pytest.mark.parametrize(
    ("files", "read", "error", "message"),
    [
        (
            {"a": lines(range(5)) + b"{\n"},
            FAIL,
            BadRecordError,
            r"a, line 6, record 5\nmalformed: the text is not JSON",
        ),
        ({"a": lines([1]), "b": b"1\n"}, FAIL, BadRecordError, "b, line 1, record 0\nmalformed"),
        ({"a": b""}, FAIL, BadRecordError, "empty_file: the file holds no record"),
        ({"a": lines([1]) + b"{\n{\n"}, REJECT, BadRecordError, "2 of 3 records were rejected"),
        (
            {"a": b"{\n"},
            REJECT.model_copy(update={"max_reject_fraction": 1}),
            EmptySplitError,
            "no record was accepted",
        ),
    ],
)
def test_a_failing_run_raises_one_clear_error_and_leaves_nothing(files, read, error, message, run, tmp_path):
    with pytest.raises(error, match=message) as raised:
        run(files, SPEC, read, TRAIN)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert list((tmp_path / "out").iterdir()) == []


CUT = gzip.compress(lines(range(2000)))[:-400]


def test_records_before_the_damage_are_kept_and_the_file_is_counted(run, tmp_path):
    read = FAIL.model_copy(update={"max_damaged_files": 1})
    read_counts = run({"a": CUT, "b": lines([7])}, SPEC, read, TRAIN)
    counts = read_counts.counts
    assert (counts["files_matched"], counts["files_whole"], counts["files_damaged"]) == (2, 1, 1)
    assert 1000 < counts["records_accepted"] < 2001
    (damaged_file,) = read_counts.damaged_files
    assert damaged_file.file.endswith("/a")
    assert damaged_file.num_records == counts["records_accepted"] - 1
    (line,) = (tmp_path / "out/Rejects/damaged_files.jsonl").read_text().splitlines()
    assert DamagedFile.model_validate_json(line) == damaged_file


def test_a_damaged_file_fails_the_run_unless_it_is_allowed(run, tmp_path):
    message = r"2 of 3 files cannot be read to their end, more than the 1 (.|\n)*/a: the compressed data is cut off"
    with pytest.raises(DamagedFilesError, match=message):
        run({"a": CUT, "b": CUT, "c": lines([1])}, SPEC, REJECT.model_copy(update={"max_damaged_files": 1}), TRAIN)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_error_of_the_file_system_ends_the_run_whatever_is_allowed(run, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    everything = REJECT.model_copy(update={"max_damaged_files": 9, "max_reject_fraction": 1})
    open_file = file_system.open_file

    def open_output(path, *arguments):
        return refuse(path) if "/in/" in path else open_file(path, *arguments)

    monkeypatch.setattr(file_system, "open_file", open_output)
    with pytest.raises(Exception, match=r"a cannot be read: .*Permission denied"):
        run({"a": lines([1])}, SPEC, everything, TRAIN)


def test_an_empty_train_split_is_an_error_that_says_so(run):
    split = SplitConfig(shares={"eval": 1, "train": 1}, by="index")
    with pytest.raises(EmptySplitError, match="the split 'train' has no record"):
        run({"a": lines([1])}, SPEC, FAIL, split)


def test_a_failure_within_the_pipeline_leaves_nothing(run, tmp_path, monkeypatch):
    module = "tfx_sequence.components.sequence_example_gen.ingestion.write_stage.write_tfrecords"
    monkeypatch.setattr(module, lambda *args: 1 / 0)
    with pytest.raises(Exception, match="division by zero"):
        run({"a": lines([1])}, SPEC, FAIL, TRAIN)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_sequence_of_200_000_steps_goes_through_among_short_ones(run, tmp_path):
    long = {"tokens": [f"w{i % 1000}" for i in range(200_000)], "n": 1}
    run(
        {"a": lines([0]) + json.dumps(long).encode() + b"\n" + lines([2])},
        SPEC,
        FAIL,
        TRAIN,
        WriteConfig(shuffle=False),
    )
    (path,) = (tmp_path / "out/Split-train").iterdir()
    records = [decode(SPEC, data.numpy()) for data in tf.data.TFRecordDataset(str(path), "GZIP")]
    assert [record["n"] for record in records] == [0, 1, 2]
    assert records[1] == long


@pytest.mark.slow
def test_memory_is_bounded_and_one_bad_row_in_a_hundred_is_counted(tmp_path):
    def peak(count):
        good = json.dumps({"tokens": ["word"] * 20, "n": 1})
        text = "".join(("{\n" if i % 100 == 50 else f"{good}\n") for i in range(count))
        (tmp_path / f"{count}.jsonl").write_text(text)
        output = subprocess.run(
            [sys.executable, "-c", CHILD, str(tmp_path), str(count)], check=True, stdout=subprocess.PIPE
        )
        read, rejected, megabytes = json.loads(output.stdout)
        assert (read, rejected) == (count, count // 100)
        return megabytes

    assert peak(400_000) < peak(40_000) + 100


CHILD = """
import json, resource, sys
from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.schemas.spec import Feature, SequenceSpec
folder, count = sys.argv[1:]
spec = SequenceSpec(features={"tokens": Feature(kind="token"), "n": Feature(kind="integer", context=True)})
read = ReadConfig(format="jsonl", on_bad_record="reject", max_reject_fraction=0.02)
counts = convert([f"{folder}/{count}.jsonl"], f"{folder}/out-{count}", spec=spec, read=read).counts
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(json.dumps([counts["records_read"], counts["records_rejected"], peak]))
"""
