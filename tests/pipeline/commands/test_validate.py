import json
import math
import re
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from support.entry_points import install_entry_points

from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.tfrecords import frame

LOADING = [
    "Loading TensorFlow ...",
    "Reading the data ...",
    "Inferring a schema ...",
    "Looking at every record ...",
]


def test_clean_data_is_described_and_gives_0(corpus, run, tmp_path):
    page = tmp_path / "report.html"
    code, out, err = run("validate", corpus, "--batch-size", "4", "--html", str(page))
    assert (code, err.splitlines()) == (0, LOADING)
    lines = [re.split(r" {2,}", line.strip()) for line in out.splitlines()]
    assert lines[:2] == [["train", "dev", "test"], ["records", "30", "30", "30"]]
    # One word of a record's own after 1 to 4 others in train, 8, 8, 7 and 7 times, and after 1 to 3 elsewhere.
    assert ["steps", "103", "90", "90"] in lines
    assert ["length, median", "3", "3", "3"] in lines
    # A third of the 90 words of test are of its own, as in train, and there are 10 e.
    assert ["not seen in train", "-", "0.0 %", "11.1 %"] in lines
    assert "only in test: 'e' 10" in out
    assert "tags (categorical, label, BIO)" in out
    assert out.endswith("What is wrong\nnothing\n")
    # The lengths of each split, and the values of words and tags.
    check_page(page.read_text(encoding="utf-8"), plots=3 + 2)


def test_numbers_are_shown_and_may_be_missing(run, tmp_path):
    rows = {
        "train": ["a,1,36.5,5", "a,2,,5", "a,3,NA,5", "b,1,37.5,", "b,2,40,"],
        "test": ["c,1,38,7"],
    }
    for split, lines in rows.items():
        (tmp_path / f"{split}.csv").write_text("\n".join(["user,t,temp,age", *lines]))
    page = tmp_path / "report.html"
    argv = ("validate", str(tmp_path / "*.csv"), "--option", "group_by=user", "--option", "order_by=t")
    code, out, _ = run(*argv, "--html", str(page))
    assert code == 0
    assert out.endswith("What is wrong\nnothing\n")
    lines = [re.split(r" {2,}", line.strip()) for line in out.splitlines()]
    start = lines.index(["temp (float, input, may be missing)"])
    # The mean of 36.5, 37.5 and 40, and the square root of the mean of 2.25, 0.25 and 4.
    assert lines[start + 1 : start + 9] == [
        ["train", "test"],
        ["numbers", "3", "1"],
        ["missing", "40.0 %", "0.0 %"],
        ["min", "36.5", "38"],
        ["median", "37.5", "38"],
        ["mean", "38", "38"],
        ["max", "40", "38"],
        ["standard deviation", "1.472", "0"],
    ]
    # One of the two users has an age.
    start = lines.index(["age (float, input, context, may be missing)"])
    assert lines[start + 2 : start + 4] == [["numbers", "1", "1"], ["missing", "50.0 %", "0.0 %"]]
    assert "user" not in out
    # The lengths of each split, and three numbers of each: t, temp and age.
    check_page(page.read_text(encoding="utf-8"), plots=2 + 2 * 3)
    assert "<td>standard deviation</td><td>1.472</td><td>0</td>" in page.read_text(encoding="utf-8")
    report = json.loads(run(*argv, "--json")[1])
    assert report["features"]["user"]["role"] == "key"
    assert report["splits"]["train"]["numbers"]["temp"]["missing"] == 0.4
    assert report["splits"]["test"]["numbers"]["temp"]["max"] == 38


def test_records_with_nan_are_as_good_as_what_they_were_made_of(run, tmp_path):
    (tmp_path / "a.csv").write_text("user,x\na,1\na,\nb,2\n")
    assert run("convert", str(tmp_path / "a.csv"), str(tmp_path / "out"), "--option", "group_by=user")[0] == 0
    code, out, _ = run("validate", str(tmp_path / "out"))
    assert code == 0
    assert "x (float, input, may be missing)" in out


