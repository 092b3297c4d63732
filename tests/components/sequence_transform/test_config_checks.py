"""Every setting of vocabularies and numbers, against a recomputation in Python and NumPy."""

from __future__ import annotations

import random
from collections import Counter

import farmhash
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.utils import io_utils

from tfx_sequence.components.sequence_transform import (
    NumberConfig,
    VocabularyConfig,
    contradictions,
    fold_digits,
)
from tfx_sequence.components.sequence_transform.config import transformed_spec
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import Vocabulary

SPEC = SequenceSpec(
    features={
        "source": Feature(kind="token"),
        "target": Feature(kind="token"),
        "words": Feature(kind="token"),
        "hashed": Feature(kind="token"),
        "spelled": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "x": Feature(kind="float"),
        "v": Feature(kind="vector", width=2),
        "constant": Feature(kind="float"),
        "rank": Feature(kind="float"),
        "size": Feature(kind="integer", context=True),
        "id": Feature(kind="token", role="key", context=True),
    }
)
WORDS = ["the", "\\\\o/", "\\n", "\\0", "of"]
TAGS = ["VERB", "NOUN"]
SPLITS = {"train": 30, "eval": 10}


def records(split, size):
    rng = random.Random(split)
    out = []
    for number in range(size):
        length = rng.randint(1, 8)
        out.append(
            {
                "source": rng.choices(["House", "house", "19", "42", "\u0663", "x"], k=length),
                "target": rng.choices(["HOUSE", "Haus", "2001", "y"], k=length),
                "words": rng.choices(["the", "\\o/", "\n", "", "of", "unknown"], k=length),
                "hashed": rng.choices([split, "a", "b", "", "\n"], k=length),
                "spelled": rng.choices(["ab", "", "\u00e9\U0001f600", "\n", "b"], k=length),
                "tags": rng.choices(TAGS, k=length),
                "x": [rng.gauss(10, 3) for _ in range(length)],
                "v": [[rng.gauss(0, 1), rng.gauss(-5, 100)] for _ in range(length)],
                "constant": [3.5] * length,
                "rank": [rng.expovariate(1) for _ in range(length)],
                "size": length,
                "id": f"{split}-{number}",
            }
        )
    return out


RECORDS = {split: records(split, size) for split, size in SPLITS.items()}


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    (folder / "words.txt").write_text("\n".join(WORDS), encoding="utf-8")
    (folder / "tags.txt").write_text("\n".join([*TAGS, ""]), encoding="utf-8")
    run = make_run(
        SPEC,
        RECORDS,
        transform={
            "source": VocabularyConfig(lowercase=True, fold_digits=True, min_count=2),
            "target": VocabularyConfig(share="source"),
            "words": VocabularyConfig(file=str(folder / "words.txt"), affixes=(1,)),
            "hashed": VocabularyConfig(hash_buckets=7),
            "spelled": VocabularyConfig(characters=True),
            "tags": VocabularyConfig(file=str(folder / "tags.txt")),
        },
        numbers={
            "x": NumberConfig(scale="z_score"),
            "v": NumberConfig(scale="z_score"),
            "constant": NumberConfig(scale="z_score"),
            "rank": NumberConfig(buckets=4),
            "size": NumberConfig(scale="min_max"),
        },
    )
    run.do()
    return run


def column(split, name):
    """All steps of a feature, or the values of a context feature, in the order of the records' keys."""
    rows = sorted(RECORDS[split], key=lambda row: row["id"])
    return [row[name] for row in rows] if SPEC.features[name].context else [step for row in rows for step in row[name]]


def transformed(run, split, name):
    rows = [row for _, row in sorted(run.records(split).items())]
    if run.spec.features[name].context:
        return [row[name] for row in rows]
    return [step for row in rows for step in row[name]]


def vocabulary(run, name, closed=False):
    return Vocabulary.from_lines(run.graph.vocabulary_by_name(name), closed)


@pytest.mark.parametrize("split", SPLITS)
def test_shared_vocabulary_is_of_both_features(run, split):
    folded = {value: "".join("0" if char.isdecimal() else char for char in value.lower()) for value in ("2001", "19")}
    assert folded == {"2001": "0000", "19": "00"}
    change = lambda value: "".join("0" if char.isdecimal() else char for char in value.lower()).encode()  # noqa: E731
    counts = Counter(map(change, column("train", "source") + column("train", "target")))
    entries = vocabulary(run, "source")
    assert set(entries.entries) == {value for value, count in counts.items() if count >= 2}
    assert counts[entries.entries[0]] == max(counts.values())
    for name in ("source", "target"):
        assert transformed(run, split, name) == entries.ids(map(change, column(split, name)))
        assert run.graph.num_buckets_for_transformed_feature(name) == entries.num_ids
    assert run.graph.vocabulary_file_by_name("target") == run.graph.vocabulary_file_by_name("source")


