"""Every setting of vocabularies and numbers, checked against a recomputation in Python and NumPy."""

from __future__ import annotations

import pathlib
import random
import re
import shutil
from collections import Counter

import farmhash
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.utils import io_utils

from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceTask, TaskError, TrainingConfig
from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_transform import (
    NumberConfig,
    VocabularyConfig,
    find_contradictions,
)
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
        "importance": Feature(kind="float", role="weight"),
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
                "importance": rng.choices([0.0, 0.5, 2.0], k=length),
                "id": f"{split}-{number}",
            }
        )
    return out


RECORDS = {split: records(split, size) for split, size in SPLITS.items()}


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    # Names of features, for which the transform makes no file: target shares a vocabulary, tags has this one.
    (folder / "target").write_text("\n".join(WORDS), encoding="utf-8")
    (folder / "tags").write_text("\n".join([*TAGS, ""]), encoding="utf-8")
    run = make_run(
        SPEC,
        RECORDS,
        transform={
            "source": VocabularyConfig(lowercase=True, fold_digits=True, min_count=2),
            "target": VocabularyConfig(share="source"),
            "words": VocabularyConfig(file=str(folder / "target"), affixes=(1,)),
            "hashed": VocabularyConfig(hash_buckets=7),
            "spelled": VocabularyConfig(characters=True),
            "tags": VocabularyConfig(file=str(folder / "tags")),
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
        assert transformed(run, split, name) == entries.look_up_ids(map(change, column(split, name)))
        assert run.graph.num_buckets_for_transformed_feature(name) == entries.num_ids
    assert run.graph.vocabulary_file_by_name("target") == run.graph.vocabulary_file_by_name("source")


@pytest.mark.parametrize("name", ["source", "target"])
def test_features_of_one_vocabulary_are_transformed_without_each_other(run, name):
    # What serves a language model has the input, and not the label that shares its vocabulary.
    raw = tf.ragged.constant([[["House"], ["19"]], []], ragged_rank=2, dtype=tf.string)
    layer = run.graph.transform_features_layer()
    found = tf.function(lambda x: layer({name: x})[name])(raw)
    assert found.to_list() == [vocabulary(run, "source").look_up_ids([b"house", b"00"]), []]


@pytest.mark.parametrize("split", SPLITS)
def test_given_vocabulary_is_taken_in_its_order(run, split):
    words = vocabulary(run, "words")
    assert words.entries == (b"the", b"\\o/", b"\n", b"", b"of")
    assert transformed(run, split, "words") == words.look_up_ids(value.encode() for value in column(split, "words"))
    assert run.graph.num_buckets_for_transformed_feature("words") == 7
    firsts = vocabulary(run, "words_prefix1")
    assert set(firsts.entries) == {b"t", b"\\", b"\n", b"", b"o", b"u"}
    assert transformed(run, split, "words_prefix1") == firsts.look_up_ids(
        value[:1].encode() for value in column(split, "words")
    )


def test_given_vocabulary_of_a_label_is_closed(run):
    tags = vocabulary(run, "tags", closed=True)
    assert tags.entries == (b"VERB", b"NOUN")
    assert transformed(run, "eval", "tags") == tags.look_up_ids(value.encode() for value in column("eval", "tags"))
    assert run.graph.num_buckets_for_transformed_feature("tags") == 3


@pytest.mark.parametrize("split", SPLITS)
def test_hashed_ids_are_those_of_farmhash(run, split):
    expected = [farmhash.fingerprint64(value) % 7 + 1 for value in column(split, "hashed")]
    assert transformed(run, split, "hashed") == expected
    assert run.graph.num_buckets_for_transformed_feature("hashed") == 8


def test_the_trainer_knows_the_ids_of_unseen_values(run):
    inputs = {item.name: item for item in SequenceTask.load(run.graph).inputs}
    found = {name: [*item.oov_ids] for name, item in inputs.items() if item.num_ids is not None}
    # A vocabulary is followed by one id of unseen values. Hashes and buckets have an id for every value.
    expected = {name: [1 + len(run.graph.vocabulary_by_name(name))] for name in found.keys() - {"hashed", "rank"}}
    assert found == {**expected, "hashed": [], "rank": []}
    assert {"words", "words_suffix1", "target", "spelled_characters"} <= expected.keys()


@pytest.mark.parametrize("split", SPLITS)
def test_weights_of_steps_reach_the_trainer_unchanged(run, split):
    assert transformed(run, split, "importance") == column(split, "importance")
    task = SequenceTask.load(run.graph)
    assert task.weight == "importance"
    assert not task.columns["importance"].context


def test_characters_are_several_ids_in_a_step(run):
    entries = vocabulary(run, "spelled_characters")
    assert sorted(entries.entries) == sorted(value.encode() for value in ("a", "b", "\u00e9", "\U0001f600", "\n"))
    assert run.graph.num_buckets_for_transformed_feature("spelled_characters") == 7
    by_key = {row["id"]: row for row in RECORDS["eval"]}
    for example in run.examples("eval"):
        key = example.context.feature["id"].bytes_list.value[0].decode()
        steps = example.feature_lists.feature_list["spelled_characters"].feature
        assert [list(step.int64_list.value) for step in steps] == [
            entries.look_up_ids(char.encode() for char in value) for value in by_key[key]["spelled"]
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


def test_settings_that_fit_have_no_contradictions(run):
    assert list(find_contradictions(SPEC, run.settings["transform"], run.settings["numbers"])) == []


@pytest.mark.parametrize("name", ["source", "words", "tags", "spelled_characters"])
@pytest.mark.parametrize("kept", [lambda data: data[: data.rindex(b"\n", 0, -1) + 1], lambda data: data[:-1]])
def test_trainer_notices_a_vocabulary_file_that_was_cut(run, tmp_path, name, kept):
    folder = shutil.copytree(run.outputs["transform_graph"][0].uri, tmp_path / "graph")
    graph = tft.TFTransformOutput(str(folder))
    job = Job(ModelConfig(), TrainingConfig(), SequenceTask.load(graph), graph, (), ())
    file = pathlib.Path(graph.vocabulary_file_by_name(name))
    file.write_bytes(kept(file.read_bytes()))
    message = f"^the vocabulary file {re.escape(str(file))} of the feature '.*' has .* expects .*: the file was cut"
    with pytest.raises(TaskError, match=message):
        SequenceTask.load(graph)
    # Before the export, the files are looked at again.
    with pytest.raises(TaskError, match=message):
        job.check_vocabularies()
