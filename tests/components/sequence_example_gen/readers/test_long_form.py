"""CSV and Parquet whose rows are steps: grouped over files, whatever the order and the number of rows in memory."""

import csv
import io
import math
import random
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion import sorted_runs as runs
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.readers.csv import CsvReader
from tfx_sequence.components.sequence_example_gen.readers.long_form import Grouping, GroupOptions, Row
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

RELAXED = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
SPEC = SequenceSpec(
    features={
        "item": Feature(kind="token"),
        "v": Feature(kind="vector", width=2),
        "user": Feature(kind="token", role="key", context=True),
        "age": Feature(kind="integer", context=True),
    }
)
FEATURES = SPEC.features.items()
OPTIONS = {"group_by": ["user"], "order_by": ["t"], "vectors": {"v": ["x", "y"]}}
NAMES = ["user", "age", "t", "item", "x", "y", "unused"]
TRAIN = SplitConfig(shares={"train": 1})
READ = {
    "csv": ReadConfig(format="csv", options=OPTIONS),
    "parquet": ReadConfig(format="parquet", options=OPTIONS),
}
CELL = {"csv": str, "parquet": lambda cell: cell}
REJECT = {"on_bad_record": "reject", "max_reject_fraction": 1}


def write_csv(rows, names=NAMES):
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    return text.getvalue().encode()


def write_parquet(rows, names=NAMES):
    stream = io.BytesIO()
    columns = list(zip(*rows, strict=True)) or [[] for _ in names]
    pq.write_table(pa.table({name: list(column) for name, column in zip(names, columns, strict=True)}), stream)
    return stream.getvalue()


WRITE = {"csv": write_csv, "parquet": write_parquet}


def records_of(folder):
    paths = sorted(map(str, folder.iterdir()))
    records = [decode(SPEC, data.numpy()) for data in tf.data.TFRecordDataset(paths, "GZIP")]
    return {record["user"]: {**record, "v": record["v"].tolist()} for record in records}


