import re

import hypothesis.strategies as st
import pytest
from hypothesis import given

from tfx_sequence.schemas.contract import UNFINISHED
from tfx_sequence.schemas.records.shards import IncompleteDataError, check_files, check_shards


def name_shards(numbers, count, start="a/train-", end=".gz"):
    return [f"{start}{number:05d}-of-{count:05d}{end}" for number in numbers]


def is_accepted(paths):
    try:
        check_shards(paths)
    except IncompleteDataError:
        return False
    return True


@given(count=st.integers(0, 5), numbers=st.sets(st.integers(0, 7), min_size=1))
def test_all_numbers_from_0_or_from_1_are_complete_and_no_others(count, numbers):
    complete = [set(range(count)), set(range(1, count + 1))]
    assert is_accepted(name_shards(numbers, count)) == (numbers in complete)


@given(
    st.lists(st.tuples(st.sampled_from(["a/", "b/", "a/x-"]), st.sampled_from(["", ".gz"])), min_size=1, unique=True)
)
def test_each_folder_name_and_ending_is_looked_at_alone(series):
    paths = [path for start, end in series for path in name_shards(range(2), 2, f"{start}data-", end)]
    check_shards(paths)
    for path in paths:
        assert not is_accepted([other for other in paths if other != path])


def test_message_says_what_is_there_what_is_missing_and_what_to_do():
    message = (
        "the data is incomplete: data/Split-train has 4 of 40 files data_tfrecord-*-of-00040.gz, and "
        "data_tfrecord-00002-of-00040.gz is missing; copy the missing files, or write all of them again"
    )
    with pytest.raises(IncompleteDataError, match=f"^{re.escape(message)}$"):
        check_shards(name_shards([0, 1, 3, 39], 40, "data/Split-train/data_tfrecord-"))


def test_number_beyond_the_count_is_named():
    with pytest.raises(IncompleteDataError, match=r"train-00007-of-00002\.gz is one too many"):
        check_shards(name_shards([0, 1, 7], 2))


def test_two_data_sets_in_one_folder_are_refused():
    with pytest.raises(IncompleteDataError, match=r"two data sets are mixed: .*-of-00001.gz and .*-of-00002.gz"):
        check_shards([*name_shards([0], 1), *name_shards([0, 1], 2)])


def test_other_names_are_not_looked_at():
    check_shards(["a", "part-1-of-3.csv", "train-00000.gz", "2020-00001-of", "x-00000-of-00002/a.gz"])


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("a/b/c.gz", f"a/b/{UNFINISHED}"),
        ("a/Split-train/c.gz", f"a/{UNFINISHED}"),
        ("Split-train/c.gz", UNFINISHED),
        ("c.gz", UNFINISHED),
        ("gs://bucket/out/Split-train/c.gz", f"gs://bucket/out/{UNFINISHED}"),
    ],
)
def test_folder_with_the_mark_is_refused(path, mark):
    check_files([path], lambda other: False)
    with pytest.raises(IncompleteDataError, match=f"there is a file {re.escape(mark)}, so"):
        check_files([path], lambda other: other == mark)
