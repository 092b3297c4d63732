import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.reader_package import install_words_reader

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery.discover import NotDiscoveredError, discover
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.records.tfrecords import frame


def found(path, format_, **options):
    """What is discovered, as far as it is not the default; and that the reader reads all records by it."""
    read = ReadConfig(format=format_, options=options)
    discovery = discover([str(path)], read)
    reader = FileReader(discovery.spec, read)
    results = list(reader.read_rows(str(path), 0) if reader.grouping else reader.read_records(str(path)))
    assert results
    assert not [result for result in results if isinstance(result, Reject)]
    features = {name: feature.model_dump(exclude_defaults=True) for name, feature in discovery.spec.features.items()}
    return features, discovery.left_out


def record(number):
    steps = 1 + number % 3
    return {
        "words": ["a", "b", "c"][:steps],
        "tags": ["B-X", "I-X", "O"][:steps],
        "times": list(range(steps)),
        "scores": [0.5, 1, 2][:steps],
        "vectors": [[1.0, 2]] * steps,
        "parts": [["a", "b"], [], ["c"]][:steps],
        "id": f"r{number}",
        "intent": "ask",
        "whole vector": [0.1, 0.2, 0.3, 0.4],
        "weight": 2,
    }


RECORD = {
    "words": {"kind": "token"},
    "tags": {"kind": "categorical", "role": "label", "spans": "BIO"},
    "times": {"kind": "integer"},
    "scores": {"kind": "float"},
    "vectors": {"kind": "vector", "width": 2},
    "parts": {"kind": "token", "nested": True},
    "id": {"kind": "token", "role": "carried", "context": True},
    "intent": {"kind": "token", "context": True},
    "whole_vector": {"kind": "vector", "width": 4, "context": True, "source": "whole vector"},
    "weight": {"kind": "integer", "context": True},
}


def test_jsonl_and_json_say_what_they_hold(tmp_path):
    records = [record(number) for number in range(30)]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in records))
    (tmp_path / "a.json").write_text(json.dumps(records))
    assert found(tmp_path / "a.jsonl", "jsonl") == (RECORD, {})
    assert found(tmp_path / "a.json", "json") == (RECORD, {})