def many_rows(users=12):
    rng = random.Random(3)
    rows = [
        [f"u{user}", user, t, f"i,{user}\n{t}", t / 2, -float(user), ""]
        for user in range(users)
        for t in range(rng.randint(1, 15))
    ]
    rng.shuffle(rows)
    return rows


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("run_bytes", [1500, 1 << 26])
def test_rows_of_all_files_become_records_in_order(form, run_bytes, run, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUN_BYTES", run_bytes)
    rows = many_rows()
    files = {name: WRITE[form](part) for name, part in (("a", rows[::3]), ("b", rows[1::3]), ("c", rows[2::3]))}
    tally = run(files, SPEC, READ[form], TRAIN)
    want = {}
    for user, age, _, item, x, y, _ in sorted(rows, key=lambda row: row[2]):
        record = want.setdefault(user, {"item": [], "v": [], "user": user, "age": age})
        record["item"].append(item)
        record["v"].append([x, y])
    assert records_of(tmp_path / "out/Split-train") == want
    assert tally.accepted == tally.counts["records_read"] == len(want)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_order_of_reading_is_that_of_first_rows_when_not_shuffled(form, run, tmp_path):
    rows = many_rows()
    run({"a": WRITE[form](rows)}, SPEC, READ[form], TRAIN, WriteConfig(shuffle=False, num_shards=2))
    assert list(records_of(tmp_path / "out/Split-train")) == list(dict.fromkeys(row[0] for row in rows))


def test_accepted_and_rejected_add_up_to_groups_and_bad_rows(run, tmp_path):
    good = ["g", 1, 0, "i", 0, 0, ""]
    rows = [
        good,
        ["two ages", 1, 0, "i", 0, 0, ""],
        ["two ages", 2, 1, "i", 0, 0, ""],
        ["word", 1, 0, "i", 0, "x", ""],
        ["word", 1, 1, "i", 0, 0, ""],
        ["short row"],
    ]
    tally = run({"a": write_csv(rows)}, SPEC, READ["csv"].model_copy(update=REJECT), TRAIN)
    assert (tally.accepted, tally.rejected) == (1, {"inconsistent": 1, "wrong_type": 1, "malformed": 1})
    assert [(r.reason, r.line) for r in tally.rejects] == [
        (Reason.INCONSISTENT, 4),
        (Reason.WRONG_TYPE, 5),
        (Reason.MALFORMED, 7),
    ]
    assert "`age` is '2' here and '1' in line 3; a context feature must be the same" in tally.rejects[0].message
    assert [(r.record, r.row, r.key) for r in tally.rejects] == [
        (None, 2, "two ages"),
        (None, 3, "word"),
        (None, 5, None),
    ]
    assert list(records_of(tmp_path / "out/Split-train")) == ["g"]


def test_cells_of_numbers_may_be_empty_where_the_spec_says_so(run, tmp_path):
    features = {name: feature.model_copy(update={"missing": feature.width is not None}) for name, feature in FEATURES}
    cells = ["", "NA", "null", "?", "nan", "2.5"]
    rows = [["u", 1, t, "i", cell, 1, ""] for t, cell in enumerate(cells)]
    run({"a": write_csv(rows)}, SequenceSpec(features=features), READ["csv"], TRAIN)
    (record,) = records_of(tmp_path / "out/Split-train").values()
    np.testing.assert_array_equal(record["v"], [[np.nan, 1]] * 5 + [[2.5, 1]])


# What is wrong with a row, by column, and what is said of it. An age is that of the group's good rows, 1.
FAULTS = {
    "word": (4, "x", "`v` is 'x', expected a number"),
    "infinite": (4, "1e39", "`v` has 1e+39, expected a finite float32"),
    "nan": (5, "nan", "`v` has nan, expected a finite float32; if numbers may be missing, set"),
    "large": (1, str(2**63), "`age` has 9223372036854775808, which does not fit"),
    "other age": (1, "2", "`age` is '2' here and '1' in line {}"),
    "no age": (1, "", "`age` is '', expected an integer"),
}


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_the_first_bad_row_is_named_whatever_is_wrong_with_it(form, run):
    rng = random.Random(form)
    # Parquet has numbers, so that only some of it can be wrong.
    faults = {"infinite": (4, 1e39), "nan": (5, math.nan)} if form == "parquet" else FAULTS
    groups = [[[f"g{n}", 1, t, "i", 0.0, 0.0, ""] for t in rng.sample(range(10), 10)] for n in range(40)]
    first = {}
    for group in groups:
        for row in rng.sample(group[1:], rng.randint(1, 5)):
            fault = rng.choice(list(faults))
            row[faults[fault][0]] = faults[fault][1]
            first[group.index(row), row[0]] = (row, fault)
    first = {user: first[min(at for at in first if at[1] == user)] for _, user in first}
    # The rows of all groups among each other, each group's in its order.
    turns = rng.sample([n for n in range(40) for _ in range(10)], 400)
    rows = [groups[n].pop(0) for n in turns]
    tally = run(
        {"a": WRITE[form](rows), "b": WRITE[form](many_rows())}, SPEC, READ[form].model_copy(update=REJECT), TRAIN
    )
    assert (tally.accepted, len(tally.rejects)) == (12, 40)
    for reject in tally.rejects:
        row, fault = first[reject.key]
        at = rows.index(row)
        assert (reject.row, reject.line) == (at, at + 2 if form == "csv" else None)
        assert (reject.record, reject.file.rpartition("/")[2]) == (None, "a")
        start = next(n for n, other in enumerate(rows) if other[0] == reject.key) + 2
        assert FAULTS[fault][2].format(start) in reject.message
        order = ["user", "t", "item", "x", "y", "age"]
        assert reject.excerpt == str({name: CELL[form](row[NAMES.index(name)]) for name in order})


def test_an_empty_cell_of_the_context_is_said_to_be_empty_and_others_are_shown(run):
    features = {
        "x": Feature(kind="integer"),
        "label": Feature(kind="categorical", role="label", context=True),
        "age": Feature(kind="float", context=True, missing=True),
    }
    names = ["g", "label", "age", "x"]
    files = {
        "a": [["1", "", "3", 0], ["2", "sick", "NA", 0], ["1", "well", "3", 0], ["3", "well", "", 0]],
        "b": [["2", "sick", "7", 0], ["3", "well", "?", 0]],
    }
    read = ReadConfig(format="csv", options={"group_by": "g"}, **REJECT)
    data = {name: write_csv(rows, names) for name, rows in files.items()}
    tally = run(data, SequenceSpec(features=features), read, TRAIN)
    # In group 3 the age is missing, in whatever way it is written.
    assert tally.accepted == 1
    one, two = tally.rejects
    assert (one.line, one.key) == (4, "1")
    assert one.message.startswith("`label` is 'well' here and empty in line 2; ")
    assert (two.line, two.key, two.file.rpartition("/")[2]) == (2, "2", "b")
    assert re.match("`age` is '7' here and empty in line 3 of .*/a; ", two.message)


def test_what_is_wrong_with_a_whole_group_is_said_of_its_first_row(run):
    spec = SPEC.model_copy(update={"min_length": 3})
    rows = [["u", 1, 5, "i", 0, 0, ""], ["u", 1, 4, "j", 0, 0, ""]]
    with pytest.raises(BadRecordError, match=r"a, line 2, key u\ntoo_short: the sequence has 2 steps") as error:
        run({"a": write_csv(rows)}, spec, READ["csv"], TRAIN)
    assert "There it reads: {'user': 'u', 't': '5', 'item': 'i'" in str(error.value)


def test_an_empty_cell_says_what_to_do_about_it(run):
    for column, hint in ((4, True), (1, False)):
        row = ["u", 1, 0, "i", 0, 0, ""]
        row[column] = ""
        with pytest.raises(BadRecordError, match="is '', expected") as error:
            run({"a": write_csv([row])}, SPEC, READ["csv"], TRAIN)
        assert ("set the feature's `missing`" in str(error.value)) == hint


def test_a_bad_group_fails_the_run_with_one_clear_error(run, tmp_path):
    rows = [["u", 1, 0, "i", 0, 0, ""], ["u", 2, 1, "i", 0, 0, ""]]
    with pytest.raises(BadRecordError, match=r"a, line 3, key u\ninconsistent: `age` is"):
        run({"a": write_csv(rows)}, SPEC, READ["csv"], TRAIN)
    assert list((tmp_path / "out").iterdir()) == []


def test_long_groups_are_cut_like_other_records(run, tmp_path):
    rows = [["u", 1, t, f"i{t}", t, 0, ""] for t in range(10)]
    read = READ["csv"].model_copy(update={"max_length": 4, "on_long": "truncate"})
    tally = run({"a": write_csv(rows)}, SPEC, read, TRAIN)
    assert tally.truncated == 1
    assert records_of(tmp_path / "out/Split-train")["u"]["item"] == ["i0", "i1", "i2", "i3"]


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
    ("data", "reason", "message"),
    [
        (b"user,user,t\n", Reason.DUPLICATE_KEY, "the column 'user' is there twice"),
        (b"user,t\n", Reason.MISSING_FEATURE, "there is no column 'item'; the columns are user, t"),
        (b"", Reason.EMPTY_FILE, "no record"),
        (",".join(NAMES).encode(), Reason.EMPTY_FILE, "no record"),
        (b'"user\n', Reason.MALFORMED, "not CSV"),
        (",".join(NAMES).encode() + b'\n"open\nrest', Reason.MALFORMED, "not CSV"),
        (",".join(NAMES).encode() + b"\nu,1,2,\xff,0,0,0", Reason.UNDECODABLE, "0xff"),
    ],
)
def test_a_csv_file_that_cannot_be_read_is_one_reject(data, reason, message, make_source):
    (reject,) = FileReader(SPEC, READ["csv"]).read_rows(make_source(data).path, 0)
    assert reject.reason is reason
    assert message in reject.message


