"""The exported model answers as the model in memory, for all kinds of heads and inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.serving import length_groups
from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "words": Feature(kind="token"),
            "tags": Feature(kind="categorical", role="label", spans="BIO"),
            "intent": Feature(kind="categorical", role="label", context=True),
            "price": Feature(kind="float", role="label"),
        }
    ),
    inputs=(
        Input("words", num_ids=27, width=1, context=False),
        Input("words_characters", num_ids=27, width=1, context=False, nested=True),
    ),
    labels=(
        Label("tags", per_step=True, classes=(b"O", b"B-A", b"I-A"), spans="BIO"),
        Label("intent", per_step=False, classes=(b"x", b"y")),
        Label("price", per_step=True),
    ),
    columns={
        "words": Column("int64"),
        "words_characters": Column("int64", nested=True),
        "tags": Column("int64"),
        "intent": Column("int64", context=True),
        "price": Column("float32"),
    },
)

WORDS = [["bee", "a", "zebra"], [], ["ape"]]


def _ids(strings: tf.Tensor) -> tf.Tensor:
    """a to 1, b to 2, ...: of a word, its first letter."""
    codes = tf.strings.unicode_decode(strings, "UTF-8").to_tensor(96, shape=[None, 1])  # An empty word becomes 0.
    return tf.cast(codes[:, 0], tf.int64) - 96


def _class(strings: tf.Tensor, label: Label) -> tf.Tensor:
    return tf.argmax(strings[:, None] == tf.constant(label.classes), 1) + 1


class _Transform(tf.Module):
    """In place of a transform graph: letters become numbers."""

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in raw.items():
            steps = value.with_values(value.values.flat_values) if isinstance(value, tf.RaggedTensor) else value
            if name == "words":
                letters = tf.strings.unicode_split(steps.values, "UTF-8")
                out["words"] = steps.with_values(_ids(steps.values))
                out["words_characters"] = steps.with_values(letters.with_values(_ids(letters.values)))
            elif name == "tags":
                out[name] = steps.with_values(_class(steps.values, TASK.labels[0]))
            elif name == "intent":
                out[name] = _class(value, TASK.labels[1])
            else:
                out[name] = steps
        return out


@pytest.fixture(scope="module")
def model() -> SequenceModel:
    keras.utils.set_random_seed(4)
    heads = {"tags": {"kind": "crf"}, "intent": {"pooling": "attention"}}
    return SequenceModel(TASK, ModelConfig.model_validate({"units": 6, "embedding_dim": 5, "heads": heads}), seed=4)


@pytest.fixture(scope="module")
def batch() -> dict[str, tf.Tensor]:
    characters = np.zeros([3, 3, 5], np.int64)
    for row, words in enumerate(WORDS):
        for step, word in enumerate(words):
            characters[row, step, : len(word)] = [ord(letter) - 96 for letter in word]
    return {
        "words": tf.constant(characters[:, :, 0]),
        "words_characters": tf.constant(characters),
        get_counts_key("words_characters"): tf.constant((characters > 0).sum(-1)),
        "lengths": tf.constant([3, 0, 1], tf.int64),
    }


@pytest.fixture(scope="module")
def served(model: SequenceModel, batch: dict[str, tf.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Any:
    model(batch)
    path: Path = tmp_path_factory.mktemp("exported")
    output = SimpleNamespace(transform_features_layer=_Transform)
    ServingModel(model, TASK, output).save(str(path))  # type: ignore[arg-type]  # it needs no more of a transform graph
    return tf.saved_model.load(str(path))


def _examples() -> tf.Tensor:
    serialized = []
    for words in WORDS:
        example = tf.train.SequenceExample()
        lists = example.feature_lists.feature_list
        lists["words"].SetInParent()
        for word in words:
            lists["words"].feature.add().bytes_list.value.append(word.encode())
        serialized.append(example.SerializeToString())
    return tf.constant(serialized)


def test_served_examples_get_the_answers_of_the_heads(
    served: Any, model: SequenceModel, batch: dict[str, tf.Tensor]
) -> None:
    answers = served.signatures["serving_default"](examples=_examples())
    outputs = model(batch, training=False)
    expected = {"lengths": batch["lengths"]}
    for name, head in model.heads.items():
        expected |= head.predict(outputs[name], batch["lengths"])
    assert answers.keys() == expected.keys() == {
        "lengths", "tags", "tags_id", "tags_score", "intent", "intent_id", "intent_score", "price"
    }  # fmt: skip
    for name, value in expected.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(answers[name], value, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(answers[name], value)


def test_a_tf_example_is_an_empty_sequence_to_a_model_of_sequence_examples(served: Any) -> None:
    words = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"bee", b"a"]))
    flat = tf.train.Example(features=tf.train.Features(feature={"words": words})).SerializeToString()
    answers = served.signatures["serving_default"](examples=tf.stack([flat, _examples()[0]]))
    assert answers["lengths"].numpy().tolist() == [0, len(WORDS[0])]
    assert not any(answers["tags"].numpy()[0])


def test_served_sequences_get_the_answers_of_examples_however_far_they_are_padded(served: Any) -> None:
    answers = served.signatures["serving_default"](examples=_examples())
    padded = [[*words, *["qqqqqqqq"] * (5 - len(words))] for words in WORDS]
    again = served.signatures["serve_sequences"](words=tf.constant(padded), lengths=answers["lengths"])
    for name in ("tags_id", "intent_id"):
        np.testing.assert_array_equal(again[name], answers[name])
    np.testing.assert_allclose(again["price"], answers["price"], rtol=1e-5, atol=1e-6)


class _FirstTwo(_Transform):
    """A transform that cuts off all steps after the second one, as `max_steps = 2` does."""

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value[:, :2] if isinstance(value, tf.RaggedTensor) else value
            for name, value in super().__call__(raw).items()
        }


def test_steps_that_the_transform_cuts_off_have_no_answer(model: SequenceModel, batch: dict[str, tf.Tensor]) -> None:
    model(batch)
    output = SimpleNamespace(transform_features_layer=_FirstTwo)
    serving = ServingModel(model, TASK, output)  # type: ignore[arg-type]  # it needs no more of a transform graph
    words = tf.constant([["bee", "a", "zebra", "ape"], ["ape", "", "", ""]])
    padded = tf.function(serving.answer_sequences)({"words": words, "lengths": tf.constant([4, 1], tf.int64)})
    short = serving.answer_sequences({"words": words[:, :2], "lengths": tf.constant([2, 1], tf.int64)})
    assert padded["lengths"].numpy().tolist() == [2, 1]
    for name, value in short.items():
        if len(value.shape) > 1:
            assert padded[name].shape == (2, 4)
            assert not (padded[name][:, 2:].numpy().astype(bool)).any(), name
        answers = padded[name] if len(value.shape) == 1 else padded[name][:, :2]
        if value.dtype == tf.float32:
            np.testing.assert_allclose(answers, value, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(answers, value)


class _WithBegin(_Transform):
    """A transform that adds a step with the id 9 in front, as `begin` does, and keeps two steps of a record.

    The tags are made from the words, as `next` does, so at the end of a record stands something else.
    """

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        out = super().__call__(raw)
        if "words" not in out:
            return out
        begins = tf.fill([out["words"].nrows(), 1], tf.constant(9, tf.int64))
        ids = tf.concat([begins, out["words"][:, :2]], axis=1)
        letters = ids.with_values(tf.RaggedTensor.from_tensor(ids.values[:, None], row_splits_dtype=tf.int64))
        following = tf.concat([ids[:, 1:], tf.ones_like(ids[:, :1])], axis=1)
        return {**out, "words": ids, "words_characters": letters, "tags": following}


def test_answers_about_an_added_step_are_in_front_and_the_model_says_so(model: SequenceModel, tmp_path: Path) -> None:
    output = SimpleNamespace(transform_features_layer=_WithBegin)
    ServingModel(model, TASK, output).save(str(tmp_path))  # type: ignore[arg-type]
    served = tf.saved_model.load(str(tmp_path))
    assert served.added_steps().numpy().tolist() == [1, 0]
    answers = served.signatures["serving_default"](examples=_examples())
    assert answers["lengths"].numpy().tolist() == [3, 1, 2]
    ids = tf.constant([[9, 2, 1], [9, 0, 0], [9, 1, 0]], tf.int64)
    lengths = tf.constant([3, 1, 2], tf.int64)
    counts = tf.sequence_mask(lengths, 3, tf.int64)
    expected = model(
        {
            "words": ids,
            "words_characters": ids[:, :, None],
            get_counts_key("words_characters"): counts,
            "lengths": lengths,
        }
    )
    tags = model.heads["tags"].predict(expected["tags"], lengths)
    # Of the longest record, the model has not read the last step.
    np.testing.assert_array_equal(answers["tags_id"], np.pad(tags["tags_id"], [[0, 0], [0, 1]]))
    np.testing.assert_allclose(
        answers["price"][:, :3], model.heads["price"].predict(expected["price"], lengths)["price"], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf], ids=str)
def test_number_that_is_not_finite_is_answered_by_nan_and_changes_no_other_record(number: float) -> None:
    labels = [Label(name, per_step=True, classes=(b"a", b"b")) for name in ("tag", "crf")]
    labels += [Label(name, per_step=False, classes=(b"a", b"b")) for name in ("last", "mean", "max", "attention")]
    labels += [Label("price", per_step=True), Label("total", per_step=False)]
    features = {"x": Feature(kind="float")}
    for label in labels:
        kind = "categorical" if label.classes else "float"
        features[label.name] = Feature(kind=kind, role="label", context=not label.per_step)
    numbers = SequenceTask(
        raw=SequenceSpec(features=features),
        inputs=(Input("x", num_ids=None, width=1, context=False),),
        labels=tuple(labels),
        columns={"x": Column("float32")},
    )
    heads = {"crf": {"kind": "crf"}, **{name: {"pooling": name} for name in ("last", "mean", "max", "attention")}}
    model = SequenceModel(numbers, ModelConfig.model_validate({"units": 4, "heads": heads}), seed=1)
    model({"x": tf.zeros([1, 1]), "lengths": tf.constant([1], tf.int64)})
    output = SimpleNamespace(transform_features_layer=_Steps)
    serve = ServingModel(model, numbers, output).answer_sequences  # type: ignore[arg-type]

    lengths = tf.constant([3, 2], tf.int64)
    answers = serve({"x": tf.constant([[1.0, number, 2.0], [1.0, 2.0, 0.0]]), "lengths": lengths})
    alone = serve({"x": tf.constant([[1.0, 2.0]]), "lengths": lengths[1:]})
    for name in ("tag_score", "crf_score", "price"):
        assert np.isnan(answers[name][0]).all(), name
        np.testing.assert_allclose(answers[name][1, :2], alone[name][0], rtol=1e-5)
    for name in ("last_score", "mean_score", "max_score", "attention_score", "total"):
        assert np.isnan(answers[name][0]), name
        np.testing.assert_allclose(answers[name][1], alone[name][0], rtol=1e-5)


class _Steps(tf.Module):
    """In place of a transform graph that leaves numbers as they are."""

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        return {name: value.with_values(value.values.flat_values) for name, value in raw.items()}


def _labelled(words: list[str]) -> bytes:
    example = tf.train.SequenceExample()
    example.context.feature["intent"].bytes_list.value.append(b"xy"[len(words) % 2 :][:1])
    lists = example.feature_lists.feature_list
    for name in ("words", "tags", "price"):
        lists[name].SetInParent()
    for step, word in enumerate(words):
        lists["words"].feature.add().bytes_list.value.append(word.encode())
        lists["tags"].feature.add().bytes_list.value.append([b"O", b"B-A", b"I-A"][step % 3])
        lists["price"].feature.add().float_list.value.append(step / 7)
    return example.SerializeToString()


def test_records_of_unequal_length_get_the_answers_that_each_gets_alone(
    model: SequenceModel, batch: dict[str, tf.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(length_groups, "SMALL_GROUP", 2)
    model(batch)
    output = SimpleNamespace(transform_features_layer=_Transform)
    ServingModel(model, TASK, output).save(str(tmp_path))  # type: ignore[arg-type]  # as above
    served = tf.saved_model.load(str(tmp_path))
    lengths = [2, 31, 0, 5, 1, 20, 3]
    random = np.random.default_rng(0)
    examples = [_labelled([chr(97 + random.integers(26)) * random.integers(1, 5) for _ in range(n)]) for n in lengths]
    for signature in ("serving_default", "evaluation"):
        answer = served.signatures[signature]
        together = answer(examples=tf.constant(examples))
        assert together["lengths"].numpy().tolist() == lengths
        assert together["tags"].shape == together["price"].shape == (7, 31)
        for row, example in enumerate(examples):
            alone = answer(examples=tf.constant([example]))
            assert alone.keys() == together.keys()
            for name, value in together.items():
                _assert_is_padded(value.numpy()[row], alone[name].numpy()[0], name)


def test_model_that_reads_in_windows_gives_the_answers_of_whole_records() -> None:
    task = dataclasses.replace(TASK, labels=(TASK.labels[0], TASK.labels[2]))
    keras.utils.set_random_seed(4)
    settings = {"units": 6, "embedding_dim": 5, "bidirectional": False, "layers": 2}
    model = SequenceModel(task, ModelConfig.model_validate(settings), seed=4)
    output: Any = SimpleNamespace(transform_features_layer=_Transform)
    examples = tf.constant([_labelled(["ab", "c", "def"] * repeats) for repeats in (3, 0, 1)])
    model(
        {name: tf.ones([1, 1, 1][: 2 + column.nested], column.dtype) for name, column in TASK.columns.items()}
        | {get_counts_key("words_characters"): tf.ones([1, 1], tf.int64), "lengths": tf.ones([1], tf.int64)}
    )
    answers = []
    for window in (None, 2):
        served = ServingModel(model, task, output, window)
        answers.append(tf.function(served.answer_evaluation)(examples))
    whole, windowed = answers
    assert whole.keys() == windowed.keys()
    for name, expected in whole.items():
        if expected.dtype.is_floating:
            np.testing.assert_allclose(windowed[name], expected, rtol=1e-6, atol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(windowed[name], expected, err_msg=name)


def _assert_is_padded(got: Any, expected: Any, name: str) -> None:
    """Checks that an answer of one record is the expected one, and padding behind its steps."""
    if isinstance(expected, np.ndarray):
        assert set(got[len(expected) :].tolist()) <= {0, b""}, name
        got = got[: len(expected)]
    if np.asarray(expected).dtype.kind == "f":
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6, err_msg=name)
    else:
        np.testing.assert_array_equal(got, expected, err_msg=name)
