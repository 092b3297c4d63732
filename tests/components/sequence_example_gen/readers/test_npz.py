import gzip
import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "ids": Feature(kind="integer"),
        "words": Feature(kind="token"),
        "v": Feature(kind="vector", width=2, source="vectors"),
        "y": Feature(kind="float", context=True),
    },
    min_length=0,
)
CONFIG = ReadConfig(format="npz")


def archive(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def arrays(lengths, seed=0):
    rng, total = np.random.default_rng(seed), sum(lengths)
    return {
        "lengths": np.array(lengths, np.int32),
        "ids": rng.integers(-9, 9, total),
        "words": np.array([f"w{i}ü" for i in range(total)], "U8"),
        "vectors": rng.normal(size=(total, 2)),
        "y": np.arange(len(lengths), dtype=np.float32),
    }


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 9))
@RELAXED
def test_sequences_come_out_as_they_went_in(read, lengths, seed):
    given_arrays = arrays(lengths, seed)
    got = [decode(SPEC, item.pieces[0]) for item in read(archive(**given_arrays), SPEC, CONFIG)]
    bounds = np.cumsum(lengths)[:-1]
    for name, key in {"ids": "ids", "words": "words", "v": "vectors"}.items():
        want = np.split(given_arrays[key], bounds)
        for record, values in zip(got, want, strict=True):
            np.testing.assert_array_equal(np.asarray(record[name]), values.astype("f4") if name == "v" else values)
    assert [record["y"] for record in got] == list(range(len(lengths)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ids": np.arange(4)}, "`ids` has shape (4,), expected 5 rows, one per step"),
        ({"y": np.zeros(3)}, "one per sequence"),
        ({"lengths": np.array([2.0, 3.0])}, "must be [N] integers"),
        ({"lengths": np.array([6, -1])}, "must be [N] integers"),
        ({"words": np.array(["a", None, "c", "d", "e"], object)}, "plain arrays"),
        ({"y": np.array(1.0)}, "shape ()"),
    ],
)
def test_arrays_that_do_not_fit_are_damage_of_the_file(change, message, read):
    (damaged_file,) = read(archive(**{**arrays([2, 3]), **change}), SPEC, CONFIG)
    assert isinstance(damaged_file, DamagedFile)
    assert message in damaged_file.message


def test_a_missing_array_is_named(read):
    (damaged_file,) = read(archive(lengths=np.array([1])), SPEC, CONFIG)
    assert "no array 'ids'; it has lengths" in damaged_file.message


@given(st.binary(max_size=40), st.integers(0, 800))
@RELAXED
def test_a_damaged_file_is_read_or_rejected_with_a_reason(read, noise, at):
    data = archive(**arrays([2, 3]))
    items = read(data[:at] + noise + data[at + len(noise) :], SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject, DamagedFile)) for item in items)


def rewrite_member(data, name, change, **compression):
    """Returns an archive with a member that is changed, and has the checksum of its new content."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", **compression) as new:
        for member in old.namelist():
            content = old.read(member)
            new.writestr(member, change(content) if member == name else content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"(5,)", b"(9,)"),
        (b"(5,)", b"(3,)"),
        (b"(5,), ", b"(1000000000000000,), "),
        (b"'<i8'", b"'<i4'"),
        (b"'<i8'", b"'|V0'"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x09"),
        (b"{'descr'", b"((((((("),
    ],
)
def test_an_array_whose_header_is_damaged_is_damage_of_the_file(old, new, read):
    data = rewrite_member(archive(**arrays([2, 3])), "ids.npy", lambda content: content.replace(old, new, 1))
    (damaged_file,) = read(data, SPEC, CONFIG)
    assert isinstance(damaged_file, DamagedFile)
    assert "the file" in damaged_file.message or "the array 'ids'" in damaged_file.message


def test_an_array_with_a_compression_of_unbounded_size_is_refused(read):
    data = rewrite_member(archive(**arrays([2, 3])), "", bytes, compression=zipfile.ZIP_BZIP2)
    (damaged_file,) = read(data, SPEC, CONFIG)
    assert "a compression that NumPy does not write" in damaged_file.message


def test_an_archive_that_is_compressed_again_says_so(read):
    (damaged_file,) = read(gzip.compress(archive(**arrays([2, 3]))), SPEC, CONFIG)
    assert "the file is compressed as a whole" in damaged_file.message