def test_rows_in_long_form_are_named(run, tmp_path):
    pq.write_table(pa.table({"g": [1, 1, 2], "x": [1.0, math.inf, 2.0]}), tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("g,x\n1,1\n1,inf\n2,2\n")
    for name, place in (("a.parquet", "row 1"), ("a.csv", "line 3")):
        code, out, _ = run("validate", str(tmp_path / name), "--option", "group_by=g")
        assert code == 1
        assert f"1 of 2 records: {name}, {place}: `x` has inf, expected" in out


def check_page(text, plots):
    """The page is well formed, has so many plots, and asks for nothing from elsewhere."""

    class Page(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.seen, self.asked = [], [], []

        def handle_starttag(self, tag, attributes):
            self.seen.append(tag)
            self.asked += [value for name, value in attributes if name in ("src", "href")]
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.asked == []
    assert page.seen.count("svg") == plots
    assert not {"script", "link", "img"} & set(page.seen)


def test_what_is_wrong_is_named_and_gives_1(corpus, write, run):
    good = {"words": ["a", "b"], "tags": ["B-X", "O"], "id": "x"}
    write(
        "dev",
        [
            good,
            {**good, "tags": ["B-X"], "id": "short"},
            {**good, "tags": ["O", "I-X"], "id": "broken"},
            {**good, "tags": ["B-X", "B-NEW"], "id": "new"},
        ],
    )
    write("test", [{**good, "words": ["a", "d"], "tags": ["B-X", "O"], "id": "same"}])
    code, out, _ = run("validate", corpus, "--json")
    report = json.loads(out)
    assert code == 1
    assert {(one["split"], one["feature"], one["what"]) for one in report["anomalies"]} == {
        ("", "", "Rejected: unequal lengths"),
        ("dev", "tags", "Multiple errors"),
    }
    text = " ".join(one["description"] for one in report["anomalies"])
    assert "1 of 35 records: dev.jsonl, line 2: " in text
    assert "2 of 3 records: " in text
    assert len(report["failures"]) == 2
    assert run("validate", corpus, "--json", "--fail-on", "never")[0] == 0


def test_records_of_another_type_are_named_when_the_features_are(tmp_path, run):
    with tf.io.TFRecordWriter(str(tmp_path / "train.tfrecord")) as writer:
        for values in ([b"a", b"b"], [b"c"], [7]):
            example = tf.train.SequenceExample()
            for value in values:
                step = example.feature_lists.feature_list["words"].feature.add()
                (step.bytes_list if isinstance(value, bytes) else step.int64_list).value.append(value)
            writer.write(example.SerializeToString())
    code, _, err = run("validate", str(tmp_path))
    assert code == 2
    assert "do not agree" in err
    assert err.endswith("`words` holds int64 and string\n")
    code, out, _ = run("validate", str(tmp_path), "--feature", "words=token")
    assert code == 1
    assert "1 of 3 records: record 2 of train.tfrecord: `words` has 7" in out


def test_records_of_train_are_found_again(corpus, write, run):
    write(
        "test",
        [{"words": ["a", "w0"], "tags": ["B-X", "O"], "id": "other"}, {"words": ["z"], "tags": ["O"], "id": "1"}],
    )
    report = json.loads(run("validate", corpus, "--json")[1])
    assert report["splits"]["test"]["in_train"] == 0.5
    assert report["features"]["id"]["role"] == "carried"


def test_rule_of_an_installed_package_is_reported(run, tmp_path, monkeypatch):
    install_entry_points(tmp_path, "tfx_sequence.rules", too_many_urls="support.own_rules:TooManyUrls")
    monkeypatch.syspath_prepend(tmp_path)
    lines = [{"words": [f"w{n}", "http://a"] + ["http://b"] * (n == 3)} for n in range(9)]
    data = tmp_path / "train.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = run("validate", str(data), "--feature", "words=token")
    assert code == 1
    assert "ERROR  train: words: Too many urls\n    1 of 9 records: record 3 of " in out
    assert "`words` has 2 URLs" in out


def test_feature_that_few_records_have_is_a_warning(corpus, write, run):
    write("train", [{"words": ["a"], "tags": ["B-X"], **({"rare": "x"} if n == 3 else {})} for n in range(20)])
    (folder,) = {corpus}
    code, out, _ = run("validate", f"{folder}/train.jsonl")
    assert code == 0
    assert "WARNING  rare: Left out\n    It is missing from 95% of the records" in out
    assert run("validate", f"{folder}/train.jsonl", "--fail-on", "warning")[0] == 1


def test_data_is_compared_with_other_data_and_with_a_schema(corpus, write, run, tmp_path):
    schema = tmp_path / "schema.pbtxt"
    assert run("schema", "infer", corpus, "-o", str(schema), "--feature", "words=token,drift=0.2")[0] == 0
    other = write("new", [{"words": ["q", "q"]}] * 20, folder="other")
    code, out, _ = run("validate", other, "--schema", str(schema), "--against", f"{corpus}/train.jsonl", "--json")
    report = json.loads(out)
    assert code == 1
    assert [one["what"] for one in report["anomalies"]] == ["High Linfty distance between current and previous"]
    # All of the new words are q; all of the new records have 2 steps.
    distances = report["splits"]["new"]["distances"]
    assert distances["words"] == 1
    assert 0.5 < distances["##SEQUENCE##"] <= 1
    assert run("validate", f"{corpus}/dev.jsonl", "--schema", str(schema), "--against", f"{corpus}/train.jsonl")[0] == 0


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["missing"], "no file at 'missing'; expected a file, a pattern, or a folder"),
        (["{data}", "--schema", "missing"], "the schema missing cannot be read: No such file or directory"),
        (["{data}", "--schema", "{cut}"], "is not the text form of a TensorFlow Metadata schema, or is cut off"),
        (["{data}", "--schema", "{newer}"], "it was written by a newer tfx-sequence; upgrade the package"),
        (["{data}", "--schema", "{flat}"], "the schema has no '##SEQUENCE##' feature, so it does not describe"),
        (["{data}", "--schema", "{other}"], "no record was accepted (dev: 0, test: 0, train: 0); the first reject"),
        (
            ["{records}", "--schema", "{other}"],
            "the schema has other features than the data: the schema has t; the data has x",
        ),
        (["{data}", "--format", "json"], "no record of the format 'json' can be read from"),
        (["{data}", "--format", "words"], "`format` is 'words', expected one of columns, conllu"),
        (
            ["{data}", "--format", "words", "--feature", "t=token"],
            "`format` is 'words', expected one of columns, conllu",
        ),
        (["{data}", "--option", "lines=true"], "the options of the format 'jsonl': lines: Extra inputs"),
        (
            ["{data}", "--format", "sequence_example"],
            "train.jsonl: the file is cut off or damaged after 0 records: the header",
        ),
        (["{data}", "--config", "missing.toml"], "missing.toml: the config cannot be read: No such file or directory"),
        (["{data}", "--html", "missing/x.html"], "missing/x.html cannot be written: there is no folder missing"),
    ],
)
def test_what_cannot_run_says_so_on_one_line_and_gives_2(corpus, run, tmp_path, argv, message):
    from tfx_sequence.schemas import Feature, SequenceSpec, to_schema
    from tfx_sequence.schemas.records.examples import make_example
    from tfx_sequence.schemas.records.tfrecords import frame

    schema = str(to_schema(SequenceSpec(features={"t": Feature(kind="token")})))
    texts = {
        "cut": schema[:-9],
        "newer": schema.replace("tfx_sequence:1", "tfx_sequence:2"),
        "flat": 'feature { name: "x" type: BYTES }',
        "other": schema,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "records").write_bytes(frame(make_example({"x": ["a"]}).SerializeToString()) * 3)
    places = {name: str(tmp_path / name) for name in (*texts, "records")}
    code, out, err = run("validate", *(arg.format(data=corpus, **places) for arg in argv))
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("tfx-sequence: ")
    assert message in last
    assert [line for line in err.splitlines()[:-1] if line not in LOADING] == []
    assert "what was logged" not in last


