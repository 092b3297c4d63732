import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.ts import SeriesReader
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

CONFIG = ReadConfig(format="ts")
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
HEADER = "#Comment\n@problemName X\n@timeStamps false\n@univariate false\n@dimensions {}\n@classLabel true a b\n@data\n"


def spec(width):
    return SequenceSpec(
        features={
            "x": Feature(kind="vector", width=width, source="values"),
            "first": Feature(kind="float", source="0"),
            "y": Feature(kind="categorical", role="label", context=True, source="label"),
        }
    )


@given(st.data(), st.integers(1, 3))
@RELAXED
def test_series_come_out_as_they_went_in(records, data, width):
    steps = st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1, max_size=5)
    series = data.draw(st.lists(st.tuples(steps, st.sampled_from("ab")), min_size=1, max_size=4))
    lines = [
        ":".join([*(",".join(map(repr, dim)) for dim in zip(*steps, strict=True)), label]) for steps, label in series
    ]
    got = records((HEADER.format(width) + "\n".join(lines)).encode(), spec(width), CONFIG)
    assert got == [{"x": steps, "first": [step[0] for step in steps], "y": label} for steps, label in series]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2:3:a", Reason.UNEQUAL_LENGTHS),
        ("1,2:a", Reason.MALFORMED),
        ("1,2:3,4:5,6:a", Reason.MALFORMED),
        ("1,x:3,4:a", Reason.WRONG_TYPE),
        ("1,:3,4:a", Reason.WRONG_TYPE),
        ("1,?:3,4:a", Reason.NOT_FINITE),
        ("1,1e999:3,4:a", Reason.NOT_FINITE),
    ],
)
def test_a_bad_line_is_one_reject_with_reason_and_place(line, reason, read):
    bad, good = read(f"{HEADER.format(2)}{line}\n\n1,2:3,4:a\n".encode(), spec(2), CONFIG)
    assert (bad.reason, bad.line) == (reason, 8)
    assert good.record["x"] == [[1, 3], [2, 4]]


def test_a_dimension_that_is_not_there_is_a_reject(read):
    third = SequenceSpec(features={"z": Feature(kind="float", source="2")})
    (reject,) = read((HEADER.format(2) + "1:2:a").encode(), third, CONFIG)
    assert "`z` is dimension 2, but there are 2" in reject.message


def test_undecodable_bytes_in_a_comment_cost_nothing(read):
    (item,) = read((HEADER.format(2) + "1:2:a\n#").encode() + b"\xff", spec(2), CONFIG)
    assert item.record["y"] == "a"


def test_a_missing_value_is_nan_when_it_is_kept(read):
    (item,) = read((HEADER.format(1) + "1,?:a").encode(), spec(1), CONFIG.model_copy(update={"not_finite": "keep"}))
    assert math.isnan(item.record["first"][1])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("@timeStamps true\n@data\n(0,1):a", "time stamps"),
        ("@univariate true\n@classLabel true\n@data\n1,2:3,4:a", "2 dimensions, expected 1"),
        ("1,2:a\n", "data before `@data`"),
        ("@data\n1,2\n", "the file has none"),
        ("@problemName x\n", "no record"),
        ("@dimensions " + "9" * 5000 + "\n@data\n1:a\n", "`@dimensions` has 5000 digits"),
    ],
)
def test_a_bad_header_is_told_once(data, message, read):
    (reject,) = read(data.encode(), spec(1), CONFIG)
    assert message in reject.message


@pytest.mark.parametrize(
    "feature",
    [
        Feature(kind="float"),
        Feature(kind="token", source="0"),
        Feature(kind="float", source="values"),
        Feature(kind="vector", width=2, source="0"),
    ],
)
def test_the_reader_refuses_what_it_cannot_read(feature):
    with pytest.raises(ValueError, match="expected a 'vector' from 'values'"):
        SeriesReader(SequenceSpec(features={"x": feature}), {})


@given(
    st.binary(max_size=60)
    | st.text("12.,:?@adt\n ", max_size=60).map(lambda text: f"@classLabel true\n@data\n{text}".encode())
)
@RELAXED
def test_anything_is_read_or_rejected_with_a_reason(read, data):
    items = read(data, spec(1), CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)


@pytest.mark.parametrize(("part", "count", "longest"), [("TRAIN", 270, 26), ("TEST", 370, 29)])
def test_japanese_vowels_has_the_documented_counts(part, count, longest, real_data, records):
    data = (real_data / "japanese_vowels" / f"JapaneseVowels_{part}.ts").read_bytes()
    got = records(data, spec(12), CONFIG)
    lengths = [len(record["x"]) for record in got]
    assert (len(got), min(lengths), max(lengths)) == (count, 7, longest)
    assert len({record["y"] for record in got}) == 9
