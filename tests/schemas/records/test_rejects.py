import pickle

import pytest

from tfx_sequence.schemas.records.rejects import EXCERPT_LENGTH, BadRecordError, Reason, Reject, bad_record, clip

REJECT = Reject(
    reason=Reason.WRONG_TYPE, message="`t` has 1, an int, expected a string", file="a.jsonl", line=3, record=2, key="s1"
)


@pytest.mark.parametrize("reason", Reason)
def test_reject_survives_pickle_and_json(reason):
    reject = REJECT.model_copy(update={"reason": reason})
    assert pickle.loads(pickle.dumps(reject)) == reject
    assert Reject.model_validate_json(reject.model_dump_json()) == reject


@pytest.mark.parametrize("message", [None, "all that went wrong"])
def test_error_survives_pickle_with_its_message(message):
    error = BadRecordError(REJECT, message)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.reject, str(copy)) == (REJECT, str(error))


def test_error_says_place_reason_and_message():
    assert str(BadRecordError(REJECT)) == (
        "file a.jsonl, line 3, record 2, key s1\nwrong_type: `t` has 1, an int, expected a string"
    )


def test_at_adds_only_what_is_missing_when_a_place_is_known():
    known = bad_record(Reason.MALFORMED, "m", line=7).reject
    assert known.at(line=1, file="f") == Reject(reason=Reason.MALFORMED, message="m", line=7, file="f")
    assert known.at(line=0).line == 7
    assert Reject(reason=Reason.MALFORMED, message="m", record=0).at(record=5).record == 0


def test_clip_caps_the_text_and_makes_it_writable():
    assert clip("x" * EXCERPT_LENGTH) == "x" * EXCERPT_LENGTH
    assert clip("x" * 10_000) == "x" * (EXCERPT_LENGTH - 1) + "…"
    assert clip("\ud800").encode() == b"\\ud800"
