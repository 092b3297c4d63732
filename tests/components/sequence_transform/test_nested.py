"""Nested features: any number of strings in a step, to as many ids, the same ones wherever they are asked for."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from support.transform_corpus import NASTY, UNSEEN
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.proto.example_gen_pb2 import FORMAT_TF_EXAMPLE
from tfx.utils import io_utils

from tfx_sequence.components.sequence_transform import VocabularyConfig
from tfx_sequence.schemas.records.examples import decode
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import Vocabulary

pytestmark = pytest.mark.slow

NESTED = Feature(kind="token", nested=True)
SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "parts": NESTED,
        "more": Feature(kind="categorical", nested=True),
        "hashed": NESTED,
        "notes": NESTED.model_copy(update={"role": "carried"}),
        "tags": Feature(kind="categorical", role="label"),
        "id": Feature(kind="token", role="key", context=True),
    },
    min_length=0,
)
SETTINGS = {
    "parts": VocabularyConfig(lowercase=True, fold_digits=True, min_count=9),
    "more": VocabularyConfig(share="parts"),
    "hashed": VocabularyConfig(hash_buckets=5),
}


def records(split, size):
    """The first holds every value in one step, the fourth has no step, and of the fifth's every step is empty."""
    rng = random.Random(split)
    pool = NASTY if split == "train" else NASTY + UNSEEN

    def steps(number, length):
        if number == 0:
            return [pool]
        return [rng.choices(pool, k=0 if number == 4 else rng.randint(0, 4)) for _ in range(length)]

    out = []
    for number in range(size):
        length = {0: 1, 3: 0}.get(number, rng.randint(1, 6))
        nested = {name: steps(number, length) for name in ("parts", "more", "hashed", "notes")}
        words, tags = rng.choices(pool, k=length), rng.choices(["X", "Y"], k=length)
        out.append({"words": words, **nested, "tags": tags, "id": f"{split}-{number}"})
    return out


RECORDS = {"train": records("train", 30), "eval": records("eval", 8)}


def folded(value):
    # TensorFlow ends a string at a NUL when it lowers it.
    lowered = value.partition("\0")[0].lower()
    return "".join("0" if char.isdecimal() else char for char in lowered).encode()


@pytest.fixture(scope="module")
def run(make_run):
    run = make_run(SPEC, RECORDS, transform=SETTINGS)
    run.do()
    return run


@pytest.fixture(scope="module")
def vocabulary(run):
    return Vocabulary.from_lines(run.graph.vocabulary_by_name("parts"))


def written(run, split, name):
    """Key of a record to the steps of a feature, each a list of values."""
    found = {}
    for example in run.examples(split):
        steps = example.feature_lists.feature_list[name].feature
        values = [list(step.bytes_list.value) or list(step.int64_list.value) for step in steps]
        found[example.context.feature["id"].bytes_list.value[0].decode()] = values
    return found


def test_vocabulary_is_of_all_values_of_all_steps(vocabulary):
    values = [value for row in RECORDS["train"] for name in ("parts", "more") for step in row[name] for value in step]
    counts = Counter(map(folded, values))
    assert set(vocabulary.entries) == {value for value, count in counts.items() if count >= 9}
    assert 0 < len(vocabulary.entries) < len(counts)


@pytest.mark.parametrize("split", RECORDS)
@pytest.mark.parametrize("name", ["parts", "more"])
def test_materialised_ids_are_those_of_the_plain_vocabulary_step_by_step(run, vocabulary, name, split):
    expected = {row["id"]: [vocabulary.look_up_ids(map(folded, step)) for step in row[name]] for row in RECORDS[split]}
    assert written(run, split, name) == expected
    assert run.graph.num_buckets_for_transformed_feature(name) == vocabulary.num_ids


def test_carried_strings_stay_as_they_are_and_the_schema_says_what_they_are(run):
    expected = {row["id"]: [[value.encode() for value in step] for step in row["notes"]] for row in RECORDS["eval"]}
    assert written(run, "eval", "notes") == expected
    assert run.spec.features["notes"] == SPEC.features["notes"]
    assert decode(run.spec, run.serialized("eval")[0])["notes"]
    assert not run.spec.features.keys() & {"parts", "more", "hashed"}, "ids of several a step are no spec's feature"


def test_transformed_data_has_no_anomalies(run):
    anomalies = anomalies_pb2.Anomalies()
    path = io_utils.get_only_uri_in_dir(run.outputs["post_transform_anomalies"][0].uri)
    anomalies.ParseFromString(io_utils.read_bytes_file(path))
    assert dict(anomalies.anomaly_info) == {}
    assert anomalies.baseline.feature


@pytest.fixture(scope="module")
def serve(run):
    layer = run.graph.transform_features_layer()

    # In a function, as in an exported model: eagerly, TFT computes what was not fed as well, from made-up values.
    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None, None], tf.string, row_splits_dtype=tf.int64)])
    def ids(parts):
        return dict(layer({"parts": parts, "more": parts, "hashed": parts}))

    return ids


# Of letters that versions of Unicode do not differ in.
VALUES = st.one_of(st.sampled_from(NASTY + UNSEEN), st.text(st.characters(max_codepoint=0x24F), max_size=5))


@given(st.lists(st.lists(st.lists(VALUES, max_size=3), max_size=3), max_size=3))
@settings(max_examples=40)
def test_serving_gives_the_ids_of_the_plain_vocabulary(vocabulary, serve, batch):
    raw = tf.ragged.constant(
        [[[value.encode() for value in step] for step in row] for row in batch],
        tf.string,
        ragged_rank=2,
        row_splits_dtype=tf.int64,
    )
    served = serve(raw)
    expected = [[vocabulary.look_up_ids(map(folded, step)) for step in row] for row in batch]
    assert served["parts"].to_list() == served["more"].to_list() == expected
    hashed = served["hashed"].to_list()
    assert [[len(step) for step in row] for row in hashed] == [[len(step) for step in row] for row in batch]
    assert all(1 <= number <= 5 for row in hashed for step in row for number in step)


def test_stock_form_is_lossless_and_without_anomalies_also_when_steps_are_cut(make_run):
    features = {name: SPEC.features[name] for name in ("parts", "notes", "id")}
    spec = SequenceSpec(features=features, min_length=0)
    run = make_run(spec, RECORDS, output_data_format=FORMAT_TF_EXAMPLE, max_steps=2)
    run.do()
    (path,) = run.files("eval")
    serialized = list(tf.data.TFRecordDataset(path, "GZIP").as_numpy_iterator())
    parsed = tf.io.parse_example(serialized, run.graph.transformed_feature_spec())
    keys = [key.decode() for key in parsed["id"].numpy()]
    rows = {row["id"]: row for row in RECORDS["eval"]}
    notes = [[[value.encode() for value in step] for step in rows[key]["notes"][:2]] for key in keys]
    assert parsed["notes"].to_list() == notes
    assert [[len(step) for step in row] for row in parsed["parts"].to_list()] == [
        [len(step) for step in rows[key]["parts"][:2]] for key in keys
    ]
    test_transformed_data_has_no_anomalies(run)
