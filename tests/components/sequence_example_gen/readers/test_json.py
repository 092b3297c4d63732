import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.decoding.json_arrays import decode_elements
from tfx_sequence.components.sequence_example_gen.readers.json import JsonlReader
from tfx_sequence.schemas.records.damage import DamagedFile
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
    decoded = [decode(SPEC, item.pieces[0]) for item in items]
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
    assert str(decode(SPEC, item.pieces[0])["v"][1][1]) == "nan"


def test_the_reader_refuses_an_option():
    with pytest.raises(ValueError, match="strict"):
        JsonlReader(SPEC, {"strict": True})


@given(st.binary(max_size=60) | st.text('{}[]":,0123e\n\\u tokens', max_size=60).map(str.encode))
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data):
    items = read(data, SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)


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
    assert [item.pieces[0] for item in items] == [item.pieces[0] for item in read(lines.encode(), SPEC, CONFIG)]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("", [Reason.EMPTY_FILE]),
        ("[]", [Reason.EMPTY_FILE]),
        ("[1, {}, [2]]", [Reason.MALFORMED, Reason.MISSING_FEATURE, Reason.MALFORMED]),
        ('["\xff"]', [Reason.MALFORMED]),
    ],
)
def test_an_array_of_other_things_is_rejected_with_reasons(text, reasons, read):
    assert [item.reason for item in read(text.encode("latin-1"), SPEC, JSON)] == reasons


def show(items):
    """What became of each object: its key, the reason and the line of a reject, or the line of damage."""
    shown = []
    for item in items:
        if isinstance(item, DamagedFile):
            shown.append(f"damage in line {item.line}")
        else:
            shown.append((item.reason.value, item.line) if isinstance(item, Reject) else item.record["id"])
    return shown


def array(*objects):
    return ("[" + ",\n".join(objects) + "]").encode("utf-8", "surrogateescape")


def good(name):
    return json.dumps({**GOOD, "name": name})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (good("caf\udce9").replace("\\udce9", "\udce9"), "undecodable"),
        ('{"name": }', "malformed"),
        ('{"name": "x", "name": "y"}', "duplicate_key"),
        ('{"tags": [1' + "0" * 5000 + "]}", "malformed"),
        ("nonsense", "malformed"),
        ("", "malformed"),
        ('{"x": [{"y": "}"}, ]}', "malformed"),
        ("[" * 5000 + "]" * 5000, "malformed"),
        ('"text"', "malformed"),
        ("-Infinity", "malformed"),
    ],
)
def test_damage_in_an_array_belongs_to_the_object_that_it_is_in(bad, reason, read):
    assert show(read(array(good("a"), bad, good("b")), SPEC, JSON)) == ["a", (reason, 2), "b"]


def test_damage_in_a_key_that_is_not_used_costs_nothing(read):
    unused = good("b")[:-1] + ', "comment": "caf\udce9"}'
    assert show(read(array(good("a"), unused), SPEC, JSON)) == ["a", "b"]
    assert show(read(unused.encode("utf-8", "surrogateescape"), SPEC, CONFIG)) == ["b"]


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"{}", ["damage in line 1"]),
        (b"[", ["damage in line 1"]),
        (array(good("a"), '{"x": [}', good("b")), ["a", "damage in line 2"]),
        (array(good("a"), '{"x": "}', good("b")), ["a", "damage in line 2"]),
        (array(good("a"), good("b"))[:-1], ["a", "b", "damage in line 2"]),
        (array(good("a"), good("b"))[:-9], ["a", "damage in line 2"]),
        (array(good("a"), good("b")) + b"\n]", ["a", "b", "damage in line 3"]),
        (array(good("a") + good("b")), ["a", "damage in line 1"]),
        (array(good("a"), good("b"), ""), ["a", "b", ("malformed", 3)]),
    ],
)
def test_an_array_without_a_certain_end_of_an_object_is_damaged(data, shown, read):
    assert show(read(data, SPEC, JSON)) == shown


def test_an_object_above_the_limit_is_damage(read):
    long_object = good("x" * 500)
    items = read(array(good("a"), long_object), SPEC, JSON.model_copy(update={"max_line_bytes": 300}))
    assert show(items)[:1] == ["a"]


@given(st.integers(1, 40), st.lists(st.text('a"\\[]{},é', max_size=9), max_size=5), st.sampled_from([None, 1]))
@RELAXED
def test_elements_are_those_of_the_whole_array_wherever_parts_of_the_text_end(size, texts, indent):
    values = [{"a": text, "b": [1.5, -2, None, {"c": text}]} for text in texts] + [7, "x", True]
    text = json.dumps(values, indent=indent)
    parts = (text[start : start + size] for start in range(0, len(text), size))
    elements = list(decode_elements(parts, json.JSONDecoder(), 10_000))
    assert [element.value for element in elements] == values
    lines = text.split("\n")
    assert all(lines[element.line - 1].lstrip(" [") for element in elements)


EVENTS = SequenceSpec(
    features={
        "pages": Feature(kind="token", source="events.page"),
        "ms": Feature(kind="float", missing=True, source="events.timing.ms"),
        "tags": Feature(kind="token", nested=True, source="events.tags"),
        "user": Feature(kind="token", context=True, source="user.name"),
    }
)


def event(page="a", **fields):
    return {"page": page, "timing": {"ms": 5}, "tags": ["x", "y"], **fields}


@pytest.mark.parametrize("config", [CONFIG, JSON], ids=["jsonl", "json"])
@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("a"), event("b", tags=[])], (["a", "b"], [5, 5], [["x", "y"], []])),
        ([event("a"), event("b", timing=None)], (["a", "b"], [5, None], [["x", "y"], ["x", "y"]])),
        ([event("a"), event("b", timing={})], (["a", "b"], [5, None], [["x", "y"], ["x", "y"]])),
        ([event("a"), None], Reason.WRONG_TYPE),
        ([event("a"), {"timing": {"ms": 1}, "tags": []}], Reason.WRONG_TYPE),
        ([event("a"), 7], Reason.WRONG_TYPE),
        ([event("a", timing=3)], Reason.WRONG_TYPE),
        ([{"page": "a", "tags": []}], Reason.MISSING_FEATURE),
        (None, Reason.WRONG_TYPE),
        ([], Reason.EMPTY_SEQUENCE),
    ],
)
def test_fields_of_lists_of_objects_are_sequences(events, expected, config, read):
    objects = [json.dumps({"user": {"name": "u"}, "events": value}) for value in ([event()], events)]
    data = "\n".join(objects) if config is CONFIG else f"[{','.join(objects)}]"
    good, item = read(data.encode(), EVENTS, config)
    assert good.record == {"pages": ["a"], "ms": [5], "tags": [["x", "y"]], "user": "u"}
    if isinstance(item, Reject):
        assert item.reason is expected
    else:
        assert (item.record["pages"], item.record["ms"], item.record["tags"]) == expected


def test_a_key_with_dots_goes_before_a_path(read):
    spec = SequenceSpec(features={"a.b": Feature(kind="token")})
    items = read(b'{"a.b": ["x"], "a": {"b": ["y"]}}\n{"a": {"b": ["y"]}}\n', spec, CONFIG)
    assert [item.record["a.b"] for item in items] == [["x"], ["y"]]
