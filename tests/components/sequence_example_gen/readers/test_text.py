import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.table import note_shifts
from tfx_sequence.components.sequence_example_gen.readers.text import TextReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

STEPS = SequenceSpec(features={"x": Feature(kind="token", source="step")})
NEXT = SequenceSpec(
    features={
        "x": Feature(kind="token", source="step"),
        "y": Feature(kind="categorical", role="label", source="next", shift="next"),
        "at": Feature(kind="integer", role="time", context=True, source="position"),
    }
)
LINES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\ufeff"), max_size=12), max_size=6
)


def config(**options):
    return ReadConfig(format="text", options=options)


def windows_by_hand(steps, window, stride):
    """Windows of `x` and their next steps, until one reaches the end."""
    usable = len(steps) - 1
    start = 0
    while start < usable:
        end = min(start + window, usable)
        yield {"x": steps[start:end], "y": steps[start + 1 : end + 1], "at": start}
        if start + window >= usable:
            return
        start += stride


@given(LINES, st.integers(1, 7), st.none() | st.integers(1, 9), st.booleans())
@RELAXED
def test_windows_slide_over_the_whole_stream(read, lines, window, stride, final):
    text = "\n".join(lines) + ("\n" if final else "")
    items = read(text.encode(), NEXT, config(steps="character", window=window, stride=stride))
    want = list(windows_by_hand(list(text), window, stride or window))
    if want:
        assert [item.record for item in items] == want
    else:
        assert [item.reason for item in items] == [Reason.EMPTY_FILE]


@given(LINES, st.integers(1, 5))
@RELAXED
def test_windows_without_targets_put_together_are_the_text(read, lines, window):
    text = "x" + "\n".join(lines)
    items = read(text.encode(), STEPS, config(steps="character", window=window))
    assert "".join("".join(item.record["x"]) for item in items) == text


@pytest.mark.parametrize(
    ("options", "want"),
    [
        ({}, [["To", "be,"], ["or", "not\u00a0to"]]),
        ({"steps": "character"}, [list("To be,"), list("or  not\u00a0to")]),
        ({"steps": "regex", "pattern": r"\w+|[^\w\s]"}, [["To", "be", ","], ["or", "not", "to"]]),
        ({"steps": "regex", "pattern": r"(\w)\w*"}, [["T", "b"], ["o", "n", "t"]]),
        ({"window": 3}, [["To", "be,", "or"], ["not\u00a0to"]]),
        ({"window": 3, "stride": 1}, [["To", "be,", "or"], ["be,", "or", "not\u00a0to"]]),
    ],
)
def test_steps_are_words_characters_or_matches(options, want, records):
    data = "To be,\n\n \t\nor  not\u00a0to\n".encode()
    assert [record["x"] for record in records(data, STEPS, config(**options))] == want


def test_lines_have_targets_and_positions_too(read):
    first, short, last = read(b"a b c\nd\ne f\n", NEXT, config())
    assert first.record == {"x": ["a", "b"], "y": ["b", "c"], "at": 0}
    assert (short.reason, short.line) == (Reason.EMPTY_SEQUENCE, 2)
    assert last.record == {"x": ["e"], "y": ["f"], "at": 4}


def test_a_byte_that_is_not_utf8_rejects_the_windows_that_have_it(read):
    items = read(b"ab\nc\xffd\nef\n", STEPS, config(steps="character", window=2))
    records = [item.record["x"] for item in items if isinstance(item, EncodedRecord)]
    assert records == [["a", "b"], ["\n", "c"], ["\n", "e"], ["f", "\n"]]
    assert [(item.line, item.reason) for item in items if isinstance(item, Reject)] == [(2, Reason.UNDECODABLE)]


def test_windows_end_before_a_line_that_is_too_long_and_begin_anew_after_it(read):
    settings = config(steps="character", window=2).model_copy(update={"max_line_bytes": 4})
    items = read(b"abc\n123456\nd\n", STEPS, settings)
    records = [(item.line, item.reason) if isinstance(item, Reject) else item.record["x"] for item in items]
    assert records == [["a", "b"], ["c", "\n"], (2, Reason.TOO_LONG), ["d", "\n"]]


@pytest.mark.parametrize(
    ("feature", "options", "message"),
    [
        (Feature(kind="token"), {}, "from 'x', but text has a 'token'"),
        (Feature(kind="integer", source="step"), {}, "of kind 'integer'"),
        (Feature(kind="token", source="step"), {"steps": "regex"}, "`pattern` goes with"),
        (Feature(kind="token", source="step"), {"pattern": "x"}, "`pattern` goes with"),
        (Feature(kind="token", source="step"), {"steps": "regex", "pattern": "("}, "not a regular expression"),
        (Feature(kind="token", source="step"), {"stride": 3}, "`stride` goes with `window`"),
        (Feature(kind="token", source="step"), {"window": 0}, "window"),
        (Feature(kind="token", source="next"), {}, "shows each step before it is read, so its role must be 'label'"),
        (Feature(kind="categorical", role="label", source="next"), {}, "from 'next', so it needs shift = 'next'"),
        (Feature(kind="categorical", role="label", source="step", shift="next"), {}, "so it takes no `shift`"),
    ],
)
def test_the_reader_refuses_settings_that_do_not_fit(feature, options, message):
    with pytest.raises(ValueError, match=message):
        TextReader(SequenceSpec(features={"x": feature}), options)


def test_note_shifts_marks_what_comes_from_the_next_step():
    label = Feature(kind="categorical", role="label", source="next")
    spec = SequenceSpec(features={"x": STEPS.features["x"], "y": label})
    assert note_shifts(spec, "text").features == {"x": STEPS.features["x"], "y": NEXT.features["y"]}
    assert note_shifts(spec, "csv") == spec, "a column of a table may have any name"


@given(
    st.binary(max_size=60), st.sampled_from([{}, {"window": 3, "stride": 2}, {"steps": "regex", "pattern": "(a)|b|$"}])
)
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data, options):
    items = read(data, NEXT, config(**options))
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)


def test_tiny_shakespeare_has_the_documented_counts(real_data, records):
    data = (real_data / "tiny_shakespeare" / "input.txt").read_bytes()
    got = records(data, STEPS, config(steps="character", window=1000))
    assert sum(len(record["x"]) for record in got) == 1_115_394
    assert len({step for record in got for step in record["x"]}) == 65
