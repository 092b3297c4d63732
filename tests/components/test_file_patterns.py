"""A pattern matches the same files wherever it is given: links, hidden files and brackets have one rule."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.components.file_patterns import _matches_path, _split_pattern, match_files

FILES = ("a.csv", "b.csv", "data[1].csv", "data1.csv", ".hidden.csv", "_part.csv", "sub/c.csv", "sub/deep/d.csv")
FILES += (".cache/e.csv", "sub/.f.csv", "x*y.csv", "xzy.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of all kinds, whose own name and that of its parent look like patterns."""
    folder = tmp_path_factory.mktemp("parent") / "[x]" / "a*"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (folder / "folder.csv").mkdir()
    (folder / "link.csv").symlink_to(folder / "a.csv")
    (folder / "sub" / "circle").symlink_to(folder)
    return folder


def names(folder: Path, pattern: str) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in match_files(str(folder), pattern)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.csv", ["a.csv"]),
        ("[ab].csv", ["a.csv", "b.csv"]),
        ("[!a].csv", ["b.csv"]),
        ("data[1].csv", ["data[1].csv"]),
        ("data[12].csv", ["data1.csv"]),
        ("x*y.csv", ["x*y.csv"]),
        ("x?y.csv", ["x*y.csv", "xzy.csv"]),
        ("d*.csv", ["data1.csv", "data[1].csv"]),
        (".h*.csv", [".hidden.csv"]),
        ("_*", ["_part.csv"]),
        ("l*", ["link.csv"]),
        ("*/*.csv", ["sub/c.csv"]),
        ("sub/circle/a.csv", ["sub/circle/a.csv"]),
        ("sub/**", ["sub/c.csv", "sub/deep/d.csv"]),
        ("**/d.csv", ["sub/deep/d.csv"]),
        ("**/**/c.csv", ["sub/c.csv"]),
        ("./sub//c.csv", ["sub/c.csv"]),
        ("sub/../b.csv", ["b.csv"]),
        ("A.csv", []),
        ("folder.csv", []),
        ("sub", []),
        ("", []),
        ("none/*.csv", []),
        ("a.csv/*", []),
    ],
)
def test_matches(folder: Path, pattern: str, expected: list[str]) -> None:
    assert names(folder, pattern) == expected
    # The same file is found if the pattern is absolute, or relative to the place where the process runs.
    absolute = [file.path for file in match_files("", f"{folder}/{pattern}")] if pattern else []
    assert absolute == [file.path for file in match_files(str(folder), pattern)]


def test_finds_all_files_below_but_hidden_ones(folder: Path) -> None:
    expected = {name for name in FILES if "/." not in f"/{name}"} | {"link.csv"}
    assert set(names(folder, "**/*.csv")) == set(names(folder, "**")) == expected


@given(st.lists(st.sampled_from(["**", "*", "?.csv", "*.csv", "sub", "deep", "[a-d].csv", ".*", "_*"]), min_size=1))
def test_local_files_are_those_that_the_rule_for_remote_files_gives(folder: Path, parts: list[str]) -> None:
    pattern = "/".join(parts)
    paths = [*FILES, "link.csv"]
    expected = {path for path in paths if _matches_path(_split_pattern(pattern), path.split("/"))}
    found = {name for name in names(folder, pattern) if not name.startswith("sub/circle")}
    assert found == expected


def test_a_link_to_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "gone")
    with pytest.raises(FileNotFoundError, match=r"a\.csv is a symbolic link, but there is no file that it leads to"):
        match_files(str(tmp_path), "*.csv")


def test_tells_the_size_and_the_nanosecond_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    os.utime(tmp_path / "a", ns=(7, 1_700_000_000_123_456_789))
    assert match_files(str(tmp_path), "a") == [(str(tmp_path / "a"), 5, 1_700_000_000_123_456_789)]
