"""The table of formats: facts that are known before a reader is imported."""

import re
import subprocess
import sys

import pytest
from support.paths import ROOT

from tfx_sequence.components.sequence_example_gen.readers.table import (
    READERS,
    SEQUENCE_EXAMPLE,
    find_format,
    find_row,
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train.jsonl", "jsonl"),
        ("data/a.CONLLU.zst", "conllu"),
        ("a.json.gz", "json"),
        ("a.gz", None),
        ("data.jsonl/part", None),
        ("data-00000-of-00001", None),
    ],
)
def test_find_format_goes_by_the_suffix_when_there_is_one(path, name):
    assert find_format(path) == name


def test_no_suffix_tells_two_formats():
    suffixes = [suffix for row in READERS.rows.values() for suffix in row.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert SEQUENCE_EXAMPLE in READERS.rows


def test_formats_are_listed_by_name_and_in_the_page_of_the_setting():
    assert list(READERS.rows) == sorted(READERS.rows)
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^\| `format` \| (.*?) or text \| ", page, re.MULTILINE)
    assert re.findall(r'`"(\w+)"`', listed) == list(READERS.rows)


def test_find_row_supposes_nothing_of_a_format_that_is_not_of_this_package():
    row = find_row("my_module:Words")
    assert (row.suffixes, row.holds_lists, row.by_folder) == ((), True, False)


def test_table_is_known_without_the_readers_and_what_they_import():
    program = (
        "import sys\n"
        "from tfx_sequence.components.sequence_example_gen.readers.table import READERS\n"
        "print([name for name in ('numpy', 'pyarrow', 'pandas', 'tensorflow', 'apache_beam') if name in sys.modules])\n"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
