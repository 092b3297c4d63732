"""Parquet files: rows with lists, and files that are damaged. Long form is tested in `test_long_form`."""

import datetime
import io

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
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

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
    got = [decode(LISTS, item.identity) for item in items]
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
    assert decode(spec, item.identity) == {"days": ["2024-02-29", "1970-01-01"], "clock": ["01:02:03", "04:05:06"]}


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", write_parquet([], ["x"])])
def test_a_file_that_is_not_the_expected_parquet_is_one_reject(data, read):
    (reject,) = read(data, LISTS, ReadConfig(format="parquet"))
    assert reject.reason in (Reason.MALFORMED, Reason.MISSING_FEATURE)


@given(st.binary(max_size=30), st.integers(0, 3000))
@RELAXED
def test_damaged_parquet_is_read_or_rejected(make_source, noise, at):
    data = write_parquet(make_rows())
    path = make_source(data[:at] + noise + data[at + len(noise) :]).path
    assert all(isinstance(item, (FileRow, Reject)) for item in FileReader(SPEC, PARQUET).read_rows(path, 0))