@pytest.mark.parametrize("name", ["source", "target"])
def test_features_of_one_vocabulary_are_transformed_without_each_other(run, name):
    # What serves a language model has the input, and not the label that shares its vocabulary.
    raw = tf.ragged.constant([[["House"], ["19"]], []], ragged_rank=2, dtype=tf.string)
    layer = run.graph.transform_features_layer()
    found = tf.function(lambda x: layer({name: x})[name])(raw)
    assert found.to_list() == [vocabulary(run, "source").ids([b"house", b"00"]), []]


@pytest.mark.parametrize("split", SPLITS)
def test_given_vocabulary_is_taken_in_its_order(run, split):
    words = vocabulary(run, "words")
    assert words.entries == (b"the", b"\\o/", b"\n", b"", b"of")
    assert transformed(run, split, "words") == words.ids(value.encode() for value in column(split, "words"))
    assert run.graph.num_buckets_for_transformed_feature("words") == 7
    firsts = vocabulary(run, "words_prefix1")
    assert set(firsts.entries) == {b"t", b"\\", b"\n", b"", b"o", b"u"}
    assert transformed(run, split, "words_prefix1") == firsts.ids(
        value[:1].encode() for value in column(split, "words")
    )


def test_given_vocabulary_of_a_label_is_closed(run):
    tags = vocabulary(run, "tags", closed=True)
    assert tags.entries == (b"VERB", b"NOUN")
    assert transformed(run, "eval", "tags") == tags.ids(value.encode() for value in column("eval", "tags"))
    assert run.graph.num_buckets_for_transformed_feature("tags") == 3


@pytest.mark.parametrize("split", SPLITS)
def test_hashed_ids_are_those_of_farmhash(run, split):
    expected = [farmhash.fingerprint64(value) % 7 + 1 for value in column(split, "hashed")]
    assert transformed(run, split, "hashed") == expected
    assert run.graph.num_buckets_for_transformed_feature("hashed") == 9


def test_characters_are_several_ids_in_a_step(run):
    entries = vocabulary(run, "spelled_characters")
    assert sorted(entries.entries) == sorted(value.encode() for value in ("a", "b", "\u00e9", "\U0001f600", "\n"))
    assert run.graph.num_buckets_for_transformed_feature("spelled_characters") == 7
    by_key = {row["id"]: row for row in RECORDS["eval"]}
    for example in run.examples("eval"):
        key = example.context.feature["id"].bytes_list.value[0].decode()
        steps = example.feature_lists.feature_list["spelled_characters"].feature
        assert [list(step.int64_list.value) for step in steps] == [
            entries.ids(char.encode() for char in value) for value in by_key[key]["spelled"]
        ]
    assert "spelled_characters" not in run.spec.features, "the trainer takes one value a step"


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", ["x", "v", "constant"])
def test_z_scores_are_over_the_real_steps_of_training(run, name, split):
    train = np.array(column("train", name), np.float32).astype(np.float64)
    deviation = train.std(axis=0)
    expected = (np.array(column(split, name)) - train.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    np.testing.assert_allclose(transformed(run, split, name), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("split", SPLITS)
def test_min_max_maps_the_range_of_training(run, split):
    low, high = min(column("train", "size")), max(column("train", "size"))
    expected = [(size - low) / (high - low) for size in column(split, "size")]
    np.testing.assert_allclose(transformed(run, split, "size"), expected, rtol=1e-6)


def test_buckets_hold_equal_shares_and_keep_the_order(run):
    numbers, ids = np.array(column("train", "rank")), np.array(transformed(run, "train", "rank"))
    assert (np.diff(ids[np.argsort(numbers)]) >= 0).all()
    counts = np.bincount(ids, minlength=6)
    assert counts[[0, 5]].tolist() == [0, 0]
    assert abs(counts[1:5] - len(ids) / 4).max() <= 2
    assert set(transformed(run, "eval", "rank")) <= {1, 2, 3, 4}
    assert run.graph.num_buckets_for_transformed_feature("rank") == 5


def test_transformed_data_has_no_anomalies(run):
    anomalies = anomalies_pb2.Anomalies()
    path = io_utils.get_only_uri_in_dir(run.outputs["post_transform_anomalies"][0].uri)
    anomalies.ParseFromString(io_utils.read_bytes_file(path))
    assert dict(anomalies.anomaly_info) == {}


@given(st.lists(st.text(max_size=6), max_size=5))
def test_fold_digits_changes_decimal_digits_alone(values):
    import unicodedata

    # Characters that newer versions of Unicode have added may be digits for one and nothing for the other.
    old = unicodedata.ucd_3_2_0
    values = [value for value in values if all(old.category(char) != "Cn" for char in value)]
    folded = [value.decode() for value in fold_digits([value.encode() for value in values] or [b""]).numpy()]
    expected = ["".join("0" if old.category(char) == "Nd" else char for char in value) for value in values]
    assert folded == (expected or [""])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"share": "a", "file": "b"}, "`share` and `file` exclude each other"),
        ({"file": "b", "hash_buckets": 3}, "`file` and `hash_buckets` exclude each other"),
        ({"hash_buckets": 3, "min_count": 2}, "`min_count` is for vocabularies that are counted"),
        ({"share": "a", "lowercase": True}, "set nothing else"),
        ({"file": "a", "frequencies": True}, "`frequencies` is for vocabularies that are counted"),
        ({"hash_buckets": 3, "next": "y"}, "`next` needs a vocabulary, but `hash_buckets` is set"),
        ({"hash_buckets": 3, "embeddings": "y"}, "`embeddings` needs a vocabulary, but `hash_buckets` is set"),
        ({"end": True, "next": "y"}, "`next` and `end` exclude each other"),
        ({"begin": True, "previous": "y"}, "`previous` and `begin` exclude each other"),
    ],
)
def test_vocabulary_config_refuses_settings_that_exclude_each_other(settings, message):
    with pytest.raises(ValueError, match=message):
        VocabularyConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "set one of `scale`, `buckets`, `fill` and `indicator`"),
        ({"scale": "z_score", "buckets": 3}, "`scale` and `buckets` exclude each other"),
        ({"fill": "median"}, "fill"),
        ({"fill": float("nan")}, "fill"),
    ],
)
def test_number_config_refuses_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        NumberConfig(**settings)


