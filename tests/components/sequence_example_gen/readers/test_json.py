import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.json import JsonlReader
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="integer", role="label"),
        "v": Feature(kind="vector", width=2),
        "id": Feature(kind="token", role="key", context=True, source="name"),
    }
)
CONFIG = ReadConfig(format="jsonl")
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
STEP = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.integers(-(2**63), 2**63 - 1),
    st.lists(FLOATS, min_size=2, max_size=2),
)
ROWS = st.lists(st.tuples(st.text(max_size=3), st.lists(STEP, min_size=1, max_size=4)), min_size=1, max_size=4)


@given(ROWS, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@RELAXED
def test_records_come_out_as_they_went_in(read, rows, end, ascii_only):
    rows = [(name.encode("utf-8", "ignore").decode(), steps) for name, steps in rows]
    want = [
        {"tokens": [s[0] for s in steps], "tags": [s[1] for s in steps], "v": [s[2] for s in steps], "id": name}
        for name, steps in rows
    ]
    lines = [
        json.dumps({**{k: v for k, v in record.items() if k != "id"}, "name": record["id"]}, ensure_ascii=ascii_only)
        for record in want
    ]
    items = read(end.join(lines).encode(), SPEC, CONFIG)
    decoded = [decode(SPEC, item.identity) for item in items]
    assert [record | {"v": record["v"].tolist()} for record in decoded] == want


GOOD = {"name": "s1", "tokens": ["a", "b"], "tags": [1, 2], "v": [[1, 2], [3, 4.5]]}


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        (json.dumps(GOOD)[:-1], Reason.MALFORMED, "not JSON"),
        ("[" * 100_000, Reason.MALFORMED, "not JSON"),
        ("[1, 2]", Reason.MALFORMED, "a JSON list, expected an object"),
        ("nonsense", Reason.MALFORMED, "not JSON"),
        ('{"name": "a", "name": "b"}', Reason.DUPLICATE_KEY, "'name' occurs twice"),
        (json.dumps({**GOOD, "tags": [1]}), Reason.UNEQUAL_LENGTHS, "`tokens` has 2 steps, but `tags` has 1"),
        (json.dumps({**GOOD, "tokens": "ab"}), Reason.WRONG_TYPE, "`tokens` is of type str"),
        (json.dumps({**GOOD, "tags": [True, 1]}), Reason.WRONG_TYPE, "`tags` has True"),
        (json.dumps({**GOOD, "v": [[1, 2], [3]]}), Reason.WRONG_TYPE, "a step of 1 numbers, expected 2"),
        (json.dumps({**GOOD, "v": [[1, 2], [3, float("nan")]]}), Reason.NOT_FINITE, "nan at step 1"),
        (json.dumps({**GOOD, "tags": [1, 2**70]}), Reason.OUT_OF_RANGE, "64-bit"),
        ('{"tags": [1' + "0" * 5000 + "]}", Reason.MALFORMED, "not JSON"),
        (json.dumps({**GOOD, "tokens": ["\ud800", "b"]}), Reason.UNDECODABLE, "surrogate"),
        (json.dumps({**GOOD, "tokens": []} | {"tags": [], "v": []}), Reason.EMPTY_SEQUENCE, "0 steps"),
        ('{"name": "x"}', Reason.MISSING_FEATURE, "which has `id`"),
    ],
)
def test_a_bad_line_is_one_reject_with_reason_and_place(line, reason, message, read):
    good, bad, after = read(f"{json.dumps(GOOD)}\n\n{line}\n{json.dumps(GOOD)}".encode(), SPEC, CONFIG)
    assert isinstance(good, EncodedRecord)
    assert isinstance(after, EncodedRecord)
    assert (bad.reason, bad.line, bad.record) == (reason, 3, 1)
    assert message in bad.message
    assert bad.excerpt
    assert len(bad.excerpt) <= 200


def test_a_reject_names_the_record_by_its_key(read):
    (reject,) = read(json.dumps({**GOOD, "tags": [1]}).encode(), SPEC, CONFIG)
    assert reject.key == "s1"


def test_nan_is_kept_when_the_settings_say_so(read):
    data = json.dumps({**GOOD, "v": [[1, 2], [3, float("nan")]]}).encode()
    (item,) = read(data, SPEC, ReadConfig(format="jsonl", not_finite="keep"))
    assert str(decode(SPEC, item.identity)["v"][1][1]) == "nan"


def test_the_reader_refuses_an_option():
    with pytest.raises(ValueError, match="strict"):
        JsonlReader(SPEC, {"strict": True})


@given(st.binary(max_size=60) | st.text('{}[]":,0123e\n\\u tokens', max_size=60).map(str.encode))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data):
    items = read(data, SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject)) for item in items)


JSON = ReadConfig(format="json")


@given(ROWS, st.sampled_from([None, 2]))
@RELAXED
def test_an_array_gives_the_records_of_its_objects(read, rows, indent):
    objects = [
        {"name": "s", "tokens": [s[0] for s in steps], "tags": [s[1] for s in steps], "v": [s[2] for s in steps]}
        for _, steps in rows
    ]
    items = read(json.dumps(objects, indent=indent).encode(), SPEC, JSON)
    lines = "\n".join(json.dumps(record) for record in objects)
    assert [item.identity for item in items] == [item.identity for item in read(lines.encode(), SPEC, CONFIG)]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("", [Reason.EMPTY_FILE]),
        ("[]", [Reason.EMPTY_FILE]),
        ("{}", [Reason.MALFORMED]),
        ("[", [Reason.MALFORMED]),
        ("[1, {}, [2]]", [Reason.MALFORMED, Reason.MISSING_FEATURE, Reason.MALFORMED]),
        ('["\xff"]', [Reason.UNDECODABLE]),
    ],
)
def test_an_array_of_other_things_is_rejected_with_reasons(text, reasons, read):
    assert [item.reason for item in read(text.encode("latin-1"), SPEC, JSON)] == reasons
