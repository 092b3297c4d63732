"""docs/guarantees.md names, for each guarantee, a test or a benchmark that is there."""

import re

from support.paths import ROOT

_ROWS = [
    line
    for line in (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| guarantee")
]


def test_each_guarantee_names_tests_or_benchmarks_that_exist():
    assert _ROWS
    for row in _ROWS:
        _, _, checks = row.strip("| ").rpartition(" | ")
        files = re.findall(r"(?:tests|benchmarks)/[\w/]+\.py", checks)
        assert files, row
        for file in files:
            assert (ROOT / file).is_file(), row


def test_no_guarantee_stands_twice():
    assert len(set(_ROWS)) == len(_ROWS)
