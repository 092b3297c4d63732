"""Parquet files: rows with lists, and files that are damaged. Long form is tested in `test_long_form`."""

import datetime
import io
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.long_form_rows import PARQUET, SPEC, make_rows, write_parquet
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

WORDS = SequenceSpec(features={"words": Feature(kind="token")})
T0 = "1970-01-01T00:00:00"
LISTS = SequenceSpec(
    features={
        "tokens": Feature(kind="token", source="words"),
        "n": Feature(kind="integer"),
        "v": Feature(kind="vector", width=2),
        "day": Feature(kind="token", context=True),
    }
)


@given(
    st.lists(
        st.lists(st.tuples(st.text(max_size=3), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=4), max_size=5
    )
)
@RELAXED
def test_list_columns_of_parquet_come_out_as_they_went_in(read, rows):
    rows = [[(word.encode("utf-8", "ignore").decode(), n) for word, n in row] for row in rows]
    table = pa.table(
        {
            "words": pa.array([[word for word, _ in row] for row in rows], pa.list_(pa.string())),
            "n": pa.array([[n for _, n in row] for row in rows], pa.list_(pa.int64())),
            "v": pa.array([[[1.0, 2.0]] * len(row) for row in rows], pa.list_(pa.list_(pa.float32(), 2))),
            "day": pa.array([0] * len(rows), pa.date32()),
        }
    )
    stream = io.BytesIO()
    pq.write_table(table, stream, row_group_size=2)
    items = read(stream.getvalue(), LISTS, ReadConfig(format="parquet"))
    if not rows:
        assert items[0].reason is Reason.EMPTY_FILE
        return
    got = [decode(LISTS, item.pieces[0]) for item in items]
    assert [(record["tokens"], record["n"]) for record in got] == [
        ([word for word, _ in row], [n for _, n in row]) for row in rows
    ]
    assert got[0]["v"][0].tolist() == [1, 2]
    assert got[0]["day"] == "1970-01-01"


def test_dates_and_times_in_lists_are_iso_text(read):
    days = [datetime.date(2024, 2, 29), datetime.date(1970, 1, 1)]
    table = pa.table(
        {
            "days": pa.array([days], pa.list_(pa.date32())),
            "clock": pa.array([[datetime.time(1, 2, 3), datetime.time(4, 5, 6)]], pa.list_(pa.time64("us"))),
        }
    )
    stream = io.BytesIO()
    pq.write_table(table, stream)
    spec = SequenceSpec(features={"days": Feature(kind="token"), "clock": Feature(kind="token")})
    (item,) = read(stream.getvalue(), spec, ReadConfig(format="parquet"))
    assert decode(spec, item.pieces[0]) == {"days": ["2024-02-29", "1970-01-01"], "clock": ["01:02:03", "04:05:06"]}


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", write_parquet([], ["x"])])
def test_a_file_that_is_not_the_expected_parquet_is_damaged(data, read):
    (damaged_file,) = read(data, LISTS, ReadConfig(format="parquet"))
    assert isinstance(damaged_file, DamagedFile)
    assert damaged_file.num_records == 0


@given(st.binary(max_size=30), st.integers(0, 3000))
@RELAXED
def test_damaged_parquet_is_read_or_rejected(make_source, noise, at):
    data = write_parquet(make_rows())
    path = make_source(data[:at] + noise + data[at + len(noise) :]).path
    assert all(
        isinstance(item, (FileRow, Reject, DamagedFile)) for item in FileReader(SPEC, PARQUET).read_rows(path, 0)
    )


def write_table(**columns):
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def read_feature(read, values, **feature):
    """Returns what becomes of a column in three records: its value, or the reason of a reject."""
    words = pa.array([["a"], ["b"], ["c"]])
    spec = SequenceSpec(features={"words": Feature(kind="token"), "x": Feature(context=True, **feature)})
    items = read(write_table(words=words, x=values), spec, ReadConfig(format="parquet"))
    return [item.reason if isinstance(item, Reject) else decode(spec, item.pieces[0])["x"] for item in items]


BAD_TEXT = pa.StringArray.from_buffers(3, pa.py_buffer(np.array([0, 1, 2, 3], np.int32)), pa.py_buffer(b"a\xffc"))


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (pa.array([Decimal("1.50"), Decimal("-2.25"), Decimal("0")], pa.decimal128(9, 2)), "float", [1.5, -2.25, 0]),
        (pa.array([Decimal(7), Decimal(8), Decimal(9)], pa.decimal256(40, 0)), "integer", [7, 8, 9]),
        (pa.array([b"a", b"\xff", b"c"]), "token", ["a", Reason.UNDECODABLE, "c"]),
        (pa.array([b"ab", b"cd", b"ef"], pa.binary(2)), "token", ["ab", "cd", "ef"]),
        (pa.array([1, 2, 3], pa.duration("ms")), "integer", [1, 2, 3]),
        (pa.array([0, 1 << 62, 1], pa.timestamp("us")), "token", [T0, Reason.WRONG_TYPE, f"{T0}.000001"]),
        (pa.array([0, 1, 2], pa.timestamp("s", "Mars/Phobos")), "token", [f"{T0[:-1]}{n}+00:00" for n in range(3)]),
        (BAD_TEXT, "token", ["a", Reason.UNDECODABLE, "c"]),
        (BAD_TEXT.dictionary_encode(), "token", ["a", Reason.UNDECODABLE, "c"]),
        (pa.array([[("k", 1)], [], []], pa.map_(pa.string(), pa.int64())), "token", [Reason.WRONG_TYPE] * 3),
        (pa.array(["a", None, "c"]), "token", ["a", Reason.WRONG_TYPE, "c"]),
    ],
    ids=str,
)
def test_a_value_of_any_type_is_a_value_or_a_reject_of_its_record(values, kind, expected, read):
    assert read_feature(read, values, kind=kind) == expected