def test_csv_takes_other_delimiters_and_files_without_header(make_source):
    options = {**OPTIONS, "names": NAMES, "delimiter": "\t"}
    reader = FileReader(SPEC, ReadConfig(format="csv", options=options))
    (row,) = reader.read_rows(make_source(b"u\t1\t2\ti\t0\t0\t\n\n").path, 0)
    assert (row.line, row.cells["item"], row.cells["t"]) == (1, "i", "2")


def test_an_empty_cell_cannot_order_steps():
    grouping = Grouping(
        SequenceSpec(features={"t": Feature(kind="integer")}),
        GroupOptions(group_by=("g",), order_by=("t",)),
        text=False,
    )
    with pytest.raises(BadRecordError, match="the column 't', which orders the steps, has an empty cell"):
        grouping.make_record([Row(0, 0, None, {"g": "a", "t": None})])


def test_a_bad_row_fails_the_run_with_one_clear_error(run):
    with pytest.raises(BadRecordError, match="line 2\nmalformed: the row has 1 cells, expected 7"):
        run({"a": write_csv([["short"], *many_rows()])}, SPEC, READ["csv"], TRAIN)


@pytest.mark.parametrize(
    ("cells", "want"),
    [
        (["10", "9", "-1"], ["-1", "9", "10"]),
        (["1e1", "9", "9.5"], ["9", "9.5", "1e1"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["nan", "9", "10"], ["10", "9", "nan"]),
        (["2024-10-01", "2024-09-30"], ["2024-09-30", "2024-10-01"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740992", "9007199254740993"]),
        (["1", "1.0", "0"], ["0", "1", "1.0"]),
    ],
)
def test_steps_are_ordered_by_numbers_or_else_by_text(cells, want):
    spec = SequenceSpec(features={"t": Feature(kind="token")})
    grouping = Grouping(spec, GroupOptions(group_by=("g",), order_by=("t",)), text=True)
    rows = [Row(0, i, i + 2, {"g": "a", "t": cell}) for i, cell in enumerate(cells)]
    for order in (rows, rows[::-1]):
        assert grouping.make_record(order)["t"] == want


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


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1", write_parquet([], ["x"])])
def test_a_file_that_is_not_the_expected_parquet_is_one_reject(data, read):
    (reject,) = read(data, LISTS, ReadConfig(format="parquet"))
    assert reject.reason in (Reason.MALFORMED, Reason.MISSING_FEATURE)


@given(st.binary(max_size=30), st.integers(0, 3000))
@RELAXED
def test_damaged_parquet_is_read_or_rejected(make_source, noise, at):
    data = write_parquet(many_rows())
    path = make_source(data[:at] + noise + data[at + len(noise) :]).path
    assert all(isinstance(item, (Row, Reject)) for item in FileReader(SPEC, READ["parquet"]).read_rows(path, 0))


@given(st.binary(max_size=80) | st.text('u,1"\n\r', max_size=80).map(str.encode))
@RELAXED
def test_any_csv_is_read_or_rejected(make_source, data):
    path = make_source(",".join(NAMES).encode() + b"\n" + data).path
    items = list(FileReader(SPEC, READ["csv"]).read_rows(path, 0))
    assert items
    assert all(isinstance(item, (Row, Reject)) for item in items)
