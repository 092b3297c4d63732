import bz2
import gzip
import re

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfx_sequence.components.sequence_example_gen.files.compression import BrokenFileError
from tfx_sequence.components.sequence_example_gen.files.source import NoInputError, find_files

COMPRESS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress}
TEXTS = st.text(st.sampled_from("a\r\n\u2028\x0b\x85\x1cü ")) | st.text(st.characters(exclude_categories=["Cs"]))
RELAXED = settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


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


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("parts", [1, 3])
def test_compressed_files_read_as_plain_ones_when_they_have_any_number_of_members(kind, parts, make_source):
    text = "".join(f"line {number} ü\n" for number in range(50_000))
    data = COMPRESS[kind](text.encode()) * parts
    assert [line for _, line in make_source(data).lines()] == text.splitlines() * parts


@pytest.mark.parametrize("kind", ["gz", "bz2", "zst"])
@pytest.mark.parametrize("left", [0.3, 0.999])
def test_reading_raises_when_a_compressed_file_is_cut_off(kind, left, make_source):
    data = COMPRESS[kind]("".join(f"line {number * 7919 % 100003}\n" for number in range(20_000)).encode())
    with pytest.raises(BrokenFileError, match="cut off or damaged"):
        list(make_source(data[: int(len(data) * left)]).lines())


def test_errors_of_the_operating_system_stay_what_they_are(make_source, monkeypatch):
    source = make_source(gzip.compress(b"a\n" * 1000))

    def fail(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(gzip.GzipFile, "readinto", fail)
    with pytest.raises(OSError, match="Input/output error"):
        list(source.lines())


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
