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
    # Before Python 3.11, the module csv refuses the character 0.
    rows = [(user, t, item.replace("\0", "")) for user, t, item in rows]
    config = ReadConfig(format="csv", options={"group_by": ["user"], "order_by": ["t"], "quote": '"'})
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
        (",".join(NAMES).encode() + b'\n"open', Reason.MALFORMED, "not CSV"),
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


ITEMS = SequenceSpec(features={"item": Feature(kind="token"), "user": Feature(kind="token", role="key", context=True)})


@pytest.fixture
def read_rows(make_source):
    """Reads the rows of a file: a list of items for good rows, and pairs of line and reason for rejects."""

    def read_rows(data, spec=ITEMS, encoding="utf-8", **options):
        config = ReadConfig(format="csv", options={"group_by": "user", **options}, encoding=encoding)
        results = FileReader(spec, config).read_rows(make_source(data).path, 0)
        return [
            (result.line, result.reason) if isinstance(result, Reject) else result.cells["item"] for result in results
        ]

    return read_rows


QUOTE_TOKENS = b'user,t,item\na,1,x\na,2,"\na,3,y\na,4,z\na,5,"\na,6,w\n'


def test_a_token_that_is_a_quote_hides_no_row(read_rows):
    bad = [(line, Reason.MALFORMED) for line in (3, 4, 5, 6)]
    assert read_rows(QUOTE_TOKENS) == ["x", *bad, "w"]
    assert read_rows(QUOTE_TOKENS, quote="") == ["x", '"', "y", "z", '"', "w"]
    assert read_rows(QUOTE_TOKENS, quote='"') == ["x", "\na,3,y\na,4,z\na,5,", "w"]


def test_a_quote_that_is_never_closed_costs_its_own_row(read_rows):
    assert read_rows(b'user,item\na,x\na,"y\na,z\n\na,w\n') == ["x", (3, Reason.MALFORMED), "z", "w"]
    assert read_rows(b'user,item\na,"x\na,y\na,"z"\na,w') == [(2, Reason.MALFORMED), "y", "z", "w"]


def test_a_long_line_in_a_quoted_cell_hides_no_row(make_source):
    config = ReadConfig(format="csv", options={"group_by": "user"}, max_line_bytes=50)
    source = make_source(b'user,item\na,"' + 100 * b"x" + b'"\na,y\na,"z"\na,w\n')
    long, *rows = FileReader(ITEMS, config).read_rows(source.path, 0)
    assert (long.line, long.reason) == (2, Reason.TOO_LONG)
    assert [row.cells["item"] for row in rows] == ["y", "z", "w"]


@given(st.lists(st.text('ab"', min_size=1, max_size=3), min_size=1, max_size=12))
@RELAXED
def test_each_line_is_in_one_row_or_reject_whatever_its_quotes(read_rows, items):
    """Tokens that may hold quotes, written without quoting: no row may vanish without a reject."""
    data = "user,item\n" + "".join(f"a,{item}\n" for item in items)
    assert read_rows(data.encode(), quote="") == items
    assert len(read_rows(data.encode())) == len(items)


@pytest.mark.parametrize("quote", ['"', None])
def test_a_long_cell_ends_where_it_ends(read_rows, quote):
    long = 70_000 * "a,b"
    options = {"quote": quote} if quote else {}
    assert read_rows(f'user,item\na,"{long}"\na,y\n'.encode(), **options) == [long, "y"]


def test_line_ends_within_a_quoted_cell_are_kept(read_rows):
    assert read_rows(b'user,item\r\na,"x\r\ny\rz\n"\r\na,w\r\n') == ["x\r\ny\rz\n", "w"]


def test_columns_without_a_name_are_ignored(read_rows, make_source):
    data = b",user,,item, \n0,a,p,x,r\n1,a,q,y,s\n"
    assert read_rows(data) == ["x", "y"]
    assert list(CsvReader.sample(make_source(data), {"group_by": "user"})) == [{"user": "a", "item": ["x", "y"]}]


def test_a_header_of_many_columns_is_read_in_linear_time(read_rows):
    # With quadratic time, this would take minutes.
    names = [f"c{number}" for number in range(100_000)]
    data = ",".join(["user", "item", *names]) + "\na,x" + len(names) * ","
    assert read_rows(data.encode()) == ["x"]


def test_a_column_that_is_not_needed_may_occur_twice(read_rows):
    assert read_rows(b"user,c,c,item\na,1,2,x\n") == ["x"]


def test_blank_lines_before_the_header_are_skipped(read_rows):
    assert read_rows(b"\n\r\nuser,item\na,x\n") == ["x"]


def test_a_label_cell_that_is_empty_is_missing(run):
    features = {**ITEMS.features, "tag": Feature(kind="categorical", role="label")}
    read = ReadConfig(format="csv", options={"group_by": "user"}, on_bad_record="reject", max_reject_fraction=1)
    read_counts = run({"a": b"user,item,tag\na,x,N\nb,y,\n"}, SequenceSpec(features=features), read, TRAIN)
    assert (read_counts.accepted, read_counts.rejected) == (1, {"missing_feature": 1})
    assert (read_counts.rejects[0].line, read_counts.rejects[0].key) == (3, "b")


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16", "utf-16-le"])
def test_other_encodings_are_read(read_rows, encoding):
    assert read_rows("user,item\na,né\na,ü\n".encode(encoding), encoding=encoding) == ["né", "ü"]


@pytest.mark.parametrize(
    ("data", "encoding", "num_accepted"),
    [
        # The bytes 0xc3 0xa9 would be a letter of UTF-8, and 0x81 is not defined in cp1252.
        (b"user,item\na,\xc3\xa9\nb,x\n", "ascii", 1),
        (b"user,item\na,\x81\nb,x\n", "cp1252", 1),
        ("user,item\na,x\nb,yz".encode("utf-16")[:-1], "utf-16", 1),
    ],
)
def test_bytes_that_an_encoding_does_not_define_are_a_reject(run, data, encoding, num_accepted):
    read = ReadConfig(
        format="csv", options={"group_by": "user"}, encoding=encoding, on_bad_record="reject", max_reject_fraction=1
    )
    read_counts = run({"a": data}, ITEMS, read, TRAIN)
    assert (read_counts.accepted, read_counts.rejected) == (num_accepted, {"undecodable": 1})


def test_a_decimal_comma_is_named(run):
    spec = SequenceSpec(features={"x": Feature(kind="float")})
    read = ReadConfig(format="csv", options={"group_by": "user", "delimiter": ";"})
    with pytest.raises(BadRecordError, match="expected a number with a decimal point; this one has a decimal comma"):
        run({"a": b"user;x\na;1,5\n"}, spec, read, TRAIN)
