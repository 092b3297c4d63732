import itertools

import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion import read_counts as module
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import EmptySplitError, ReadCounts
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject

FAIL = ReadConfig(format="jsonl")
REJECT = ReadConfig(format="jsonl", on_bad_record="reject", max_reject_fraction=0.1)
ALL = ReadConfig(format="jsonl", on_bad_record="reject", max_reject_fraction=1)


def reject(file, record):
    return Reject(reason=Reason.MALFORMED, message="broken", file=file, record=record, line=record + 1)


def make_counts(train, *rejects):
    counts = {"accepted": train, "truncated": 1, "written": {"train": train}}
    return ReadCounts(rejected={"malformed": len(rejects)}, rejects=rejects, **counts)


def test_merge_adds_up_and_keeps_the_first_in_any_order(monkeypatch):
    monkeypatch.setattr(module, "MAX_REJECTS", 3)
    parts = [
        make_counts(1, reject("b", 0), reject("b", 7)),
        make_counts(2, reject("a", 10)),
        make_counts(4, reject("a", 9)),
        ReadCounts(),
    ]
    for order in itertools.permutations(parts):
        total = ReadCounts.merge([ReadCounts.merge(order[:2]), *order[2:]])
        assert (total.accepted, total.truncated, total.rejected, total.written) == (
            7,
            3,
            {"malformed": 4},
            {"train": 7},
        )
        assert total.counts["records_read"] == 11
        assert [(r.file, r.record) for r in total.rejects] == [("a", 9), ("a", 10), ("b", 0)]


def test_counts_go_through_json():
    total = make_counts(3, reject("a", 1))
    assert ReadCounts.model_validate_json(total.model_dump_json()) == total


def test_failure_names_the_first_bad_record_when_none_may_be():
    failure = make_counts(9, reject("a", 3)).find_failure(FAIL, ["train"])
    assert isinstance(failure, BadRecordError)
    assert str(failure).startswith("file a, line 4, record 3\nmalformed: broken")
    assert "on_bad_record" in str(failure)
    assert "not those of the data" not in str(failure)


def test_failure_doubts_the_settings_when_no_record_was_good():
    assert "No record was accepted before it; if others are like it, the format, its options or the features" in str(
        make_counts(0, reject("a", 0)).find_failure(FAIL, ["train"])
    )
    failure = ReadCounts(rejected={"malformed": 1}, rejects=(reject("a", 0),)).find_failure(ALL, ["train"])
    assert isinstance(failure, EmptySplitError)
    assert "the first reject: file a, line 1" in str(failure)
    assert str(failure).endswith("the format, its options or the features are not those of the data")
    assert "on_bad_record" not in str(failure)


def test_failure_shows_a_reject_when_train_alone_is_empty():
    total = ReadCounts(accepted=1, written={"eval": 1}, rejected={"malformed": 1}, rejects=(reject("a", 0),))
    assert "the split 'train' has no record (train: 0, eval: 1); the first reject: file a, line 1" in str(
        total.find_failure(ALL, ["train", "eval"])
    )


@pytest.mark.parametrize(("good", "fails"), [(9, False), (8, True)])
def test_failure_counts_when_more_than_the_fraction_is_bad(good, fails):
    failure = make_counts(good, reject("a", 3)).find_failure(REJECT, ["train"])
    assert (failure is not None) == fails
    if fails:
        assert "1 of 9 records were rejected (1 malformed), more than the fraction of 0.1" in str(failure)
        assert "line 4" in str(failure)


@pytest.mark.parametrize(
    ("written", "splits", "message"),
    [
        ({}, ["a"], "no record was accepted (a: 0)"),
        ({"eval": 3}, ["train", "eval"], "the split 'train' has no record (train: 0, eval: 3)"),
    ],
)
def test_failure_says_which_split_is_empty(written, splits, message):
    failure = ReadCounts(accepted=sum(written.values()), written=written).find_failure(FAIL, splits)
    assert isinstance(failure, EmptySplitError)
    assert message in str(failure)


def test_no_failure_when_another_split_than_train_is_empty():
    assert ReadCounts(accepted=1, written={"train": 1}).find_failure(FAIL, ["train", "eval"]) is None
