import collections
import itertools
import math
import random

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, read_column
from tfx_sequence.schemas.checks.fingerprints import fingerprint_records
from tfx_sequence.schemas.checks.lengths import Lengths
from tfx_sequence.schemas.checks.profile import Profile
from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "x": Feature(kind="float"),
        "id": Feature(kind="token", role="key", context=True),
    }
)


def columns_of(records):
    batch = SequenceExamplesToRecordBatchDecoder(SEQUENCE).DecodeBatch(records)
    return {name: read_column(batch, name, feature.context) for name, feature in SPEC.features.items()}


def lengths_of(*values):
    made = Lengths()
    for value in values:
        made.add(np.array(value, np.int64))
    return made


def test_lengths_add_up_over_batches():
    made = lengths_of([1, 5, 5], [], [2], [9, 0])
    assert (made.num_records, made.num_steps) == (6, 22)
    assert made.compute_quantiles((0, 0.5, 0.75, 1)) == (0, 2, 5, 9)


def test_lengths_of_nothing_are_zero():
    assert lengths_of().compute_quantiles((0, 0.5, 1)) == (0, 0, 0)
    assert lengths_of().compute_padding_share(8, sorted_by_length=True) == 0
    assert lengths_of([0, 0]).compute_padding_share(8, sorted_by_length=False) == 0


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantile_is_the_least_length_that_covers_the_share(values, share):
    (found,) = lengths_of(values).compute_quantiles((share,))
    assert found == min(v for v in values if sum(x <= v for x in values) >= share * len(values) - 1e-9)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 9))
def test_padding_of_sorted_batches_is_that_of_padding_them(values, size):
    ordered = sorted(values)
    batches = [ordered[i : i + size] for i in range(0, len(ordered), size)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    expected = 1 - sum(values) / padded if padded and sum(values) else 0
    assert lengths_of(values).compute_padding_share(size, sorted_by_length=True) == pytest.approx(expected)


def test_padding_of_random_batches_is_near_that_of_drawing_them():
    values = [1] * 50 + [4] * 30 + [20] * 5
    draw = random.Random(0)
    batches = [draw.choices(values, k=8) for _ in range(4000)]
    padded = np.mean([max(batch) for batch in batches])
    assert lengths_of(values).compute_padding_share(8, sorted_by_length=False) == pytest.approx(
        1 - np.mean(values) / padded, abs=0.01
    )


def test_profile_counts_lengths_values_and_what_is_missing(example):
    profile = Profile(SPEC)
    first = [
        example({"id": "1"}, {"tokens": ["a", "b"], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
        example({}, {"tokens": ["a"], "tags": ["X"]}),
    ]
    profile.add(columns_of(first))
    profile.add(columns_of([example({"id": "2"}, {"tokens": ["a"], "tags": ["X"]})]))
    assert profile.num_records == 3
    assert profile.lengths.compute_quantiles((0, 1)) == (1, 2)
    assert profile.value_counts == {"tokens": {b"a": 3, b"b": 1}, "tags": {b"X": 3, b"Y": 1}}
    assert profile.record_counts == {"tokens": 3, "tags": 3, "x": 1, "id": 2}
    # The key and what is missing do not make two records differ that hold the same.
    assert sorted(profile.fingerprint_counts.values()) == [1, 2]


def test_profile_does_not_count_values_of_another_type(example):
    profile = Profile(SPEC)
    profile.add(columns_of([example({}, {"tokens": [1, 2], "tags": ["X", "Y"]})]))
    assert profile.value_counts["tokens"] == collections.Counter()


CHANGES = [
    ({}, {"tokens": ["a", "b"], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["b", "a"], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["a", "b"], "tags": ["Y", "X"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["X", "Y"], "tags": ["a", "b"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["a", "b"], "tags": ["X", "Y"], "x": [2.0, 1.0]}),
    ({}, {"tokens": ["a", "b"], "tags": ["X", "Y"], "x": [1.0, 2.5]}),
    ({}, {"tokens": ["ab"], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": [["a", "b"]], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": [["b", "a"]], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["a", "b", []], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": ["a", [], "b"], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tokens": [], "tags": ["X", "Y"], "x": [1.0, 2.0]}),
    ({}, {"tags": ["X", "Y"], "x": [1.0, 2.0]}),
]


def test_fingerprints_tell_records_apart_and_do_not_depend_on_the_batch(example):
    records = [example(*change) for change in CHANGES]
    whole = fingerprint_records(columns_of(records)).tolist()
    assert len(set(whole)) == len(records)
    assert [fingerprint_records(columns_of([record])).tolist()[0] for record in records] == whole
    assert fingerprint_records(columns_of(records[::-1])).tolist() == whole[::-1]


def test_fingerprints_of_all_short_sentences_differ(example):
    words = ["a", "b", "c"]
    sentences = [list(s) for n in range(5) for s in itertools.product(words, repeat=n)]
    records = [example({}, {"tokens": s, "tags": ["X"] * len(s)}) for s in sentences]
    assert len(set(fingerprint_records(columns_of(records)).tolist())) == len(sentences)


def test_fingerprints_of_equal_numbers_are_equal(example):
    other_nan = float(np.array(0xFFC00001, np.uint32).view(np.float32))
    records = [example({}, {"tokens": ["a"], "x": [x]}) for x in (0.0, -0.0, math.nan, other_nan, 1.0)]
    zero, minus_zero, nan, another_nan, one = fingerprint_records(columns_of(records)).tolist()
    assert (zero, nan) == (minus_zero, another_nan)
    assert len({zero, nan, one}) == 3


def test_fingerprints_need_a_column_and_numbers_of_64_bits():
    with pytest.raises(ValueError, match="at least one feature"):
        fingerprint_records({})
    column = ArrowColumn(pa.array([1, 2], pa.int32()), np.array([2]), np.array([1]), np.array([True]), context=False)
    with pytest.raises(ValueError, match="64-bit integers, but are of the Arrow type int32"):
        fingerprint_records({"x": column})
