"""Weights that are taken from an exported model, by value: against dicts of rows, whatever the order of the ids."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import MODEL, TASK, batches

from tfx_sequence.components.sequence_trainer.batches.ids import ZeroBasedIds
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel, build_model
from tfx_sequence.components.sequence_trainer.task.task import Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.warm_start import list_weight_files, take_exported_weights
from tfx_sequence.components.sequence_trainer.training.weight_index import (
    AxisValues,
    name_weights,
    read_axis_values,
    write_weight_index,
)

CONFIG = MODEL.model_copy(update={"layers": 2, "heads": {"tags": HeadConfig(kind="crf")}})
OLD: AxisValues = {
    "tokens": ["[PAD]", "=a", "=b", "=c", "=d", "[OOV]"],
    "tags": ["=A", "=B", "=C", "=D"],
    "intent": ["=x", "=y"],
}
# Other ids, a new one of each, and one that is gone.
NEW: AxisValues = {
    "tokens": ["[PAD]", "=new", "=c", "=a", "=[OOV]", "=b", "[OOV]"],
    "tags": ["=C", "=A", "=E", "=B", "=F"],
    "intent": ["=y", "=x"],
}


def task_of(values: AxisValues) -> SequenceTask:
    tokens, pitch = TASK.inputs
    classes = {name: tuple(value[1:].encode() for value in values[name]) for name in ("tags", "intent")}
    return dataclasses.replace(
        TASK,
        inputs=(dataclasses.replace(tokens, num_ids=len(values["tokens"])), pitch),
        labels=tuple(dataclasses.replace(label, classes=classes[label.name]) for label in TASK.labels),
    )


def built(values: AxisValues, config: ModelConfig = CONFIG, **change: Any) -> keras.Model:
    """A model whose weights are all different from those of any other."""
    model = SequenceModel(dataclasses.replace(task_of(values), **change), config)
    build_model(model, batches())
    for weight in model.weights:
        weight.assign(np.random.default_rng().normal(size=weight.shape))
    return model


def export(folder: Path, model: keras.Model, values: AxisValues) -> str:
    """As ServingModel keeps variables."""
    module = tf.Module()
    module._weights = [variable.value for variable in model.variables]
    tf.saved_model.save(module, str(folder))
    write_weight_index(str(folder), model, values)
    return str(folder)


@pytest.fixture(scope="module")
def old() -> keras.Model:
    return built(OLD)


@pytest.fixture(scope="module")
def exported(old: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(tmp_path_factory.mktemp("warm_start") / "model", old, OLD)


def weights(model: keras.Model, values: AxisValues) -> dict[str, np.ndarray]:
    """By name, without the path."""
    return {
        "/".join(weight.name.split("/")[-2:]): tf.convert_to_tensor(weight.variable).numpy()
        for weight in name_weights(model, values)
    }


def test_take_exported_weights_takes_all_when_nothing_has_changed(old: keras.Model, exported: str) -> None:
    model = built(OLD)
    assert take_exported_weights(exported, model, OLD) == f"14 of 14 weights are taken from {exported}"
    for before, after in zip(old.weights, model.weights, strict=True):
        np.testing.assert_array_equal(after.numpy(), before.numpy())


@pytest.mark.parametrize("change", ["order", "name", "width"])
def test_weights_that_read_other_inputs_of_the_same_width_are_not_taken(
    old: keras.Model, exported: str, change: str
) -> None:
    tokens, pitch = TASK.inputs
    columns, config = TASK.columns, CONFIG
    if change == "name":
        pitch = dataclasses.replace(pitch, name="volume")
        columns = {**columns, "volume": columns["pitch"]}
    if change == "width":  # One value more of the pitch, and one less of the tokens.
        pitch = dataclasses.replace(pitch, width=2)
        columns = {**columns, "pitch": columns["pitch"]._replace(width=2)}
        config = config.model_copy(update={"embedding_dim": 3})
    inputs = (pitch, tokens) if change == "order" else (tokens, pitch)
    task = dataclasses.replace(task_of(OLD), inputs=inputs, columns=columns)
    model = SequenceModel(task, config)
    model(
        {
            **{item.name: tf.ones([1, 1] + [item.width] * (item.width > 1)) for item in inputs},
            "tokens": tf.ones([1, 1], tf.int64),
            "lengths": tf.ones([1], tf.int64),
        }
    )
    start = weights(model, OLD)
    line = take_exported_weights(exported, model, OLD)
    assert "recurrent/dynamic_rnn/lstm_cell/kernel (reads tokens (4), pitch (1) in the exported model, " in line
    before, after = weights(old, OLD), weights(model, OLD)
    for name, value in after.items():
        is_taken = name.startswith(("logits", "crf")) or (name.startswith("embed") and change != "width")
        np.testing.assert_array_equal(value, before[name] if is_taken else start[name], err_msg=name)


def test_take_exported_weights_moves_rows_by_value_when_vocabularies_have_changed(
    old: keras.Model, exported: str
) -> None:
    model = built(NEW)
    start = weights(model, NEW)
    line = take_exported_weights(exported, model, NEW)
    before, after = weights(old, OLD), weights(model, NEW)

    rows = dict(zip(OLD["tokens"], before["embed_tokens/embeddings"], strict=True))
    for value, row in zip(NEW["tokens"], after["embed_tokens/embeddings"], strict=True):
        # What is new was unseen to the exported model; a literal "[OOV]" is new, and not what unseen values are.
        np.testing.assert_array_equal(row, rows.get(value, rows["[OOV]"]))

    for name, axis in {"logits/bias": 0, "logits/kernel": 1, "crf/start": 0, "crf/end": 0}.items():
        feature = "intent" if name.startswith("logits") else "tags"  # The intent's head is the last.
        columns = dict(zip(OLD[feature], np.moveaxis(before[name], axis, 0), strict=True))
        started = dict(zip(NEW[feature], np.moveaxis(start[name], axis, 0), strict=True))
        for value, column in zip(NEW[feature], np.moveaxis(after[name], axis, 0), strict=True):
            np.testing.assert_array_equal(column, columns.get(value, started[value]))

    tags, new_tags = OLD["tags"], NEW["tags"]
    for i, j in np.ndindex(len(new_tags), len(new_tags)):
        known = new_tags[i] in tags and new_tags[j] in tags
        expected = (
            before["crf/transitions"][tags.index(new_tags[i]), tags.index(new_tags[j])]
            if known
            else start["crf/transitions"][i, j]
        )
        assert after["crf/transitions"][i, j] == expected

    for name in before:
        if "lstm" in name:
            np.testing.assert_array_equal(after[name], before[name])
    assert line.startswith(f"14 of 14 weights are taken from {exported}; in part: ")
    assert "inputs/embed_tokens/embeddings (5 of 7 values of tokens)" in line
    assert "head_tags/crf/transitions (3 of 5 values of tags)" in line
    assert "intent" not in line


def test_take_exported_weights_says_what_does_not_fit_and_leaves_it(exported: str) -> None:
    config = CONFIG.model_copy(update={"units": 5, "layers": 3})
    model = built(OLD, config)
    start = [weight.numpy() for weight in model.weights]
    line = take_exported_weights(exported, model, OLD)
    # The embedding, the biases and the transitions do not see how many units there are.
    changed = [not np.array_equal(weight.numpy(), before) for weight, before in zip(model.weights, start, strict=True)]
    assert sum(changed) == 6
    assert line.startswith(f"6 of {len(start)} weights are taken from {exported}; not taken: ")
    assert "lstm_cell/kernel (has the shape [5, 24] in the exported model, [5, 20] here)" in line
    assert line.endswith("more")


def test_take_exported_weights_says_what_is_of_other_values_or_not_there(exported: str) -> None:
    values = {name: each for name, each in OLD.items() if name != "tokens"}
    model = built(OLD, CONFIG.model_copy(update={"layers": 3}))
    line = take_exported_weights(exported, model, values)
    assert line.startswith("13 of 17 weights are taken")
    assert "inputs/embed_tokens/embeddings (is indexed by tokens in the exported model, by no values here)" in line
    assert "recurrent/dynamic_rnn/lstm_cell/kernel#3 (is not in the exported model)" in line


def test_take_exported_weights_leaves_vectors_that_are_not_trained(exported: str) -> None:
    vectors = np.ones([len(OLD["tokens"]), 4], "float32")
    config = CONFIG.model_copy(update={"freeze_pretrained": True})
    model = built(OLD, config, embeddings={"tokens": vectors})
    start = weights(model, OLD)["embed_tokens/embeddings"]
    assert "not taken: inputs/embed_tokens/embeddings (is not trained)" in take_exported_weights(exported, model, OLD)
    np.testing.assert_array_equal(weights(model, OLD)["embed_tokens/embeddings"], start)


@pytest.mark.parametrize("uses_vectors", [True, False])
def test_take_exported_weights_keeps_the_pretrained_vectors_of_new_values(
    old: keras.Model, exported: str, uses_vectors: bool
) -> None:
    # Of the new values "=new" has a vector, and "=[OOV]" has none: its row is the mean, as that of unseen values is.
    vectors = np.random.default_rng(0).normal(size=[len(NEW["tokens"]), 4]).astype("float32")
    vectors[NEW["tokens"].index("=[OOV]")] = vectors[-1]
    model = SequenceModel(dataclasses.replace(task_of(NEW), embeddings={"tokens": vectors}), CONFIG)
    build_model(model, batches())
    if not uses_vectors:  # As the embedding of a model of one's own may do.
        (table,) = [weight for weight in model.weights if weight.path.endswith("embed_tokens/embeddings")]
        table.assign(np.full(table.shape, 7.0))
    take_exported_weights(exported, model, NEW, {"tokens": vectors})
    rows = dict(zip(OLD["tokens"], weights(old, OLD)["embed_tokens/embeddings"], strict=True))
    expected = {value: rows.get(value, rows["[OOV]"]) for value in NEW["tokens"]}
    if uses_vectors:
        expected["=new"] = vectors[NEW["tokens"].index("=new")]
    found = weights(model, NEW)["embed_tokens/embeddings"]
    np.testing.assert_array_equal(found, list(expected.values()))


def test_take_exported_weights_takes_nothing_when_the_model_has_no_index(tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path))
    model = built(OLD)
    start = [weight.numpy() for weight in model.weights]
    line = take_exported_weights(str(tmp_path), model, OLD)
    assert line.startswith(f"no weight is taken from {tmp_path}: there is no assets.extra/weights.json")
    for before, weight in zip(start, model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), before)


def test_labels_whose_names_end_in_numbers_are_not_mixed_up(tmp_path: Path) -> None:
    """Keras counts layers by such endings."""
    labels = tuple(Label(name, True, (b"A", b"B")) for name in ("tag_1", "tag_2"))
    both = {"tag_1": ["=A", "=B"], "tag_2": ["=A", "=B"]}
    model = built(OLD, MODEL, labels=labels)
    directory = export(tmp_path / "model", model, both)
    second = built(OLD, MODEL, labels=labels[1:])
    take_exported_weights(directory, second, both)
    np.testing.assert_array_equal(
        weights(second, both)["logits/kernel"], tf.convert_to_tensor(model.heads["tag_2"].weights[0]).numpy()
    )


class Graph:
    """The vocabularies of a transform graph, as TFTransformOutput gives them."""

    files: ClassVar = {"tokens": [b"\\b", b"the", b"\\0"], "tags": [b"A", b"B"]}
    buckets: ClassVar = {"tokens": 5, "tags": 3}

    def vocabulary_file_by_name(self, name: str) -> str | None:
        return name if name in self.files else None

    def vocabulary_by_name(self, name: str) -> list[bytes]:
        return self.files[name]

    def num_buckets_for_transformed_feature(self, name: str) -> int:
        return self.buckets[name]


@pytest.mark.parametrize(
    ("ids", "tokens", "tags"),
    [
        # Ours: symbols and the empty value are written otherwise, an open vocabulary has unseen values.
        (None, ["[PAD]", "[BEGIN]", "=the", "=", "[OOV]", "#5"], ["=A", "=B"]),
        # Stock's: a line is a value, and what is left are buckets of unseen values.
        (ZeroBasedIds(unseen=None), ["[PAD]", "=\\b", "=the", "=\\0", "[OOV]", "[OOV]"], ["=A", "=B"]),
    ],
)
def test_read_axis_values_names_each_id(ids: Any, tokens: list[str], tags: list[str]) -> None:
    columns = {name: column._replace(ids=ids) for name, column in TASK.columns.items()}
    inputs = (dataclasses.replace(TASK.inputs[0], num_ids=6), TASK.inputs[1])
    labels = (dataclasses.replace(TASK.labels[0], classes=(b"A", b"B")), TASK.labels[1])
    task = dataclasses.replace(TASK, columns=columns, inputs=inputs, labels=labels)
    assert read_axis_values(task, Graph()) == {"tokens": tokens, "tags": tags}


def test_list_weight_files_lists_the_variables_and_the_index(exported: str) -> None:
    assert [Path(file).name for file in list_weight_files(exported)] == [
        "weights.json",
        "variables.data-00000-of-00001",
        "variables.index",
    ]
