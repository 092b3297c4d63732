"""Settings that do not fit the features are named before any data is read."""

from __future__ import annotations

import pytest

from tfx_sequence.components.sequence_transform import NumberConfig, VocabularyConfig, find_contradictions
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "source": Feature(kind="token"),
        "target": Feature(kind="token"),
        "words": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "x": Feature(kind="float"),
        "v": Feature(kind="vector", width=2),
        "origin": Feature(kind="categorical", context=True),
        "id": Feature(kind="token", role="key", context=True),
    }
)


@pytest.mark.parametrize(
    ("vocabularies", "numbers", "key", "message"),
    [
        ({"no": VocabularyConfig()}, {}, "transform.no", "no such feature"),
        ({"x": VocabularyConfig()}, {}, "transform.x", "x is a float with role 'input'"),
        ({"id": VocabularyConfig()}, {}, "transform.id", "id is a token with role 'key'"),
        ({"tags": VocabularyConfig(min_count=2)}, {}, "transform.tags.min_count", "not for a label"),
        ({"tags": VocabularyConfig(hash_buckets=2)}, {}, "transform.tags.hash_buckets", "not for a label"),
        (
            {"target": VocabularyConfig(share="tags")},
            {},
            "transform.target.share",
            "no other string input is called 'tags'",
        ),
        (
            {"target": VocabularyConfig(share="target")},
            {},
            "transform.target.share",
            "the others are source, words, origin",
        ),
        (
            {"words": VocabularyConfig(share="target"), "target": VocabularyConfig(share="source")},
            {},
            "transform.words.share",
            "target itself takes the vocabulary of source",
        ),
        ({"words": VocabularyConfig(file="a/source")}, {}, "transform.words.file", "replace the vocabulary of source"),
        (
            {"words": VocabularyConfig(file="a/source_characters"), "source": VocabularyConfig(characters=True)},
            {},
            "transform.words.file",
            "replace the vocabulary of source_characters",
        ),
        (
            {"words": VocabularyConfig(file="a/v.txt"), "source": VocabularyConfig(file="a/v.txt")}
            | {"tags": VocabularyConfig(file="b/v.txt")},
            {},
            "transform.tags.file",
            "replace a/v.txt",
        ),
        ({}, {"no": NumberConfig(buckets=2)}, "numbers.no", "no such feature"),
        ({}, {"tags": NumberConfig(buckets=2)}, "numbers.tags", "only numbers that are inputs"),
        ({}, {"v": NumberConfig(buckets=2)}, "numbers.v.buckets", "not for a vector"),
        ({}, {"v": NumberConfig(fill="last")}, "numbers.v.fill", "set its `missing`"),
        ({}, {"x": NumberConfig(indicator=True)}, "numbers.x.indicator", "set its `missing`"),
        ({"origin": VocabularyConfig(characters=True)}, {}, "transform.origin.characters", "not for a context feature"),
        ({"origin": VocabularyConfig(next="y")}, {}, "transform.origin.next", "not for a context feature"),
        ({"tags": VocabularyConfig(next="y")}, {}, "transform.tags.next", "not for a label"),
        ({"words": VocabularyConfig(max_values=9)}, {}, "transform.words.max_values", "only for a nested feature"),
        ({"words": VocabularyConfig(begin=True)}, {}, "transform.words.begin", "source would have fewer steps"),
        ({"words": VocabularyConfig(next="tags")}, {}, "transform.words.next", "there is another feature 'tags'"),
        (
            {"words": VocabularyConfig(characters=True), "source": VocabularyConfig(previous="words_characters")},
            {},
            "transform.source.previous",
            "another feature 'words_characters'",
        ),
    ],
)
def test_contradictions_name_the_setting(vocabularies, numbers, key, message):
    problems = [problem for problem in find_contradictions(SPEC, vocabularies, numbers) if message in problem.message]
    assert key in [problem.key for problem in problems]
    assert len(problems) <= 2, "a name that two settings give is wrong in both"


@pytest.mark.parametrize(
    ("vocabularies", "key", "message"),
    [
        *(
            (
                {"parts": VocabularyConfig(**asked)},
                f"transform.parts.{name}",
                "not for a nested feature: it has any number of",
            )
            for name, asked in {
                "affixes": {"affixes": (1,)},
                "characters": {"characters": True},
                "next": {"next": "y"},
                "previous": {"previous": "y"},
                "embeddings": {"embeddings": "v.txt"},
            }.items()
        ),
        (
            {"parts": VocabularyConfig(share="words"), "words": VocabularyConfig(characters=True)},
            "transform.parts.share",
            "words sets `characters`, which is not for a nested feature, as parts is",
        ),
        ({"notes": VocabularyConfig()}, "transform.notes", "only strings that are inputs or labels have a vocabulary"),
    ],
)
def test_settings_that_cannot_be_of_a_nested_feature_are_refused(vocabularies, key, message):
    nested = Feature(kind="token", nested=True)
    features = {"words": Feature(kind="token"), "parts": nested, "notes": nested.model_copy(update={"role": "carried"})}
    spec = SequenceSpec(features=features)
    (problem,) = find_contradictions(spec, vocabularies, {})
    assert problem.key == key
    assert message in problem.message
    fit = {"parts": VocabularyConfig(lowercase=True, min_count=2), "words": VocabularyConfig(share="parts")}
    assert list(find_contradictions(spec, fit, {})) == []


def test_last_number_is_refused_beside_a_label_of_numbers_of_the_previous_step():
    features = {
        "x": Feature(kind="float", missing=True),
        "y": Feature(kind="float", role="label", shift="previous"),
    }
    (problem,) = find_contradictions(SequenceSpec(features=features), {}, {"x": NumberConfig(fill="last")})
    assert problem.key == "numbers.x.fill"
    assert "shows numbers of earlier steps, which y may be" in problem.message
    assert not list(find_contradictions(SequenceSpec(features=features), {}, {"x": NumberConfig(fill="mean")}))


def test_begin_and_end_fit_when_all_sequence_features_ask_for_them():
    spec = SequenceSpec(features={"a": Feature(kind="token"), "b": Feature(kind="token")})
    both = {"a": VocabularyConfig(begin=True, end=True, affixes=(1,)), "b": VocabularyConfig(share="a")}
    assert list(find_contradictions(spec, both, {})) == []
    assert len(list(find_contradictions(spec, {**both, "b": VocabularyConfig(begin=True)}, {}))) == 1


@pytest.mark.parametrize(
    "vocabularies",
    [
        {"tags": VocabularyConfig(file="a/tags")},
        {"tags": VocabularyConfig(file="a/x")},
        {"words": VocabularyConfig(file="a/source"), "source": VocabularyConfig(share="target")},
        {"words": VocabularyConfig(file="a/source"), "source": VocabularyConfig(hash_buckets=5)},
        {"words": VocabularyConfig(file="a/source"), "source": VocabularyConfig(file="a/words")},
    ],
)
def test_a_file_may_have_the_name_of_a_feature_that_has_no_file_of_this_name(vocabularies):
    assert list(find_contradictions(SPEC, vocabularies, {})) == []
