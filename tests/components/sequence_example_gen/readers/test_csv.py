"""CSV files: rows, well written or not. What becomes of groups of rows is tested in `test_long_form`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.long_form_rows import CSV, NAMES, OPTIONS, SPEC, make_rows, write_csv
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.readers.csv import CsvReader
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TRAIN = SplitConfig(shares={"train": 1})


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(-3, 3), st.text(st.characters(exclude_categories=["Cs"]))),
        min_size=1,
        max_size=8,
    )
)
@RELAXED
def test_rows_of_csv_come_out_as_they_went_in(make_source, rows):
    spec = SequenceSpec(features={"item": Feature(kind="token"), "user": Feature(kind="token", context=True)})
    rows = [(user, t, item.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")) for user, t, item in rows]
    config = ReadConfig(format="csv", options={"group_by": ["user"], "order_by": ["t"]})
    got = FileReader(spec, config).read_rows(make_source(write_csv(rows, ["user", "t", "item"])).path, 0)
    assert [tuple(row.cells.values()) for row in got] == [(user, str(t), item) for user, t, item in rows]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"user,user,t\n", "the column 'user' occurs twice"),
        (b"user,t\n", "there is no column 'item'; the columns are user, t"),
        (b'"user\n', "not CSV"),
    ],
)
def test_a_csv_file_with_a_wrong_header_is_damaged(data, message, make_source):
    (damaged_file,) = FileReader(SPEC, CSV).read_rows(make_source(data).path, 0)
    assert isinstance(damaged_file, DamagedFile)
    assert (damaged_file.line, damaged_file.num_records) == (1, 0)
    assert message in damaged_file.message


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (b"", Reason.EMPTY_FILE, "no record"),
        (",".join(NAMES).encode(), Reason.EMPTY_FILE, "no record"),
        (",".join(NAMES).encode() + b'\n"open\nrest', Reason.MALFORMED, "not CSV"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_one_reject(data, reason, message, make_source):
    (reject,) = FileReader(SPEC, CSV).read_rows(make_source(data).path, 0)
    assert reject.reason is reason
    assert message in reject.message


def test_csv_takes_other_delimiters_and_files_without_header(make_source):
    options = {**OPTIONS, "names": NAMES, "delimiter": "\t"}
    reader = FileReader(SPEC, ReadConfig(format="csv", options=options))
    (row,) = reader.read_rows(make_source(b"u\t1\t2\ti\t0\t0\t\n\n").path, 0)
    assert (row.line, row.cells["item"], row.cells["t"]) == (1, "i", "2")


def test_a_bad_row_fails_the_run_with_one_clear_error(run):
    with pytest.raises(BadRecordError, match="line 2\nmalformed: the row has 1 cells, expected 7"):
        run({"a": write_csv([["short"], *make_rows()])}, SPEC, CSV, TRAIN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "group_by"),
        ({"group_by": []}, "group_by"),
        ({"group_by": ["user"], "vectors": {"v": ["x"]}}, "names 1 columns for 'v', which has `width` 2"),
        ({"group_by": ["user"], "vectors": {"item": ["x"]}}, "which is no vector feature"),
        ({"group_by": ["user"], "by": "x"}, "by"),
    ],
)
def test_the_reader_refuses_options_that_do_not_fit(options, message):
    with pytest.raises(ValueError, match=message):
        CsvReader(SPEC, options)


@given(st.binary(max_size=80) | st.text('u,1"\n\r', max_size=80).map(str.encode))
@RELAXED
def test_any_csv_is_read_or_rejected(make_source, data):
    path = make_source(",".join(NAMES).encode() + b"\n" + data).path
    items = list(FileReader(SPEC, CSV).read_rows(path, 0))
    assert items
    assert all(isinstance(item, (FileRow, Reject, DamagedFile)) for item in items)
