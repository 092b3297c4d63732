"""Ids of the values that break vocabularies agree: materialised, at serving, and in plain Python."""

from __future__ import annotations

from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.transform_corpus import NASTY, RECORDS, SPEC, UNSEEN

from tfx_sequence.schemas.vocabulary import Vocabulary

# What each vocabulary is made of: (feature, how its values become entries).
VOCABULARIES = {
    "tokens": ("tokens", str),
    "tokens_prefix2": ("tokens", lambda value: value[:2]),
    "tokens_suffix2": ("tokens", lambda value: value[-2:]),
    "lemmas": ("lemmas", str.lower),
    "tags": ("tags", str),
    "intent": ("intent", str),
    "origin": ("origin", str),
}
CLOSED = ("tags", "intent")
SPLITS = ("train", "eval", "test")
_TRAIN_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r"})


def values_of(record, name):
    """The values of a record that a vocabulary is over, as bytes."""
    feature, change = VOCABULARIES[name]
    values = [record[feature]] if SPEC.features[feature].context else record[feature]
    return [change(value).encode() for value in values]


def vocabulary_of(run, name):
    return Vocabulary.from_lines(run.graph.vocabulary_by_name(name), closed=name in CLOSED)


def ids_of(record, name):
    ids = record[name]
    return [ids] if isinstance(ids, int) else ids


def recounted(name):
    """The entries in their order, from the records: by falling frequency, then by falling bytes of the line."""
    counts = Counter(value for record in RECORDS["train"] for value in values_of(record, name))
    line = {value: value.decode().translate(_TRAIN_ESCAPES).encode() or b"\\0" for value in counts}
    return sorted(counts.items(), key=lambda item: (item[1], line[item[0]]), reverse=True)


@pytest.mark.parametrize("name", [name for name in VOCABULARIES if name != "lemmas"])
def test_vocabulary_is_every_training_value_by_falling_frequency(transformed, name):
    entries = [value for value, _ in recounted(name)]
    assert list(vocabulary_of(transformed, name).entries) == entries


def test_vocabulary_keeps_to_min_count_and_max_size(transformed):
    counts = recounted("lemmas")
    assert 3 < sum(count >= 30 for _, count in counts) < len(counts), "the corpus must make both bounds work"
    assert list(vocabulary_of(transformed, "lemmas").entries) == [value for value, count in counts if count >= 30][:3]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("name", VOCABULARIES)
def test_materialised_ids_are_those_of_the_plain_vocabulary(transformed, name, split):
    vocabulary = vocabulary_of(transformed, name)
    records = transformed.records(split)
    assert len(records) == len(RECORDS[split])
    for record in RECORDS[split]:
        assert ids_of(records[record["id"]], name) == vocabulary.look_up_ids(values_of(record, name))


@pytest.mark.parametrize("split", SPLITS)
def test_no_value_becomes_padding(transformed, split):
    for record in transformed.records(split).values():
        assert all(number >= 1 for name in VOCABULARIES for number in ids_of(record, name))


@pytest.mark.parametrize("name", VOCABULARIES)
def test_domain_is_the_number_of_ids(transformed, name):
    assert transformed.graph.num_buckets_for_transformed_feature(name) == vocabulary_of(transformed, name).num_ids


def test_training_values_have_ids_of_their_own_and_unseen_values_the_last(transformed):
    vocabulary = vocabulary_of(transformed, "tokens")
    ids = vocabulary.look_up_ids([value.encode() for value in NASTY])
    assert sorted(ids) == list(range(1, len(NASTY) + 1))
    record = next(record for record in RECORDS["eval"] if set(UNSEEN) <= set(record["tokens"]))
    seen = transformed.records("eval")[record["id"]]["tokens"]
    assert {seen[record["tokens"].index(value)] for value in UNSEEN} == {vocabulary.oov_id} == {len(NASTY) + 1}


@pytest.fixture(scope="module")
def serve(transformed):
    """The exported graph on raw strings: name to ids, for one sequence of tokens or lemmas."""
    layer = transformed.graph.transform_features_layer()

    # In a function, as in an exported model: eagerly, TFT computes what was not fed as well, from made-up values.
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def ids(values):
        steps = tf.RaggedTensor.from_row_lengths(values, tf.ones_like(values, tf.int64))
        raw = tf.RaggedTensor.from_row_splits(steps, tf.stack([0, tf.size(values, out_type=tf.int64)]))
        return {name: value.flat_values for name, value in layer({"tokens": raw, "lemmas": raw}).items()}

    return ids


@given(st.lists(st.one_of(st.sampled_from(NASTY + UNSEEN), st.text(max_size=5), st.text("\\\n\r0", max_size=4))))
def test_serving_gives_the_ids_of_the_plain_vocabulary(transformed, serve, values):
    served = serve(tf.constant([value.encode() for value in values], tf.string, [len(values)]))
    for name in ("tokens", "tokens_prefix2", "tokens_suffix2"):
        change = VOCABULARIES[name][1]
        expected = vocabulary_of(transformed, name).look_up_ids([change(value).encode() for value in values])
        assert served[name].numpy().tolist() == expected


@pytest.mark.parametrize("split", SPLITS)
def test_serving_gives_what_training_read(transformed, split):
    context, sequences, _ = tf.io.parse_sequence_example(
        transformed.raw(split),
        context_features={
            name: tf.io.FixedLenFeature([feature.width] if feature.width else [], tf.as_dtype(feature.dtype))
            for name, feature in SPEC.context.items()
        },
        sequence_features={
            name: tf.io.RaggedFeature(tf.as_dtype(feature.dtype), row_splits_dtype=tf.int64)
            for name, feature in SPEC.sequence.items()
        },
    )
    served = transformed.graph.transform_features_layer()({**context, **sequences})
    records = transformed.records(split)
    assert served.keys() == set(transformed.spec.features)
    for row, key in enumerate(served["id"].numpy()):
        for name in VOCABULARIES:
            assert served[name][row].numpy().tolist() == records[key.decode()][name]


def test_closed_vocabulary_refuses_an_unseen_label_at_serving(transformed):
    layer = transformed.graph.transform_features_layer()
    intents = tf.function(lambda values: layer({"intent": values})["intent"])
    assert intents(tf.constant(["buy", "0"])).numpy().min() >= 1
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"label 'intent' has values .* do not have: rent"):
        intents(tf.constant(["buy", "rent"]))
