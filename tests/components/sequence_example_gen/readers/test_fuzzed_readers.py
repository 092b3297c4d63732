"""Every text reader on files that are nearly valid: lines and bytes changed, doubled, dropped, torn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzzed_readers import FORMATS, check_promises

from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.records.rejects import Reject

TROUBLE = [
    *(bytes([byte]) for byte in b'\0\t\n\r "\',:;=|#@-_.?[]{}\\/0aN'),
    b"\r\n", b"\xff", b"\xc3", "\u2028".encode(), "\u0085".encode(), b"\xef\xbb\xbf", "é😀".encode(), b"\xed\xa0\x80",
    b"1e999", b"-inf", b"NaN", b"null", b"true", b"9" * 400, b"[" * 200, b'{"a":' * 200, b"-DOCSTART-", b"1-2\t",
    b"1.1\t", b"\xe2\x80\xae", b"\x1f\x8b", b"@data\n", b"\\ud800",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid file after a few edits."""
    data = valid * draw(st.integers(1, 2))
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        new = draw(st.sampled_from(TROUBLE) | st.binary(max_size=4) | st.just(b"") | st.just(data[start:end] * 2))
        data = data[:start] + new + data[end:]
    return data


def test_every_text_format_is_fuzzed() -> None:
    """What is in binary files is tested, and damaged, beside each of their readers."""
    binary = {"npz", "parquet", "sequence_example"}
    assert {name.partition(",")[0] for name in FORMATS} == set(READERS.rows) - binary


def test_valid_files_are_accepted_whole() -> None:
    for name, format_ in FORMATS.items():
        results = check_promises(name, format_.valid)
        assert len(results) > 1
        assert not [result for result in results if isinstance(result, Reject)]


@pytest.mark.parametrize("name", FORMATS)
def test_reader_gives_sound_records_or_rejects_with_a_reason_when_the_file_is_damaged(name: str) -> None:
    @settings(max_examples=200)
    @given(damaged(FORMATS[name].valid))
    def check(data: bytes) -> None:
        check_promises(name, data)

    check()


@pytest.mark.parametrize("name", FORMATS)
def test_reader_gives_sound_records_or_rejects_with_a_reason_when_the_file_is_noise(name: str) -> None:
    @settings(max_examples=50)
    @given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
    def check(data: bytes) -> None:
        check_promises(name, data)

    check()