def test_what_no_spec_has_is_left_out_with_a_reason(tmp_path):
    odd = {"nothing": {}, "pairs": [[1], [1, 2]], "empty": [], "other": [1, 2, 3, 4, 5], "mixed": 1}
    lines = [{"words": ["a", "b"], **odd, "rare": 1}, {"words": ["a", "b"], **odd, "mixed": [1], "other": [1]}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert found(path, "jsonl") == (
        {"words": {"kind": "token"}},
        {
            "nothing": "holds values of a type that no feature has: object (2, such as {})",
            "pairs": "has several values in a step, but the steps are not vectors of one width",
            "empty": "holds no value",
            "other": "does not have the same number of values as the other lists of its record",
            "mixed": "is a list in 1 of 2 records and one value in the others",
            "rare": "is missing from 50% of the records",
        },
    )


def test_one_bad_record_hides_nothing(tmp_path):
    lines = [{"words": ["a", "b"][: 1 + n % 2], "tags": ["X", "Y"][: 1 + n % 2]} for n in range(20)]
    del lines[3]["tags"]
    lines[5]["tags"] = ["X"] * 7
    path = tmp_path / "a.jsonl"
    path.write_text("{\n" + "".join(f"{json.dumps(line)}\n" for line in lines))
    assert list(discover([str(path)], ReadConfig(format="jsonl")).spec.features) == ["words", "tags"]


def test_parquet_says_what_it_holds_in_both_forms(tmp_path):
    columns = {"t": [["a"], ["b", "c"]], "n": [[["p", "q"]], [[], ["r"]]], "y": [1.5, 2]}
    pq.write_table(pa.table(columns), tmp_path / "wide.parquet")
    assert found(tmp_path / "wide.parquet", "parquet")[0] == {
        "t": {"kind": "token"},
        "n": {"kind": "token", "nested": True},
        "y": {"kind": "float", "context": True},
    }
    columns = {"user": [1, 1, 2], "age": [5, 5, 6], "x": [1.5, 2, 3], "n": [["p", "q"], [], ["r"]]}
    pq.write_table(pa.table(columns), tmp_path / "long.parquet")
    assert found(tmp_path / "long.parquet", "parquet", group_by="user")[0] == {
        "user": {"kind": "integer", "role": "key", "context": True},
        "age": {"kind": "integer", "context": True},
        "x": {"kind": "float"},
        "n": {"kind": "token", "nested": True},
    }


def test_csv_says_what_it_holds_when_it_is_told_the_groups(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,t,x,word,age\n" + "".join(f"u{u},{t},{t}.5,w{t},{u}\n" for u in range(3) for t in range(2)))
    assert found(path, "csv", group_by="user", order_by="t")[0] == {
        "user": {"kind": "token", "role": "key", "context": True},
        "t": {"kind": "integer"},
        "x": {"kind": "float"},
        "word": {"kind": "token"},
        "age": {"kind": "integer", "context": True},
    }


MISSING_CELLS = ["", "_", "?", "NA", "NULL", "null", "nan"]


@pytest.mark.parametrize("cell", MISSING_CELLS)
def test_numbers_of_csv_may_be_missing(tmp_path, cell):
    rows = [("1", "2.5", "w", "a"), (cell, "3", cell, "b"), ("2", cell, "x", "b")]
    # The age of b is missing from all of its rows.
    ages = {"a": "30", "b": cell}
    lines = [f"{user},{n},{x},{word},{ages[user]},{cell}\n" for n, x, word, user in rows]
    path = tmp_path / "a.csv"
    path.write_text("user,n,x,word,age,none\n" + "".join(lines))
    assert found(path, "csv", group_by="user") == (
        {
            "user": {"kind": "token", "role": "key", "context": True},
            "n": {"kind": "float", "missing": True},
            "x": {"kind": "float", "missing": True},
            "word": {"kind": "token"},
            "age": {"kind": "float", "context": True, "missing": True},
        },
        {"none": "is missing from 100% of the records"},
    )


def test_numbers_of_json_may_be_null(tmp_path):
    steps = {"n": [1, None], "x": [None, 0.5], "v": [[1, 2], None], "w": [[1, None], [2, 3]], "plain": [1, 2]}
    lines = [steps | {"age": age, "name": "u", "never": [None, None]} for age in (3, None, 4)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert found(path, "jsonl") == (
        {
            "n": {"kind": "float", "missing": True},
            "x": {"kind": "float", "missing": True},
            "v": {"kind": "vector", "width": 2, "missing": True},
            "w": {"kind": "vector", "width": 2, "missing": True},
            "plain": {"kind": "integer"},
            "age": {"kind": "float", "context": True, "missing": True},
            "name": {"kind": "token", "context": True},
        },
        {"never": "holds no value"},
    )


def test_numbers_of_parquet_and_numpy_may_be_nan(tmp_path):
    nan = float("nan")
    pq.write_table(
        pa.table({"x": [[1.5, nan], [None]], "n": [[1, 2], [None]], "y": [nan, 2]}), tmp_path / "wide.parquet"
    )
    assert found(tmp_path / "wide.parquet", "parquet")[0] == {
        "x": {"kind": "float", "missing": True},
        "n": {"kind": "float", "missing": True},
        "y": {"kind": "float", "context": True, "missing": True},
    }
    columns = {"user": [1, 1, 2], "age": [nan, nan, 6], "x": [1.5, None, nan], "n": [1, None, 2]}
    pq.write_table(pa.table(columns), tmp_path / "long.parquet")
    assert found(tmp_path / "long.parquet", "parquet", group_by="user")[0] == {
        "user": {"kind": "integer", "role": "key", "context": True},
        "age": {"kind": "float", "context": True, "missing": True},
        "x": {"kind": "float", "missing": True},
        "n": {"kind": "float", "missing": True},
    }
    np.savez(tmp_path / "a.npz", x=[1, nan, 2], v=[[1, 2], [nan, 2], [1, 1]], y=[nan, 1], lengths=[1, 2])
    assert found(tmp_path / "a.npz", "npz")[0] == {
        "y": {"kind": "float", "context": True, "missing": True},
        "x": {"kind": "float", "missing": True},
        "v": {"kind": "vector", "width": 2, "missing": True},
    }
    (tmp_path / "a.ts").write_text("@classLabel false\n@data\n1,?:3,4\n")
    assert found(tmp_path / "a.ts", "ts")[0] == {"values": {"kind": "vector", "width": 2, "missing": True}}


def test_columns_that_rows_are_grouped_by_are_keys(tmp_path):
    path = tmp_path / "a.csv"
    # As numbers, 7 and 07 were one.
    path.write_text("user,day,x\n7,1,1\n07,1,2\n7,2,3\n7,1,4\n")
    key = {"kind": "token", "role": "key", "context": True}
    assert found(path, "csv", group_by=["user", "day"])[0] == {"user": key, "day": key, "x": {"kind": "integer"}}
    pq.write_table(pa.table({"user": [1, None, 1], "x": [1, 2, 3]}), tmp_path / "a.parquet")
    discovery = discover([str(tmp_path / "a.parquet")], ReadConfig(format="parquet", options={"group_by": "user"}))
    assert list(discovery.spec.features) == ["x"]
    assert discovery.left_out == {"user": "is the key of the records, but is missing from some records"}


def test_types_that_differ_between_records_are_named(tmp_path):
    lines = [{"x": [1, 2]}, {"x": ["a"]}, {"x": [3]}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    message = r"'x' holds values of several types: integer \(3, such as 1\), text \(1, such as 'a'\)\. Name"
    with pytest.raises(NotDiscoveredError, match=message):
        discover([str(path)], ReadConfig(format="jsonl"))


def test_why_no_record_can_be_read_is_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,x\na,1\n")
    message = r"a\.csv' \(line 1: there is no column 'usr'; the columns are user, x\), so"
    with pytest.raises(NotDiscoveredError, match=message):
        discover([str(path)], ReadConfig(format="csv", options={"group_by": "usr"}))
    path.write_text("@data\n1:2,x\n")
    with pytest.raises(NotDiscoveredError, match=r"\(line 2: "):
        discover([str(path)], ReadConfig(format="ts"))


def test_arrays_series_columns_and_parallel_files_say_what_they_hold(tmp_path):
    np.savez(tmp_path / "a.npz", t=np.array(["a", "b", "c"]), lengths=[1, 2], y=np.array([1, 2]), v=np.ones((3, 4)))
    assert found(tmp_path / "a.npz", "npz")[0] == {
        "y": {"kind": "integer", "context": True},
        "t": {"kind": "token"},
        "v": {"kind": "vector", "width": 4},
    }
    for label, more in (("true a b", {"label": {"kind": "token", "context": True}}), ("false", {})):
        (tmp_path / "a.ts").write_text(f"@classLabel {label}\n@data\n1,2:3,4{':a' if more else ''}\n")
        assert found(tmp_path / "a.ts", "ts")[0] == {"values": {"kind": "vector", "width": 2}, **more}
    (tmp_path / "c.txt").write_text("EU S-ORG\nsays O\n\nAnn B-PER\nLee E-PER\n")
    assert found(tmp_path / "c.txt", "columns")[0] == {
        "column0": {"kind": "token", "source": "0"},
        "column1": {"kind": "categorical", "role": "label", "spans": "BIOES", "source": "1"},
    }
    assert list(found(tmp_path / "c.txt", "columns", names=["word", "tag"])[0]) == ["word", "tag"]
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "seq.in").write_text("a b\nc\n")
    (folder / "label").write_text("X\nY\n")
    features = {"label": {"kind": "token", "context": True}, "seq.in": {"kind": "token"}}
    assert discover([str(folder / "label")], ReadConfig(format="parallel")).spec.model_dump(exclude_defaults=True) == {
        "features": features
    }


def test_formats_that_always_hold_the_same_are_known(tmp_path):
    (tmp_path / "a").write_text("1\ta\tb\tNOUN\t_\t_\t_\t_\t_\t_\n\n")
    assert list(found(tmp_path / "a", "conllu")[0]) == ["form", "lemma", "upos"]
    assert list(found(tmp_path / "a", "text")[0]) == ["tokens"]


def test_sequence_examples_say_what_they_hold(tmp_path):
    path = tmp_path / "a"
    parts = [["a"], ["b", "c"]]
    made = [make_example({"t": ["a"] * n, "parts": parts[:n]}, {"n": n}).SerializeToString() for n in (1, 2)]
    path.write_bytes(b"".join(map(frame, made)))
    assert found(path, "sequence_example")[0] == {
        "n": {"kind": "integer", "context": True},
        "parts": {"kind": "token", "nested": True},
        "t": {"kind": "token"},
    }


@pytest.mark.parametrize("format_", ["columns", "csv", "json", "jsonl", "npz", "parallel", "parquet", "ts"])
@pytest.mark.parametrize("data", [b"", b"\x00\xff{", b"[]"])
def test_file_of_another_format_is_refused(tmp_path, format_, data):
    path = tmp_path / "a"
    path.write_bytes(data)
    options = {"group_by": "user"} if format_ == "csv" else {}
    if data and format_ in ("columns", "parallel"):
        pytest.skip("any word is a record")
    with pytest.raises(NotDiscoveredError, match=r"no record of the format|hold no sequence"):
        discover([str(path)], ReadConfig(format=format_, options=options))


def test_format_of_a_reader_without_a_sample_is_refused(tmp_path):
    with install_words_reader(tmp_path):
        for name in ("words", "words_plugin:Words"):
            with pytest.raises(
                ValueError, match=f"the features of the format '{name}' cannot be discovered; name them"
            ):
                discover(["x"], ReadConfig(format=name))


def test_format_of_a_reader_with_a_sample_is_looked_into(tmp_path):
    (tmp_path / "a").write_text("a,b\nc\n")
    with install_words_reader(tmp_path):
        assert found(tmp_path / "a", "words_plugin:SampledWords", separator=",") == ({"tokens": {"kind": "token"}}, {})


def test_format_that_is_none_is_refused():
    with pytest.raises(ValueError, match="`format` is 'a:B', but its class cannot be imported"):
        discover(["x"], ReadConfig(format="a:B"))


EVENTS = {
    "events.page": {"kind": "token"},
    "events.timing.ms": {"kind": "float", "missing": True},
    "user.name": {"kind": "token", "context": True},
}


def make_events(number):
    events = [{"page": f"p{step}", "timing": {"ms": step}} for step in range(1 + number % 3)]
    events[-1]["timing"] = {} if number == 1 else {"ms": None}
    return {"events": events, "user": {"name": "u"}}


def test_fields_of_lists_of_objects_are_found(tmp_path):
    records = [make_events(number) for number in range(6)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, records)))
    assert found(tmp_path / "a.jsonl", "jsonl") == (EVENTS, {})
    (tmp_path / "a.json").write_text(json.dumps(records))
    assert found(tmp_path / "a.json", "json") == (EVENTS, {})
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "a.parquet")
    assert found(tmp_path / "a.parquet", "parquet") == (EVENTS, {})


