import hypothesis.strategies as st
from hypothesis import given

from tfx_sequence.schemas.findings import NAMED
from tfx_sequence.schemas.uniqueness import Use, Uses


def uses(*places):
    return Uses.sum(Uses.of(Use(*place)) for place in places)


def test_key_that_is_used_once_is_no_finding():
    assert list(uses(("train", "f", 3)).tallies("s1", "id")) == []


def test_key_that_is_used_twice_in_a_split_names_both_records():
    ((split, tally),) = uses(("train", "g", 1), ("train", "f", 3)).tallies("s1", "id")
    (group,) = tally.groups
    assert (split, group.reason.value, group.feature, group.count) == ("train", "duplicate_key", "id", 2)
    assert [(r.file, r.record, r.key, r.message) for r in group.named] == [
        ("f", 3, "s1", "the key 's1' is also that of record 1 of g"),
        ("g", 1, "s1", "the key 's1' is also that of record 3 of f"),
    ]


def test_key_that_is_used_in_two_splits_is_a_finding_in_both():
    found = dict(uses(("test", "t", 0), ("train", "f", 3)).tallies("s1", "id"))
    assert {split: tally.groups[0].named[0].message for split, tally in found.items()} == {
        "test": "the key 's1' is also that of record 3 of f",
        "train": "the key 's1' is also that of record 0 of t",
    }


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("fg"), st.integers(0, 9)), max_size=30, unique=True),
    st.data(),
)
def test_uses_add_up_in_any_order_and_grouping(places, data):
    whole = uses(*places)
    shuffled = data.draw(st.permutations(places))
    cut = data.draw(st.integers(0, len(places)))
    assert Uses.sum([uses(*shuffled[:cut]), uses(*shuffled[cut:])]) == whole
    assert sum(count for _, count in whole.counts) == len(places)
    for split in "ab":
        expected = sorted(place for place in places if place[0] == split)[:NAMED]
        assert [tuple(use) for use in whole.first if use.split == split] == expected
