"""Every reader on files that are nearly valid: lines and bytes changed, doubled, dropped, torn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzzed_readers import FORMATS, NUM_UNITS, TROUBLE, check_promises, find_lost_units, fuzz

from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.records.damage import DamagedFile

NUM_FILES = 150
"""The number of files of a format. `benchmarks/fuzz_readers.py` reads more."""


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


def test_every_format_is_fuzzed() -> None:
    assert {name.partition(",")[0] for name in FORMATS} == set(READERS.rows)


@pytest.mark.parametrize("name", FORMATS)
def test_valid_files_are_accepted_whole(name: str) -> None:
    results = check_promises(name, FORMATS[name].valid)
    assert all(isinstance(result, EncodedRecord) for result in results)
    assert find_lost_units(name, results, (NUM_UNITS, NUM_UNITS)) == []


@pytest.mark.parametrize("name", FORMATS)
def test_a_unit_that_is_lost_or_read_twice_is_found(name: str) -> None:
    records = check_promises(name, FORMATS[name].valid)
    untouched = (NUM_UNITS, NUM_UNITS)
    # A window has tokens of two units, and a token may be in two windows.
    is_window = FORMATS[name].copies > 1
    assert find_lost_units(name, records[1:] if not is_window else records[4:], untouched)
    assert find_lost_units(name, [*records, *records], untouched)


@pytest.mark.parametrize("name", FORMATS)
def test_no_unit_is_lost_without_a_word_when_others_are_changed(name: str) -> None:
    for seed in range(NUM_FILES):
        fuzzed = fuzz(name, seed)
        results = check_promises(name, fuzzed.data)
        assert find_lost_units(name, results, fuzzed.touched) == [], f"seed {seed}"


@pytest.mark.parametrize("name", [name for name in FORMATS if FORMATS[name].wrap is not bytes])
def test_a_binary_file_that_is_cut_off_is_damaged(name: str) -> None:
    data = FORMATS[name].valid
    for size in range(40, len(data) - 1, max(1, len(data) // 20)):
        assert isinstance(check_promises(name, data[:size])[-1], DamagedFile)


@pytest.mark.parametrize("name", FORMATS)
def test_reader_gives_sound_records_or_rejects_with_a_reason_when_the_file_is_damaged(name: str) -> None:
    @settings(max_examples=100)
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