def test_error_is_a_json_object_too_when_json_is_asked_for(run):
    code, out, err = run("validate", "missing", "--json")
    assert code == 2
    assert f"tfx-sequence: {json.loads(out)['error']}\n" == err


def test_treebank_of_the_example_is_clean(run, root):
    code, out, _ = run("validate", "--config", str(root / "examples/pos_tagging/pipeline.toml"))
    assert code == 0
    lines = [re.split(r" {2,}", line.strip()) for line in out.splitlines()]
    assert lines[:2] == [["train", "eval", "test"], ["records", "3,881", "485", "485"]]
    assert ["steps", "64,707", "8,638", "8,025"] in lines


def test_features_of_sequence_examples_that_no_spec_has_are_listed(run, tmp_path):
    example = make_example({"words": ["a", "b"]}, {}, not_finite="keep")
    other = make_example({"words": ["a", "b"]}, {"rare": 1}, not_finite="keep")
    for record in (example, other):
        record.context.feature["x/y"].int64_list.value.append(1)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frame(example.SerializeToString()) + frame(other.SerializeToString()))
    report = json.loads(run("validate", str(path), "--json")[1])
    left_out = {one["feature"]: one["description"] for one in report["anomalies"] if one["what"] == "Left out"}
    assert left_out.keys() == {"x/y", "rare"}
    assert left_out["x/y"].startswith("It has a name with a space, or one of / # $, so it was not checked.")
    assert left_out["rare"].startswith("It is missing from some records")
    schema = json.loads(run("schema", "infer", str(path), "--json")[1])
    assert schema["left_out"].keys() == {"x/y", "rare"}
    assert list(schema["spec"]["features"]) == ["words"]
    assert "x/y" in json.loads(run("convert", str(path), str(tmp_path / "out"), "--json")[1])["left_out"]


@pytest.mark.parametrize("share", [True, False])
def test_label_that_shares_a_vocabulary_may_have_unseen_values(run, tmp_path, share):
    for split, text in (("train", "a b c a b c"), ("eval", "a / b"), ("test", "a c")):
        (tmp_path / f"{split}.txt").write_text(f"{text}\n" * 9)
    config = tmp_path / "c.toml"
    config.write_text(
        f"""
        [pipeline]
        name = "x"
        [data]
        input = "."
        format = "text"
        files = {{ train = "train.txt", eval = "eval.txt", test = "test.txt" }}
        [features.text]
        kind = "token"
        source = "step"
        [features.target]
        kind = "categorical"
        role = "label"
        source = "next"
        {"[transform.target]" if share else ""}
        {'share = "text"' if share else ""}
        """
    )
    code, out, _ = run("validate", "--config", str(config))
    assert code == (0 if share else 1), out
