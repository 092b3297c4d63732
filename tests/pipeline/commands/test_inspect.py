import json
import re

import pytest

from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.tfrecords import frame


@pytest.fixture
def file(tmp_path):
    records = [make_example({"t": ["a", "ü"] * n, "v": [[0.5, 1.0]] * (2 * n)}, {"n": n}) for n in (1, 1, 5)]
    path = tmp_path / "a"
    path.write_bytes(b"".join(frame(record.SerializeToString()) for record in records))
    return path


def test_counts_features_lengths_and_records_are_shown(file, run):
    code, out, err = run("inspect", str(file), "--records", "1")
    assert (code, err) == (0, "Loading TensorFlow ...\n")
    assert [re.split(r" {2,}", line.strip()) for line in out.splitlines()] == [
        ["1 file, 3 records, 14 steps"],
        [""],
        ["feature", "in", "type", "records", "values", "values in a step"],
        ["n", "context", "int64", "3", "3", "1"],
        ["t", "sequence", "string", "3", "14", "1"],
        ["v", "sequence", "float32", "3", "28", "2"],
        [""],
        ["steps", "records"],
        ["2", "2", "█" * 40],
        *[[str(n), "0"] for n in range(3, 10)],
        ["10", "1", "█" * 20],
        [""],
        ["n: 1"],
        ['t: ["a", "ü"]'],
        ["v: [[0.5, 1.0], [0.5, 1.0]]"],
    ]


def test_what_is_found_goes_through_json(file, run):
    code, out, _ = run("inspect", str(file), "--json")
    found = json.loads(out)
    assert (code, found["records"], found["lengths"]) == (0, 3, {"2": 2, "10": 1})


def test_damage_is_shown_and_gives_1(file, run):
    file.write_bytes(file.read_bytes()[:-3])
    code, out, _ = run("inspect", str(file))
    assert code == 1
    assert "1 file, 2 records, 4 steps" in out
    assert "the file ends within a record" in out


def test_nothing_to_inspect_gives_2(run, tmp_path):
    code, out, err = run("inspect", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.startswith(f"tfx-sequence: no file at '{tmp_path}'; expected")
