"""docs/reading.md says what is there, and its code runs as it stands."""

import importlib
import re

import pytest
from support.paths import ROOT

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.pipeline.config.tables import DataSplitConfig
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TEXT = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")


def _options(module):
    """The names of the options that the readers of a module take."""
    models = [getattr(module, name) for name in dir(module) if name.endswith("Options")]
    return {option for model in models for option in model.model_fields}


def _rows():
    """The names in the first column of the table of formats, to the row; two formats may share a row."""
    (section,) = re.findall(r"## Formats\n(.*?)\n## ", TEXT, re.DOTALL)
    rows = re.findall(r"^\| (`.*)$", section, re.MULTILINE)[1:]
    return {name: row for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[0])}


def test_table_lists_the_formats_that_there_are():
    assert sorted(_rows()) == sorted(READERS.rows)


@pytest.mark.parametrize("name", READERS.rows)
def test_table_names_the_options_of_a_format(name):
    module = importlib.import_module(READERS.find_row(name).target.partition(":")[0])
    missing = {option for option in _options(module) if option not in _rows()[name]}
    assert not missing


@pytest.mark.parametrize("name", [name for name, row in READERS.rows.items() if row.suffixes])
def test_page_says_which_suffix_tells_a_format(name):
    (sentence,) = re.findall(r"These suffixes of a file name determine its format: (.*?)\. ", TEXT, re.DOTALL)
    assert re.findall(r"`(\.\w+)`", sentence) == [s for row in READERS.rows.values() for s in row.suffixes]


def test_splits_are_those_that_there_are():
    (section,) = re.findall(r"## Splits\n(.*?)\n## ", TEXT, re.DOTALL)
    assert re.findall(r'^\| `"(\w+)"` \|', section, re.MULTILINE) == ["hash", "index", "time", "stratified"]
    for by in ("hash", "index", "time", "stratified"):
        assert SplitConfig(by=by).by == by


def test_default_shares_are_those_of_the_page():
    (section,) = re.findall(r"## Splits\n(.*?)\n## ", TEXT, re.DOTALL)
    config, python, given = re.search(
        r"default is (.*?)\. In Python, the default `SplitConfig\(\)` is\s(.*?)\. "
        r"To get a test split, pass\s`(SplitConfig\(.*?\))`",
        section,
        re.DOTALL,
    ).groups()

    def shares(text):
        return {name: int(number) for number, name in re.findall(r"(\d+)(?: shares)?\s`(\w+)`", text)}

    assert shares(config) == DataSplitConfig().shares == eval(given, {"SplitConfig": SplitConfig}).shares
    assert shares(python) == SplitConfig().shares


def test_own_reader_reads(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "my_module.py").write_text(code, encoding="utf-8")
    (tmp_path / "data.txt").write_text("a b\nc\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    (name,) = re.findall(r'`format = "(my_module:\w+)"`', TEXT)
    reader = FileReader(SequenceSpec(features={"words": Feature(kind="token")}), ReadConfig(format=name))
    records = [read.record for read in reader.read_records(str(tmp_path / "data.txt"))]
    assert records == [{"words": ["a", "b"]}, {"words": ["c"]}]
    assert f'[project.entry-points."{READERS.group}"]\nwords = "{name}"' in TEXT


def test_make_example_takes_what_the_page_gives_it():
    (call,) = re.findall(r"`tfx_sequence\.schemas\.(make_example\(.*?\))`", TEXT)
    example = eval(call, {"make_example": make_example})
    assert list(example.feature_lists.feature_list["tokens"].feature[2].int64_list.value) == [3]
    assert example.context.feature["length"].int64_list.value == [3]
