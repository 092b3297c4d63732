"""Language models: shifted targets, symbols, truncation and pretrained vectors, materialised and at serving."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.util import examples_utils, tfxio_utils
from tfx.proto import example_gen_pb2
from tfx.utils import io_utils
from tfx_bsl.tfxio import dataset_options

from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_transform import VocabularyConfig
from tfx_sequence.schemas.embeddings import load_coverage, load_embeddings
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.vocabulary import BEGIN, END, Vocabulary, read_vocabulary

TEXT = SequenceSpec(
    features={"text": Feature(kind="token"), "id": Feature(kind="token", role="key", context=True)},
    min_length=0,
    max_length=6,
)
MAX_STEPS = 4
WORDS = ["a", "b", "[BEGIN]", "\\b", "<pad>", "0", "", "\n", "two words"]
VECTORS = {"a": [1.0, 2.0], "0": [3.0, -4.0], "two words": [0.5, 0.5], "[END]": [9.0, 9.0]}


def records(split, size):
    rng = random.Random(split)
    pool = WORDS if split == "train" else [*WORDS, "unseen", "[END]"]
    rows = [{"text": rng.choices(pool, k=number % 7), "id": f"{split}-{number}"} for number in range(size)]
    return [*rows, {"text": ["a", "b"], "id": f"{split}-last"}]


RECORDS = {"train": records("train", 40), "eval": records("eval", 14)}


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    path = tmp_path_factory.mktemp("vectors") / "glove.txt"
    path.write_text("".join(f"{word} {x} {y}\n" for word, (x, y) in VECTORS.items()), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def run(make_run, vectors):
    settings = VocabularyConfig(
        begin=True, next="target", affixes=(1,), characters=True, frequencies=True, embeddings=vectors
    )
    run = make_run(TEXT, RECORDS, transform={"text": settings}, max_steps=MAX_STEPS)
    run.do()
    return run


@pytest.fixture(scope="module")
def vocabulary(run):
    return read_vocabulary(run.graph, "text")


def kept(record, ahead=0):
    """The values that are read, and with `ahead=1` the one after them, which is only predicted."""
    return [value.encode() for value in record["text"][: MAX_STEPS + ahead]]


def test_symbols_have_the_first_ids_and_every_value_its_own(run, vocabulary):
    assert (vocabulary.find_symbol_id(BEGIN), vocabulary.find_symbol_id(END)) == (1, 2)
    counts = Counter(value for record in RECORDS["train"] for value in kept(record, ahead=1))
    assert set(vocabulary.entries) == set(counts) == {word.encode() for word in WORDS}
    assert sorted((counts[entry] for entry in vocabulary.entries), reverse=True) == [
        counts[entry] for entry in vocabulary.entries
    ]
    assert min(vocabulary.look_up_ids([b"[BEGIN]", b"\\b", b"[END]"])) > 2
    for name in ("text", "target"):
        assert run.graph.num_buckets_for_transformed_feature(name) == vocabulary.num_ids == len(WORDS) + 4
        assert read_vocabulary(run.graph, name) == vocabulary


@pytest.mark.parametrize("split", RECORDS)
def test_inputs_begin_and_targets_end(run, vocabulary, split):
    written = run.records(split)
    assert len(written) == len(RECORDS[split])
    for record in RECORDS[split]:
        ids = vocabulary.look_up_ids(kept(record))
        assert written[record["id"]]["text"] == [1, *ids]
        # A record that was cut off goes on in the data.
        after = vocabulary.look_up_ids(kept(record, ahead=1))[len(ids) :] or [2]
        assert written[record["id"]]["target"] == [*ids, *after]


def test_derived_features_have_the_same_steps(run):
    suffixes = read_vocabulary(run.graph, "text_suffix1")
    assert suffixes.symbols == (BEGIN,)
    characters = read_vocabulary(run.graph, "text_characters")
    examples = {row.context.feature["id"].bytes_list.value[0].decode(): row for row in run.examples("eval")}
    for record in RECORDS["eval"]:
        lists = examples[record["id"]].feature_lists.feature_list
        ends = [step.int64_list.value[0] for step in lists["text_suffix1"].feature]
        assert ends == [1, *suffixes.look_up_ids([value.decode()[-1:].encode() for value in kept(record)])]
        spelled = [list(step.int64_list.value) for step in lists["text_characters"].feature]
        assert spelled == [
            [1],
            *(characters.look_up_ids([char.encode() for char in value.decode()]) for value in kept(record)),
        ]


def test_transformed_spec_has_the_target_as_label_and_the_new_lengths(run):
    assert run.spec.features["target"].role == "label"
    assert run.spec.features["target"].shift == "next"
    assert run.spec.features["text"].shift is None
    assert run.spec.features["text"].role == "input"
    assert (run.spec.min_length, run.spec.max_length) == (1, MAX_STEPS + 1)
    anomalies = anomalies_pb2.Anomalies()
    path = io_utils.get_only_uri_in_dir(run.outputs["post_transform_anomalies"][0].uri)
    anomalies.ParseFromString(io_utils.read_bytes_file(path))
    assert dict(anomalies.anomaly_info) == {}


def test_serving_does_the_same_as_training(run, vocabulary):
    layer = run.graph.transform_features_layer()
    raw = tf.RaggedTensor.from_nested_row_lengths(["two words", "unseen", "", "b", "a"], [[5, 0], [1] * 5])
    served = tf.function(lambda raw: layer({"text": raw}))(raw)
    ids = vocabulary.look_up_ids([b"two words", b"unseen", b"", b"b"])
    assert served["text"].to_list() == [[1, *ids], [1]]
    assert served["target"].to_list() == [[*ids, *vocabulary.look_up_ids([b"a"])], [2]]
    assert vocabulary.oov_id == ids[1]


def test_vectors_are_aligned_with_the_ids(run, vocabulary, vectors):
    folder = run.outputs["transform_graph"][0].uri
    matrix = load_embeddings(folder, "text")
    found = [word for word in WORDS if word in VECTORS]
    mean = np.mean([VECTORS[word] for word in found], axis=0)
    assert matrix.shape == (vocabulary.num_ids, 2)
    assert not matrix[0].any()
    np.testing.assert_allclose(matrix[1:3], [mean, mean])
    np.testing.assert_allclose(matrix[vocabulary.oov_id], mean)
    for word in WORDS:
        (number,) = vocabulary.look_up_ids([word.encode()])
        np.testing.assert_allclose(matrix[number], VECTORS.get(word, mean))
    np.testing.assert_array_equal(load_embeddings(folder, "target"), matrix)
    assert load_embeddings(folder, "text_suffix1") is None
    counts = Counter(value.decode() for record in RECORDS["train"] for value in kept(record, ahead=1))
    coverage = load_coverage(folder)["target"]
    assert (coverage.vocabulary, coverage.file) == ("text", vectors)
    assert (coverage.entries, coverage.found) == (len(WORDS), len(found))
    assert (coverage.tokens, coverage.tokens_found) == (counts.total(), sum(counts[word] for word in found))


CHARACTERS = SequenceSpec(
    features={
        "text": Feature(kind="token", source="step"),
        "target": Feature(kind="categorical", role="label", source="next", shift="next"),
        "vectors": Feature(kind="vector", width=2),
        "id": Feature(kind="token", role="key", context=True),
    }
)
PAIRS = {"train": [("to be", "o be "), ("or not", "r not ")], "eval": [("xyz", "yz!")]}


@pytest.fixture(scope="module")
def flat(make_run):
    """What the text reader gives, with targets of its own, written in stock's form."""
    rows = {
        split: [
            {"text": [*text], "target": [*target], "vectors": [[number, -0.5]] * len(text), "id": f"{split}-{number}"}
            for number, (text, target) in enumerate(pairs)
        ]
        for split, pairs in PAIRS.items()
    }
    run = make_run(
        CHARACTERS,
        rows,
        transform={"text": VocabularyConfig(characters=True), "target": VocabularyConfig(share="text")},
        output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE,
    )
    run.do()
    return run


