"""The settings of SequenceTransform, each by itself."""

from __future__ import annotations

import pytest

from tfx_sequence.components.sequence_transform import NumberConfig, VocabularyConfig
from tfx_sequence.components.sequence_transform.config import make_transformed_spec
from tfx_sequence.schemas.spec import Feature, SequenceSpec


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
        ({"max_characters": 9}, "`max_characters` needs `characters = true`"),
        ({"characters": True, "max_characters": 0}, "greater than or equal to 1"),
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
    after = make_transformed_spec(spec, {"a": VocabularyConfig(**settings)}, max_steps)
    assert (after.min_length, after.max_length) == expected
    both = make_transformed_spec(spec, {"a": VocabularyConfig(next="y", previous="z")})
    assert {name: label.shift for name, label in both.with_role("label").items()} == {"y": "next", "z": "previous"}
