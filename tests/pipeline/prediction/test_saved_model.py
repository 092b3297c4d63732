import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_sequence.pipeline.prediction.saved_model import ModelError, find_model, group_by_length


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 200))
def test_group_by_length_takes_each_sequence_once_and_keeps_the_limit(lengths, max_steps):
    groups = list(group_by_length(lengths, max_steps))
    assert sorted(itertools.chain.from_iterable(groups)) == list(range(len(lengths)))
    for group in groups:
        # A batch is padded to at least one step.
        sizes = [max(lengths[i], 1) for i in group]
        assert sizes == sorted(sizes)
        assert len(group) == 1 or len(group) * max(sizes) <= max_steps
    order = [lengths[i] for i in itertools.chain.from_iterable(groups)]
    assert order == sorted(order)


def test_group_by_length_fills_batches_when_lengths_are_equal():
    assert [len(group) for group in group_by_length([5] * 7, 15)] == [3, 3, 1]


def test_find_model_takes_the_newest_version_by_number(tmp_path):
    for version in ("9", "10", "tmp"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()
    assert find_model(str(tmp_path)) == str(tmp_path / "10")
    assert find_model(str(tmp_path / "9")) == str(tmp_path / "9")


def test_find_model_says_what_it_looked_for_when_there_is_none(tmp_path):
    with pytest.raises(ModelError, match=r"neither a saved_model\.pb nor a numbered version with one$"):
        find_model(str(tmp_path))
    with pytest.raises(ModelError, match=r"nowhere: there is no such folder;"):
        find_model(str(tmp_path / "nowhere"))
