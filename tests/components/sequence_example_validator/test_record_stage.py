import json

import apache_beam as beam
import pytest

from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

SPEC = SequenceSpec(
    features={"tokens": Feature(kind="token"), "id": Feature(kind="token", role="key", context=True)}, max_length=3
)


def make_pipeline():
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


@pytest.fixture
def check(tmp_path):
    def run(*files, spec=SPEC):
        outputs = {file.split: str(tmp_path / f"{file.split}.json") for file in files}
        return check_files(list(files), to_schema(spec), outputs, make_pipeline)

    return run


def found(findings):
    return {
        (str(group.reason), group.feature): (group.count, [(r.file, r.record, r.key) for r in group.first_rejects])
        for group in findings.groups
    }


def test_records_are_named_by_file_position_and_key(write, check, tmp_path):
    one = write("one.gz", ("a", 1), ("b", 9))
    two = write("two.gz", ("c", 0), ("d", 3), ("e", 4))
    test = write("test.gz", ("f", 1))
    findings_by_split = check(ExampleFile("train", one), ExampleFile("train", two), ExampleFile("test", test))
    assert {split: findings.records for split, findings in findings_by_split.items()} == {"train": 5, "test": 1}
    assert found(findings_by_split["train"]) == {
        ("too_long", ""): (2, [(one, 1, "b"), (two, 2, "e")]),
        ("empty_sequence", ""): (1, [(two, 0, "c")]),
    }
    assert found(findings_by_split["test"]) == {}
    written = json.loads((tmp_path / "train.json").read_text())
    assert [group["reason"] for group in written["groups"]] == ["empty_sequence", "too_long"]


def test_key_used_twice_is_found_within_a_split_and_between_splits(write, check):
    train = write("train.gz", ("a", 1), ("b", 1), ("a", 2))
    test = write("test.gz", ("b", 1), ("c", 1))
    findings_by_split = check(ExampleFile("train", train), ExampleFile("test", test))
    assert found(findings_by_split["train"]) == {
        ("duplicate_key", "id"): (3, [(train, 0, "a"), (train, 1, "b"), (train, 2, "a")])
    }
    assert found(findings_by_split["test"]) == {("duplicate_key", "id"): (1, [(test, 0, "b")])}


def test_features_of_no_key_are_not_compared(write, check):
    keyless = SPEC.model_copy(update={"features": {"tokens": Feature(kind="token")}})
    assert found(check(ExampleFile("train", write("f.gz", ("a", 1), ("a", 1))), spec=keyless)["train"]) == {}


def test_more_records_than_a_batch_keep_their_positions(write, check):
    path = write("many.gz", *((str(i), 9 if i in (511, 512, 600) else 1) for i in range(601)))
    findings = check(ExampleFile("train", path))["train"]
    assert findings.records == 601
    assert found(findings) == {("too_long", ""): (3, [(path, i, str(i)) for i in (511, 512, 600)])}


def test_split_without_records_has_no_findings(write, check):
    assert check(ExampleFile("train", write("empty.gz")))["train"].groups == ()


def test_file_that_is_cut_off_is_named_and_its_records_are_checked(write, check, tmp_path):
    path = write("cut.gz", ("a", 9), ("b", 1), ("c", 1), compression="")
    with open(path, "r+b") as file:
        file.truncate(file.seek(0, 2) - 5)
    findings = check(ExampleFile("train", path))["train"]
    assert found(findings) == {
        ("too_long", ""): (1, [(path, 0, "a")]),
        ("undecodable", ""): (1, [(path, 2, None)]),
    }
    assert "the file is cut off or damaged after 2 records: " in findings.groups[1].first_rejects[0].message
