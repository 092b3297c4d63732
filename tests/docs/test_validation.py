"""docs/validation.md has the rules that there are, and its code runs as it stands."""

import re

import tensorflow as tf
from support.paths import ROOT
from support.raw_records import serialize_example

from tfx_sequence.schemas.checks.rules import RULES
from tfx_sequence.schemas.records.rejects import Reason

TEXT = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")


def read_section(heading):
    (section,) = re.findall(rf"## {heading}\n(.*?)\n## ", TEXT, re.DOTALL)
    return section


def test_table_has_every_rule_of_records():
    cells = re.findall(r"^\| (`.*?`) \| ", read_section("Rules"), re.MULTILINE)
    rules = [rule for cell in cells for rule in re.findall(r"`(\w+)`", cell)]
    # Keys are compared across files, so their rule is not one of a batch of records.
    assert sorted(rules) == sorted([*RULES.rows, Reason.DUPLICATE_KEY.value])


def test_code_without_a_pipeline_reports_a_folder(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "data" / "Split-train"
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "data-00000-of-00001.gz"), "GZIP") as writer:
        writer.write(serialize_example({"id": "1"}, {"tokens": ["a", "b"]}))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", read_section("Without a pipeline"), re.DOTALL)
    exec(code, {})
    assert '"records": 1' in capsys.readouterr().out
