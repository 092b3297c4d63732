import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.files.source import NoInputError, find_files

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


@pytest.mark.parametrize("block", [3, 1 << 20])
def test_lines_name_the_undecodable_byte_and_go_on(block, make_source):
    @given(st.lists(st.binary(max_size=6), max_size=6))
    @RELAXED
    def check(parts):
        data = b"x" + b"\n".join(parts)
        source = make_source(data, block_bytes=block)
        numbers = []
        for number, line in source.lines():
            numbers.append(number)
            damage = source.take_damage()
            assert (damage is None) == ("\ufffd" not in line or "\ufffd".encode() in data)
            if damage:
                assert damage.line == number
                assert f"0x{data[damage.offset]:02x}" in damage.message
                with pytest.raises(UnicodeDecodeError):
                    data[damage.offset : damage.offset + 4].decode()
        assert numbers == list(range(1, len(numbers) + 1))

    check()


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
