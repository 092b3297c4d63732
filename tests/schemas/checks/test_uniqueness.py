import hypothesis.strategies as st
from hypothesis import given

from tfx_sequence.schemas.checks.findings import MAX_FIRST_REJECTS, FindingCounts
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, KeyPlace


def found(*uses):
    """Split name to counts, of records given as key, split, file and position."""
    index = KeyIndex()
    for key, *place in uses:
        index.add(key, KeyPlace(*place))
    counts_by_split = {}
    for split, counts in index.find_repeated("id"):
        counts_by_split.setdefault(split, []).append(counts)
    return {split: FindingCounts.sum(parts) for split, parts in counts_by_split.items()}


def test_key_that_is_used_once_is_no_finding():
    assert found(("s1", "train", "f", 3), ("s2", "train", "f", 4)) == {}


def test_key_that_is_used_twice_in_a_split_names_both_records():
    ((split, counts),) = found(("s1", "train", "g", 1), ("s1", "train", "f", 3)).items()
    (group,) = counts.groups
    assert (split, str(group.reason), group.feature, group.count) == ("train", "duplicate_key", "id", 2)
    assert [(r.file, r.record, r.key, r.message) for r in group.first_rejects] == [
        ("f", 3, "s1", "the key 's1' is also that of record 1 of g"),
        ("g", 1, "s1", "the key 's1' is also that of record 3 of f"),
    ]


def test_key_that_is_used_in_two_splits_is_a_finding_in_both():
    counts_by_split = found(("s1", "test", "t", 0), ("s1", "train", "f", 3))
    assert {split: counts.groups[0].first_rejects[0].message for split, counts in counts_by_split.items()} == {
        "test": "the key 's1' is also that of record 3 of f",
        "train": "the key 's1' is also that of record 0 of t",
    }


USES = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from("ab"), st.sampled_from("fg"), st.integers(0, 9)),
    max_size=40,
    unique_by=lambda use: use[1:],
)


@given(USES, st.data())
def test_findings_are_those_of_comparing_all_pairs_in_any_order(uses, data):
    repeated = [use for use in uses if sum(use[0] == other[0] for other in uses) > 1]
    counts_by_split = found(*uses)
    assert found(*data.draw(st.permutations(uses))) == counts_by_split
    assert {split: counts.groups[0].count for split, counts in counts_by_split.items()} == {
        split: sum(use[1] == split for use in repeated) for split in {use[1] for use in repeated}
    }
    for split, counts in counts_by_split.items():
        named = sorted(use[2:] for use in repeated if use[1] == split)[:MAX_FIRST_REJECTS]
        assert [(r.file, r.record) for r in counts.groups[0].first_rejects] == named
