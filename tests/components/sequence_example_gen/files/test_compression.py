import bz2
import gzip

import pytest
import zstandard

from tfx_sequence.components.sequence_example_gen.files.compression import SUFFIXES, BrokenFileError

COMPRESS = {"plain": bytes, "gz": gzip.compress, "bz2": bz2.compress, "zst": zstandard.ZstdCompressor().compress}


def test_suffixes_are_those_of_the_formats_that_are_decompressed():
    assert [suffix for suffix in SUFFIXES if suffix[1:] not in COMPRESS] == []
    assert len(SUFFIXES) == len(COMPRESS) - 1


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
