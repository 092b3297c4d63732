"""CSV and Parquet whose rows are steps: grouped over files, whatever the order and the number of rows in memory."""

import math
import random
import re

import numpy as np
import pytest
import tensorflow as tf
from support.long_form_rows import CSV, NAMES, PARQUET, SPEC, make_rows, write_csv, write_parquet

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.ingestion import sorted_runs as runs
from tfx_sequence.components.sequence_example_gen.readers.long_form import FileRow, Grouping, GroupOptions
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TRAIN = SplitConfig(shares={"train": 1})
READ = {"csv": CSV, "parquet": PARQUET}
WRITE = {"csv": write_csv, "parquet": write_parquet}
CELL = {"csv": str, "parquet": lambda cell: cell}
REJECT = {"on_bad_record": "reject", "max_reject_fraction": 1}


def records_of(folder):
    paths = sorted(map(str, folder.iterdir()))
    records = [decode(SPEC, data.numpy()) for data in tf.data.TFRecordDataset(paths, "GZIP")]
    return {record["user"]: {**record, "v": record["v"].tolist()} for record in records}


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("run_bytes", [1500, 1 << 26])
def test_rows_of_all_files_become_records_in_order(form, run_bytes, run, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "RUN_BYTES", run_bytes)
    rows = make_rows()
    files = {name: WRITE[form](part) for name, part in (("a", rows[::3]), ("b", rows[1::3]), ("c", rows[2::3]))}
    read_counts = run(files, SPEC, READ[form], TRAIN)
    want = {}
    for user, age, _, item, x, y, _ in sorted(rows, key=lambda row: row[2]):
        record = want.setdefault(user, {"item": [], "v": [], "user": user, "age": age})
        record["item"].append(item)
        record["v"].append([x, y])
    assert records_of(tmp_path / "out/Split-train") == want
    assert read_counts.accepted == read_counts.counts["records_read"] == len(want)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_order_of_reading_is_that_of_first_rows_when_not_shuffled(form, run, tmp_path):
    rows = make_rows()
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
    read_counts = run({"a": write_csv(rows)}, SPEC, CSV.model_copy(update=REJECT), TRAIN)
    assert (read_counts.accepted, read_counts.rejected) == (1, {"inconsistent": 1, "wrong_type": 1, "malformed": 1})
    assert [(r.reason, r.line) for r in read_counts.rejects] == [
        (Reason.INCONSISTENT, 4),
        (Reason.WRONG_TYPE, 5),
        (Reason.MALFORMED, 7),
    ]
    assert "`age` is '2' here and '1' in line 3; a context feature must be the same" in read_counts.rejects[0].message
    assert [(r.record, r.row, r.key) for r in read_counts.rejects] == [
        (None, 2, "two ages"),
        (None, 3, "word"),
        (None, 5, None),
    ]
    assert list(records_of(tmp_path / "out/Split-train")) == ["g"]


def test_cells_of_numbers_may_be_empty_where_the_spec_says_so(run, tmp_path):
    features = {
        name: feature.model_copy(update={"missing": feature.width is not None})
        for name, feature in SPEC.features.items()
    }
    cells = ["", "NA", "null", "?", "nan", "2.5"]
    rows = [["u", 1, t, "i", cell, 1, ""] for t, cell in enumerate(cells)]
    run({"a": write_csv(rows)}, SequenceSpec(features=features), CSV, TRAIN)
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
    read_counts = run(
        {"a": WRITE[form](rows), "b": WRITE[form](make_rows())}, SPEC, READ[form].model_copy(update=REJECT), TRAIN
    )
    assert (read_counts.accepted, len(read_counts.rejects)) == (12, 40)
    for reject in read_counts.rejects:
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
    read_counts = run(data, SequenceSpec(features=features), read, TRAIN)
    # In group 3 the age is missing, in whatever way it is written.
    assert read_counts.accepted == 1
    one, two = read_counts.rejects
    assert (one.line, one.key) == (2, "1")
    assert one.message.startswith("`label` is empty")
    assert (two.line, two.key, two.file.rpartition("/")[2]) == (2, "2", "b")
    assert re.match("`age` is '7' here and empty in line 3 of .*/a; ", two.message)


def test_what_is_wrong_with_a_whole_group_is_said_of_its_first_row(run):
    spec = SPEC.model_copy(update={"min_length": 3})
    rows = [["u", 1, 5, "i", 0, 0, ""], ["u", 1, 4, "j", 0, 0, ""]]
    with pytest.raises(BadRecordError, match=r"a, line 2, key u\ntoo_short: the sequence has 2 steps") as error:
        run({"a": write_csv(rows)}, spec, CSV, TRAIN)
    assert "There it reads: {'user': 'u', 't': '5', 'item': 'i'" in str(error.value)


def test_an_empty_cell_says_what_to_do_about_it(run):
    for column, hint in ((4, True), (1, False)):
        row = ["u", 1, 0, "i", 0, 0, ""]
        row[column] = ""
        with pytest.raises(BadRecordError, match="is '', expected") as error:
            run({"a": write_csv([row])}, SPEC, CSV, TRAIN)
        assert ("set the feature's `missing`" in str(error.value)) == hint


def test_a_bad_group_fails_the_run_with_one_clear_error(run, tmp_path):
    rows = [["u", 1, 0, "i", 0, 0, ""], ["u", 2, 1, "i", 0, 0, ""]]
    with pytest.raises(BadRecordError, match=r"a, line 3, key u\ninconsistent: `age` is"):
        run({"a": write_csv(rows)}, SPEC, CSV, TRAIN)
    assert list((tmp_path / "out").iterdir()) == []


def test_long_groups_are_cut_like_other_records(run, tmp_path):
    rows = [["u", 1, t, f"i{t}", t, 0, ""] for t in range(10)]
    read = CSV.model_copy(update={"max_length": 4, "on_long": "truncate"})
    read_counts = run({"a": write_csv(rows)}, SPEC, read, TRAIN)
    assert read_counts.truncated == 1
    assert records_of(tmp_path / "out/Split-train")["u"]["item"] == ["i0", "i1", "i2", "i3"]


def test_an_empty_cell_cannot_order_steps():
    grouping = Grouping(
        SequenceSpec(features={"t": Feature(kind="integer")}),
        GroupOptions(group_by=("g",), order_by=("t",)),
        is_text=False,
    )
    with pytest.raises(BadRecordError, match="the column 't', which orders the steps, has an empty cell"):
        grouping.make_record([FileRow(0, 0, None, {"g": "a", "t": None})])


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
    grouping = Grouping(spec, GroupOptions(group_by=("g",), order_by=("t",)), is_text=True)
    rows = [FileRow(0, i, i + 2, {"g": "a", "t": cell}) for i, cell in enumerate(cells)]
    for order in (rows, rows[::-1]):
        assert grouping.make_record(order)["t"] == want