def test_lists_of_such_values_are_read_the_same_way(read):
    spec = SequenceSpec(features={"t": Feature(kind="token"), "d": Feature(kind="float"), "s": Feature(kind="integer")})
    data = write_table(
        t=pa.array([[0, 1], [1 << 62], [2]], pa.list_(pa.timestamp("us", "UTC"))),
        d=pa.array([[Decimal("1.5"), Decimal(2)], [Decimal(3)], [Decimal(4)]], pa.list_(pa.decimal128(9, 2))),
        s=pa.array([[5, 6], [7], [8]], pa.large_list(pa.duration("s"))),
    )
    first, bad, last = read(data, spec, ReadConfig(format="parquet"))
    assert first.record == {"t": [f"{T0}+00:00", f"{T0}.000001+00:00"], "d": [1.5, 2.0], "s": [5, 6]}
    assert (bad.reason, bad.record) == (Reason.WRONG_TYPE, 1)
    assert "<timestamp[us, tz=UTC]" in bad.message
    assert last.record["s"] == [8]


def test_a_value_of_a_row_in_long_form_that_cannot_be_read_is_a_reject_of_this_row(make_source):
    spec = SequenceSpec(
        features={"w": Feature(kind="token"), "user": Feature(kind="token", role="key", context=True, source="u")}
    )
    config = ReadConfig(format="parquet", options={"group_by": "u", "order_by": "t"})
    data = write_table(u=["a"] * 3, t=pa.array([1, 1 << 62, 3], pa.timestamp("us")), w=BAD_TEXT)
    first, bad, last = FileReader(spec, config).read_rows(make_source(data).path, 0)
    assert (bad.reason, bad.row) == (Reason.WRONG_TYPE, 1)
    assert [FileRow.from_bytes(row.to_bytes()) for row in (first, last)] == [first, last]


def test_rows_before_the_damage_are_kept(read):
    rows = 5000
    column = pa.array([[f"w{number}"] for number in range(rows)])
    stream = io.BytesIO()
    pq.write_table(pa.table({"words": column}), stream, row_group_size=1000, use_dictionary=False, compression="zstd")
    data = bytearray(stream.getvalue())
    middle = len(data) // 2
    data[middle : middle + 500] = bytes(500)
    *records, damaged_file = read(bytes(data), WORDS, ReadConfig(format="parquet"))
    assert isinstance(damaged_file, DamagedFile)
    assert [record.record["words"] for record in records] == [[f"w{number}"] for number in range(len(records))]
    assert damaged_file.num_records == len(records) >= 1000


EVENTS = SequenceSpec(
    features={
        "pages": Feature(kind="token", source="events.page"),
        "ms": Feature(kind="float", missing=True, source="events.timing.ms"),
        "user": Feature(kind="token", context=True, source="user.name"),
    }
)
EVENT_TYPE = pa.list_(
    pa.struct({"page": pa.string(), "timing": pa.struct({"ms": pa.int64()}), "at": pa.timestamp("us")})
)
USERS = pa.array([{"name": "u"}] * 3, pa.struct({"name": pa.string()}))


def test_fields_of_lists_of_structs_are_sequences(read):
    events = [
        [{"page": "a", "timing": {"ms": 5}}, {"page": "b", "timing": None}],
        [{"page": "c", "timing": {"ms": None}}, None],
        None,
    ]
    good, null_element, null_list = read(
        write_table(events=pa.array(events, EVENT_TYPE), user=USERS), EVENTS, ReadConfig(format="parquet")
    )
    assert good.record == {"pages": ["a", "b"], "ms": [5, None], "user": "u"}
    assert null_element.reason is Reason.WRONG_TYPE
    assert "`pages` has None" in null_element.message
    assert null_list.reason is Reason.WRONG_TYPE


@pytest.mark.parametrize("source", ["events.no", "events.page.no", "user.no", "no.page"])
def test_a_path_that_no_column_has_is_damage(source, read):
    data = write_table(events=pa.array([[{"page": "a"}]] * 3, EVENT_TYPE), user=USERS)
    spec = SequenceSpec(features={"x": Feature(kind="token", source=source)})
    (damaged_file,) = read(data, spec, ReadConfig(format="parquet"))
    assert f"there is no {'column ' if source[0] == 'n' else ''}'{source}'" in damaged_file.message


def test_a_column_with_dots_goes_before_a_path(read):
    spec = SequenceSpec(features={"x": Feature(kind="token", source="a.b")})
    (item,) = read(write_table(**{"a.b": pa.array([["x"]])}), spec, ReadConfig(format="parquet"))
    assert item.record == {"x": ["x"]}
