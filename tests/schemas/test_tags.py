import itertools

import numpy as np
import pytest

from tfx_sequence.schemas.tags import SCHEMES, TagSet, find_scheme, read_tags

TAGS = ["O", "B-x", "I-x", "E-x", "S-x", "B-y", "I-y", "E-y"]


def allowed(tags, scheme):
    """Reads a sentence by the scheme's grammar, tag by tag; gives the tags that may not stand where they do."""
    wrong, inside = [], None
    for position, tag in enumerate(tags):
        prefix, _, name = tag.partition("-")
        continues = prefix in ("I", "E")
        bad = continues and inside != name
        if scheme == "BIOES" and inside is not None and not (continues and inside == name):
            bad = True
        inside = name if prefix in ("B", "I") else None
        if scheme == "BIOES" and inside is not None and position == len(tags) - 1:
            bad = True
        if scheme == "BIO" and prefix in ("E", "S"):
            bad = True
        wrong.append(bad)
    return wrong


def broken(sentences, scheme, names=TAGS):
    lengths = [len(sentence) for sentence in sentences]
    tags = np.array([names.index(tag) for sentence in sentences for tag in sentence])
    ends = np.cumsum(lengths)
    first, last = np.zeros(len(tags), bool), np.zeros(len(tags), bool)
    first[ends - lengths], last[ends - 1] = True, True
    return TagSet.parse(names, SCHEMES[scheme]).find_misplaced(tags, first, last).tolist()


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_every_sentence_of_up_to_three_tags_is_judged_as_its_grammar_does(scheme):
    sentences = [s for length in (1, 2, 3) for s in itertools.product(TAGS, repeat=length)]
    expected = [flag for sentence in sentences for flag in allowed(sentence, scheme)]
    assert broken(sentences, scheme) == expected
    # The judgement of a sentence does not depend on its neighbours.
    assert [flag for sentence in sentences for flag in broken([sentence], scheme)] == expected


@pytest.mark.parametrize(
    ("tags", "scheme", "at"),
    [
        (["B-PER", "I-PER", "O"], "BIO", []),
        (["O", "I-PER"], "BIO", [1]),
        (["B-PER", "I-LOC"], "BIO", [1]),
        (["I-PER"], "BIO", [0]),
        (["B-PER", "E-PER"], "BIO", [1]),
        (["B-PER", "I-PER", "E-PER", "S-LOC"], "BIOES", []),
        (["B-PER", "O"], "BIOES", [1]),
        (["O", "B-PER"], "BIOES", [1]),
        (["B-PER", "S-PER"], "BIOES", [1]),
        (["B-PER", "B-PER", "E-PER"], "BIOES", [1]),
        (["", "B", "B-", "X-PER", "O-PER", "O-", "BI-PER"], "BIO", [0, 1, 2, 3, 4, 5, 6]),
        (["B-a-b", "I-a-b", "I-a"], "BIO", [2]),
    ],
)
def test_tags_that_may_not_stand_where_they_do(tags, scheme, at):
    found = broken([tags], scheme, names=sorted(set(tags)))
    assert [position for position, wrong in enumerate(found) if wrong] == at


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-PER", "I-PER"], "BIO"),
        (["O", "B-PER", "E-PER"], "BIOES"),
        (["O", "S-PER"], "BIOES"),
        (["S-PER", "S-LOC"], "BIOES"),
        (["O", "I-PER"], None),
        (["O", "E-PER"], None),
        (["O"], None),
        (["B-PER", "B"], None),
        (["B-PER", "B-"], None),
        (["B-PER", "NOUN"], None),
        ([], None),
    ],
)
def test_find_scheme_finds_the_first_that_has_all_tags(tags, scheme):
    assert find_scheme(tags) == scheme


@pytest.mark.parametrize(
    ("tag", "scheme", "message"),
    [
        ("E-PER", "BIO", r"tag 'E-PER' \(id 2\) does not belong to scheme 'BIO', which has O, B-TYPE, I-TYPE"),
        ("PER", "lenient", r"tag 'PER' \(id 2\)"),
        ("B", "BIO", r"tag 'B' \(id 2\)"),
        ("O-PER", "BIO", r"tag 'O-PER' \(id 2\)"),
        ("B-PER", "IOB", r"scheme of the tags must be one of \['BIO', 'BIOES', 'lenient'\], but is 'IOB'"),
    ],
)
def test_read_tags_names_the_tag_that_does_not_belong_to_the_scheme(tag, scheme, message):
    with pytest.raises(ValueError, match=message):
        read_tags(["O", tag], scheme)
