import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery import NotDiscoveredError, discover
from tfx_sequence.components.sequence_example_gen.file_reader import FileReader
from tfx_sequence.schemas.examples import make_example
from tfx_sequence.schemas.records import Reject
from tfx_sequence.schemas.tfrecords import frame


def found(path, format_, **options):
    """What is discovered, as far as it is not the default; and that the reader reads all records by it."""
    read = ReadConfig(format=format_, options=options)
    discovery = discover([str(path)], read)
    reader = FileReader(discovery.spec, read)
    results = list(reader.rows(str(path), 0) if reader.grouping else reader.read(str(path)))
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
    odd = {"nested": {"a": 1}, "pairs": [[1], [1, 2]], "empty": [], "other": [1, 2, 3, 4, 5], "mixed": 1}
    lines = [{"words": ["a", "b"], **odd, "rare": 1}, {"words": ["a", "b"], **odd, "mixed": [1], "other": [1]}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert found(path, "jsonl") == (
        {"words": {"kind": "token"}},
        {
            "nested": "holds values of the types dict",
            "pairs": "has several values in a step, and these are no vectors of one width",
            "empty": "holds no value",
            "other": "has another number of values than the other lists of its record",
            "mixed": "is a list in some records and one value in others",
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
        "user": {"kind": "integer", "context": True},
        "age": {"kind": "integer", "context": True},
        "x": {"kind": "float"},
        "n": {"kind": "token", "nested": True},
    }


def test_csv_says_what_it_holds_when_it_is_told_the_groups(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("user,t,x,word,age\n" + "".join(f"u{u},{t},{t}.5,w{t},{u}\n" for u in range(3) for t in range(2)))
    assert found(path, "csv", group_by="user", order_by="t")[0] == {
        "user": {"kind": "token", "context": True},
        "t": {"kind": "integer"},
        "x": {"kind": "float"},
        "word": {"kind": "token"},
        "age": {"kind": "integer", "context": True},
    }


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


def test_format_of_a_plug_in_is_not_looked_into():
    with pytest.raises(ValueError, match="the features of the format 'a:B' cannot be found out; name them"):
        discover(["x"], ReadConfig(format="a:B"))