def test_a_label_that_shares_a_vocabulary_may_be_unseen(flat):
    lines = flat.graph.vocabulary_by_name("target")
    vocabulary = Vocabulary.from_lines(lines)
    assert read_vocabulary(flat.graph, "target") == vocabulary
    assert set(vocabulary.entries) == {char.encode() for pair in PAIRS["train"] for text in pair for char in text}
    (record,) = examples(flat, "eval")
    assert record["target"] == [vocabulary.oov_id] * 3
    names = {feature.name for feature in flat.graph.transformed_metadata.schema.feature}
    assert "text_characters$ragged_values" in names
    assert not any("target_characters" in name for name in names), "it would give the target away"


def examples(run, split):
    """The records in the flat form, read with stock's means."""
    factory = tfxio_utils.get_tf_dataset_factory_from_artifact(run.outputs["transformed_examples"], ["test"])
    options = dataset_options.TensorFlowDatasetOptions(batch_size=1, num_epochs=1, shuffle=False)
    for batch in factory(run.files(split), options, run.graph.transformed_metadata.schema):
        yield {
            name: value.to_list()[0] if isinstance(value, tf.RaggedTensor) else value[0].numpy()
            for name, value in batch.items()
        }


def test_flat_examples_are_read_by_stock(flat):
    (artifact,) = flat.outputs["transformed_examples"]
    assert examples_utils.get_payload_format(artifact) == example_gen_pb2.FORMAT_TF_EXAMPLE
    vocabulary = read_vocabulary(flat.graph, "text")
    spelled = read_vocabulary(flat.graph, "text_characters")
    read = {record["id"].decode(): record for record in examples(flat, "train")}
    for number, (text, target) in enumerate(PAIRS["train"]):
        record = read[f"train-{number}"]
        assert record["text"] == vocabulary.look_up_ids([char.encode() for char in text])
        assert record["target"] == vocabulary.look_up_ids([char.encode() for char in target])
        assert record["text_characters"] == [spelled.look_up_ids([char.encode()]) for char in text]
        assert record["vectors"] == [[number, -0.5]] * len(text)


def test_trainer_knows_the_shift_of_a_label_without_a_config(run, flat):
    for graph in (run.graph, flat.graph):
        (label,) = SequenceTask.load(graph).labels
        assert (label.name, label.shift) == ("target", "next")


def test_flat_examples_have_no_anomalies(flat):
    anomalies = anomalies_pb2.Anomalies()
    path = io_utils.get_only_uri_in_dir(flat.outputs["post_transform_anomalies"][0].uri)
    anomalies.ParseFromString(io_utils.read_bytes_file(path))
    assert dict(anomalies.anomaly_info) == {}
    assert {feature.name for feature in anomalies.baseline.feature} >= {"text$ragged_values", "target$ragged_values"}