def test_a_field_that_is_an_object_only_at_times_is_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"x": ["a"], "events": [{"v": 1}, {"v": {"w": 2}}]}\n' * 3)
    _, left_out = found(path, "jsonl")
    assert list(left_out) == ["events.v"]


def test_a_column_of_csv_whose_name_is_not_utf8_is_left_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,x,caf\xe9\nu,a,1\nu,b,2\n")
    features, left_out = found(path, "csv", group_by="user")
    assert list(features) == ["user", "x"]
    assert left_out == {"caf\\udce9": "has a name that is not UTF-8"}


def test_a_name_that_is_not_utf8_is_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"x": ["a"], "caf\xe9": ["b"]}\n')
    assert found(path, "jsonl") == ({"x": {"kind": "token"}}, {"caf\\udce9": "has a name that is not UTF-8"})


def test_records_before_the_damage_tell_the_features(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    lines = "".join(f'{{"x": [{number}]}}\n' for number in range(2000))
    path.write_bytes(gzip.compress(lines.encode())[:-100])
    assert discover([str(path)], ReadConfig(format="jsonl")).spec.features["x"].kind == "integer"


def test_names_that_no_feature_can_have_are_left_out_of_sequence_examples(tmp_path):
    # With another name, the feature could not be found in a record that is kept as it is.
    example = make_example({"words": ["a", "b"], "7": ["c", "d"]}, {"x": 1}, not_finite="keep")
    for name in ("a b", "x/y", "n" * 201):
        example.context.feature[name].int64_list.value.append(1)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(frame(example.SerializeToString()) * 3)
    spec, left_out = discover([str(path)], ReadConfig(format="sequence_example"))
    assert {*spec.features} == {"words", "7", "x"}
    assert all(feature.source is None for feature in spec.features.values())
    wrong = "has a name with a space, or one of / # $"
    assert left_out == {"a b": wrong, "x/y": wrong, "n" * 201: "has a name that is too long for a feature"}


def test_sources_that_would_have_one_name_are_not_merged(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"w": ["x"], "a b": ["1"], "a_b": ["2"], "a/b": ["3"]}) + "\n")
    spec, left_out = discover([str(path)], ReadConfig(format="jsonl"))
    assert [spec.source(name) for name in spec.features] == ["w", "a b"]
    assert left_out == dict.fromkeys(("a_b", "a/b"), "would be called 'a_b', as another feature is")
