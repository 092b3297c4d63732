import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.files.source import NoInputError, find_files
from tfx_sequence.schemas.records.damage import DamagedFileError

TEXTS = st.text(st.sampled_from("a\r\n\u2028\x0b\x85\x1cü ")) | st.text(st.characters(exclude_categories=["Cs"]))


def lines_by_the_rule(text):
    """Lines end in CRLF, CR or LF, and the last need not."""
    lines = re.split("\r\n|\r|\n", text)
    return lines[:-1] if lines[-1] == "" else lines


@pytest.mark.parametrize("block", [1, 2, 5, 1 << 20])
def test_lines_are_those_of_the_rule_when_blocks_end_anywhere(block, make_source):
    @given(TEXTS, st.booleans())
    @RELAXED
    def check(text, bom):
        text = text.lstrip("\ufeff")
        data = ("\ufeff" if bom else "").encode() + text.encode()
        got = list(make_source(data, block_bytes=block).lines())
        assert [line for _, line in got] == lines_by_the_rule(text)
        whole = "".join(line for _, line in make_source(text.encode(), block_bytes=block).lines(ends=True))
        assert whole == text.replace("\r\n", "\n").replace("\r", "\n")
        assert [number for number, _ in got] == list(range(1, len(got) + 1))

    check()


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_bytes_that_are_not_utf8_stay_what_they_are_within_their_line(block, make_source):
    @given(st.lists(st.binary(max_size=6), max_size=6))
    @RELAXED
    def check(parts):
        data = b"x" + b"\n".join(parts)
        lines = [line for _, line in make_source(data, block_bytes=block).lines()]
        assert [line.encode("utf-8", "surrogateescape") for line in lines] == list(data.splitlines())
        whole = "".join(make_source(data, block_bytes=block).texts())
        assert whole.encode("utf-8", "surrogateescape") == data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    check()


@pytest.mark.parametrize("block", [1, 3, 1 << 20])
def test_only_the_beginning_of_a_line_above_the_limit_is_read(block, make_source):
    @given(st.lists(st.text("aé", max_size=9), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]))
    @RELAXED
    def check(lines, end):
        source = make_source(end.join(lines).encode(), max_line_bytes=4, block_bytes=block)
        got = []
        for number, line in source.lines():
            is_long = len(lines[number - 1].encode()) > 4
            assert (number in source.long_lines) == is_long
            assert is_long or line == lines[number - 1]
            got.append(line)
        assert len(got) == len(lines) - (lines[-1] == "")

    check()


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"PAR1", b"\x93NUMPY"])
def test_a_binary_file_is_no_text(head, make_source):
    with pytest.raises(DamagedFileError, match="but its format is one of text"):
        list(make_source(head + bytes(100)).lines())


def test_find_files_sorts_and_refuses_when_nothing_matches(tmp_path):
    for name in ("b.txt", "a.txt", "c.dat"):
        (tmp_path / name).write_text("x")
    assert find_files(str(tmp_path / "*.txt")) == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    (tmp_path / "folder.txt").mkdir()
    assert len(find_files(str(tmp_path / "*.txt"))) == 2
    with pytest.raises(NoInputError):
        find_files(str(tmp_path / "folder.txt"))
    with pytest.raises(NoInputError, match=r"no file matches '.*\.csv'"):
        find_files(str(tmp_path / "*.csv"))
