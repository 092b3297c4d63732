import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.property_tests import RELAXED

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.ingestion.stage_elements import EncodedRecord
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.records.rejects import Reason, Reject
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
    got = [decode(SPEC, item.identity) for item in read(archive(**given_arrays), SPEC, CONFIG)]
    bounds = np.cumsum(lengths)[:-1]
    for name, key in {"ids": "ids", "words": "words", "v": "vectors"}.items():
        want = np.split(given_arrays[key], bounds)
        for record, values in zip(got, want, strict=True):
            np.testing.assert_array_equal(np.asarray(record[name]), values.astype("f4") if name == "v" else values)
    assert [record["y"] for record in got] == list(range(len(lengths)))


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"ids": np.arange(4)}, Reason.UNEQUAL_LENGTHS, "`ids` has shape (4,), expected 5 rows, one per step"),
        ({"y": np.zeros(3)}, Reason.UNEQUAL_LENGTHS, "one per sequence"),
        ({"lengths": np.array([2.0, 3.0])}, Reason.MALFORMED, "must be [N] integers"),
        ({"lengths": np.array([6, -1])}, Reason.MALFORMED, "must be [N] integers"),
        ({"words": np.array(["a", None, "c", "d", "e"], object)}, Reason.MALFORMED, "plain arrays"),
        ({"y": np.array(1.0)}, Reason.UNEQUAL_LENGTHS, "shape ()"),
    ],
)
def test_arrays_that_do_not_fit_are_one_reject(change, reason, message, read):
    (reject,) = read(archive(**{**arrays([2, 3]), **change}), SPEC, CONFIG)
    assert reject.reason is reason
    assert message in reject.message


def test_a_missing_array_is_named(read):
    (reject,) = read(archive(lengths=np.array([1])), SPEC, CONFIG)
    assert "no array 'ids'; it has lengths" in reject.message


@given(st.binary(max_size=40), st.integers(0, 800))
@RELAXED
def test_a_damaged_file_is_read_or_rejected_with_a_reason(read, noise, at):
    data = archive(**arrays([2, 3]))
    items = read(data[:at] + noise + data[at + len(noise) :], SPEC, CONFIG)
    assert items
    assert all(isinstance(item, (EncodedRecord, Reject)) for item in items)
