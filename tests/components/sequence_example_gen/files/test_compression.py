import bz2
import gzip
import lzma
import resource

import pytest
import zstandard

from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.compression import SUFFIXES
from tfx_sequence.components.sequence_example_gen.files.file_system import FileAccessError
from tfx_sequence.schemas.records.damage import DamagedFileError

COMPRESS = {
    "plain": bytes,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def test_suffixes_are_those_of_the_formats_that_are_decompressed():
    assert [suffix for suffix in SUFFIXES if suffix[1:] not in COMPRESS] == []
    assert len(SUFFIXES) == len(COMPRESS) - 1


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("parts", [1, 3])
def test_compressed_files_read_as_plain_ones_when_they_have_any_number_of_members(kind, parts, make_source):
    text = "".join(f"line {number} ü\n" for number in range(50_000))
    data = COMPRESS[kind](text.encode()) * parts
    assert [line for _, line in make_source(data).lines()] == text.splitlines() * parts


def read_until_damage(source):
    """Returns the lines of a damaged file, and the error after them."""
    got = []
    try:
        got.extend(line for _, line in source.lines())
    except DamagedFileError as error:
        return got, error
    raise AssertionError("the file is not damaged")


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz", "zst"])
@pytest.mark.parametrize("left", [0.3, 0.999])
def test_a_file_that_is_cut_off_is_damaged_after_the_lines_before_it(kind, left, make_source):
    lines = [f"line {number * 7919 % 1000003}" for number in range(200_000)]
    data = COMPRESS[kind]("".join(f"{line}\n" for line in lines).encode())
    source = make_source(data[: int(len(data) * left)])
    got, error = read_until_damage(source)
    assert (error.file, error.message[:39]) == (source.path, "the compressed data is cut off or damag")
    assert got == lines[: len(got)]
    # A block of bzip2 that is cut off is lost, and has 900 KB, which is 75,000 of these lines.
    assert len(got) > left * len(lines) - 80_000


def test_a_small_file_that_is_cut_in_half_keeps_the_lines_before(make_source):
    data = gzip.compress("".join(f"line {number * 7919 % 100003}\n" for number in range(2000)).encode())
    got, _ = read_until_damage(make_source(data[: len(data) // 2]))
    assert 800 < len(got) < 1200


def test_errors_of_the_file_system_are_no_damage(make_source, monkeypatch):
    source = make_source(gzip.compress(b"a\n" * 1000))

    class FailingStream:
        def read(self, size):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(file_system, "open_file", lambda path: FailingStream())
    for open_source in (source.open, source.open_seekable):
        with pytest.raises(FileAccessError, match=r"data\.txt cannot be read: .*Input/output error"):
            open_source().read()
    with pytest.raises(FileAccessError, match="Input/output error"):
        list(source.lines())


def test_a_file_without_permission_is_no_damage(make_source, monkeypatch):
    source = make_source(b"a")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(file_system, "open_file", refuse)
    with pytest.raises(FileAccessError, match="Permission denied"):
        source.open()


def test_a_small_file_of_zstd_that_becomes_gigabytes_takes_little_memory(make_source):
    # 128 KB of zeros are 4 bytes in zstd.
    data = zstandard.ZstdCompressor(level=1).compress(bytes(1 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    source = make_source(data * 3, max_line_bytes=1 << 20)
    ((number, line),) = source.lines()
    assert (number, source.long_lines) == (1, [1])
    assert len(line) <= 1000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10
