import json
import re
from pathlib import Path

import pytest

from tfx_sequence.schemas import Feature, SequenceSpec, to_schema
from tfx_sequence.schemas.spec_toml import from_toml
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, parse_schema

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token", drift=0.2),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "length": Feature(kind="integer", context=True, role="carried"),
    },
    min_length=2,
    max_length=1000,
    length_skew=0.5,
)


@pytest.fixture
def schema(tmp_path):
    """Writes a schema, with something changed in it."""

    def write(name, change=lambda made: None):
        made = to_schema(SPEC)
        tags = next(proto for proto in list_feature_protos(made) if proto.name == "tags")
        tags.domain = "tags"
        made.string_domain.add(name="tags", value=["O", "B-X", "I-X"])
        made.feature[0].int_domain.min = 1
        change(made)
        (tmp_path / name).write_text(str(made))
        return str(tmp_path / name)

    return write


def test_show_says_what_the_schema_says(schema, run):
    code, out, err = run("schema", "show", schema("a"))
    assert (code, err) == (0, "")
    lines = [re.split(r" {2,}", line.strip()) for line in out.splitlines()]
    assert lines == [
        ["records of 2 to 1,000 steps"],
        ["lengths at most 0.5 from those of serving"],
        [""],
        ["feature", "kind, role", "values", "drift", "skew"],
        ["length", "integer, carried, context", "1 .."],
        ["tokens", "token, input", "0.2"],
        ["tags", "categorical, label, BIO", "3: 'O', 'B-X', 'I-X'"],
    ]


def test_show_writes_the_spec_as_json_and_as_toml(schema, run):
    path = schema("a")
    assert SequenceSpec.from_json(run("schema", "show", path, "--json")[1]) == SPEC
    assert from_toml(run("schema", "show", path, "--toml")[1]) == SPEC


def test_show_takes_the_folder_of_an_artifact(schema, run, tmp_path):
    schema("schema.pbtxt")
    assert run("schema", "show", str(tmp_path))[0] == 0


def test_diff_lists_what_differs(schema, run):
    def change(made):
        made.string_domain[0].value.append("B-Y")
        made.feature[0].int_domain.min = 0

    old, new = schema("a"), schema("b", change)
    lines = ["feature `length`: `int_domain` is {}, was {min: 1}", "feature `tags`: its domain has 'B-Y'"]
    code, out, err = run("schema", "diff", old, new)
    assert (code, err) == (1, "")
    assert out.splitlines() == [lines[0].replace("{}", "{min: 0}"), lines[1]]
    assert json.loads(run("schema", "diff", old, new, "--json")[1])["differences"][1] == lines[1]
    assert run("schema", "diff", old, old) == (0, "no difference\n", "")


def test_infer_writes_the_schema_of_train(corpus, run, tmp_path):
    path = tmp_path / "schema.pbtxt"
    code, out, _ = run("schema", "infer", corpus)
    assert code == 0
    assert run("schema", "infer", f"{corpus}/train.jsonl", "-o", str(path))[:2] == (0, "")
    assert parse_schema(out, "stdout") == parse_schema(path.read_text(), "file")
    spec = from_schema(parse_schema(out, "stdout"))
    assert {name: (feature.kind, feature.role) for name, feature in spec.features.items()} == {
        "id": ("token", "carried"),
        "words": ("token", "input"),
        "tags": ("categorical", "label"),
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", "missing"], "the schema missing cannot be read: No such file or directory"),
        (["diff", "{a}", "missing"], "the schema missing cannot be read"),
        (["show", "{cut}"], "is cut off"),
        (["diff", "{a}", "{newer}"], "newer: the schema is marked 'tfx_sequence:2', but this package reads"),
        (["infer", "missing"], "no file at 'missing'"),
        (["infer", "{a}", "-o", "missing/x"], "missing/x cannot be written: there is no folder missing"),
    ],
)
def test_what_cannot_be_read_gives_2(schema, run, tmp_path, argv, message):
    text = Path(schema("a")).read_text()
    (tmp_path / "cut").write_text(text[: len(text) // 2])
    (tmp_path / "newer").write_text(text.replace("tfx_sequence:1", "tfx_sequence:2"))
    code, out, err = run("schema", *(arg.format(**{n: tmp_path / n for n in ("a", "cut", "newer")}) for arg in argv))
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("tfx-sequence: ")
    assert message in line