def test_file_is_relative_to_the_folder_of_the_config():
    settings = {"file": "../words.txt"}
    assert VocabularyConfig.model_validate(settings, context={"folder": "/a/b"}).file == "/a/words.txt"
    assert VocabularyConfig.model_validate({"file": "/c"}, context={"folder": "/a/b"}).file == "/c"
    assert VocabularyConfig.model_validate({"file": "gs://c"}, context={"folder": "/a/b"}).file == "gs://c"


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
        ({"target": VocabularyConfig(share="target")}, {}, "transform.target.share", "there are source, target, words"),
        (
            {"words": VocabularyConfig(share="target"), "target": VocabularyConfig(share="source")},
            {},
            "transform.words.share",
            "target itself takes the vocabulary of source",
        ),
        ({"words": VocabularyConfig(file="a/source")}, {}, "transform.words.file", "replace the vocabulary of source"),
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
    origin = Feature(kind="categorical", context=True)
    spec = SPEC.model_copy(update={"features": {**SPEC.features, "origin": origin}})
    problems = [problem for problem in contradictions(spec, vocabularies, numbers) if message in problem.message]
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
    (problem,) = contradictions(spec, vocabularies, {})
    assert problem.key == key
    assert message in problem.message
    fit = {"parts": VocabularyConfig(lowercase=True, min_count=2), "words": VocabularyConfig(share="parts")}
    assert list(contradictions(spec, fit, {})) == []


def test_begin_and_end_fit_when_all_sequence_features_ask_for_them():
    spec = SequenceSpec(features={"a": Feature(kind="token"), "b": Feature(kind="token")})
    both = {"a": VocabularyConfig(begin=True, end=True, affixes=(1,)), "b": VocabularyConfig(share="a")}
    assert list(contradictions(spec, both, {})) == []
    assert len(list(contradictions(spec, {**both, "b": VocabularyConfig(begin=True)}, {}))) == 1


@pytest.mark.parametrize(
    ("lengths", "settings", "max_steps", "expected"),
    [
        ({"min_length": 1}, {}, None, (1, None)),
        ({"min_length": 3, "max_length": 9}, {"begin": True, "end": True}, None, (5, 11)),
        ({"min_length": 3, "max_length": 9}, {"begin": True}, 2, (3, 3)),
        ({"min_length": 0}, {}, 4, (0, 4)),
    ],
)
def test_transformed_spec_has_the_lengths_and_labels_that_settings_make(lengths, settings, max_steps, expected):
    spec = SequenceSpec(features={"a": Feature(kind="token")}, **lengths)
    after = transformed_spec(spec, {"a": VocabularyConfig(**settings)}, max_steps)
    assert (after.min_length, after.max_length) == expected
    both = transformed_spec(spec, {"a": VocabularyConfig(next="y", previous="z")})
    assert [*both.with_role("label")] == ["y", "z"]


def test_settings_that_fit_have_no_contradictions(run):
    assert list(contradictions(SPEC, run.settings["transform"], run.settings["numbers"])) == []
