"""What becomes of lines that are too long, in every format of text."""

import pytest
from support.fuzzed_readers import FORMATS, MAX_LINE_BYTES, check_promises

from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.rejects import Reason, Reject

LONG = b"x" * (2 * MAX_LINE_BYTES)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("columns", b"u3a", LONG),
        ("columns", b"-DOCSTART- O", b"-DOCSTART- " + LONG),
        ("conllu", b"u3b", LONG),
        ("conllu", b"text = a", LONG),
        ("jsonl", b"u3a", LONG),
        ("parallel", b"kurzer", LONG),
        ("text", b"u3b", LONG),
        ("ts", b"103", b"1," * MAX_LINE_BYTES),
        ("ts", b"problemName", b"problemName " + LONG),
    ],
)
def test_a_line_above_the_limit_is_one_reject(name, old, new):
    valid = FORMATS[name].valid
    results = check_promises(name, valid.replace(old, new, 1))
    (reject,) = [result for result in results if isinstance(result, Reject)]
    assert reject.reason is Reason.TOO_LONG
    assert f"more than {MAX_LINE_BYTES} bytes (`max_line_bytes`)" in reject.message
    # A line that is in no record, such as one of a header, costs no record.
    is_in_record = b"u3" in old or old in (b"kurzer", b"103", b"text = a")
    num_records = len(check_promises(name, valid))
    assert len([result for result in results if isinstance(result, EncodedRecord)]) == num_records - is_in_record


def test_a_long_line_of_spaces_costs_no_record():
    valid = FORMATS["jsonl"].valid
    results = check_promises("jsonl", b" " * (2 * MAX_LINE_BYTES) + b"\n" + valid)
    assert isinstance(results[0], Reject)
    assert (results[0].reason, results[0].line) == (Reason.TOO_LONG, 1)
    assert all(isinstance(result, EncodedRecord) for result in results[1:])
