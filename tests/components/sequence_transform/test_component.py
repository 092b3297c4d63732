"""The component has the channels and arguments of stock Transform."""

from __future__ import annotations

import importlib.metadata
import json

import pytest
import tensorflow as tf
from tfx.components.transform import component as stock
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import channel_utils, standard_artifacts

from tfx_sequence.components.sequence_transform import SequenceTransform, VocabularyConfig
from tfx_sequence.components.sequence_transform.executor import Executor

CODE = {"tfx-sequence": importlib.metadata.version("tfx-sequence")}


@pytest.fixture
def channels():
    return {
        "examples": channel_utils.as_channel([standard_artifacts.Examples()]),
        "schema": channel_utils.as_channel([standard_artifacts.Schema()]),
    }


@pytest.mark.parametrize(
    "settings", [{}, {"materialize": False}, {"disable_statistics": True}, {"force_tf_compat_v1": True}]
)
def test_channels_are_those_of_stock(channels, settings):
    ours = SequenceTransform(**channels, **settings)
    theirs = stock.Transform(**channels, preprocessing_fn="a.b", **settings)
    assert ours.inputs.keys() == theirs.inputs.keys()
    assert {name: channel.type for name, channel in ours.outputs.items()} == {
        name: channel.type for name, channel in theirs.outputs.items()
    }
    assert ours.exec_properties.keys() == theirs.exec_properties.keys()
    assert isinstance(ours, stock.Transform)
    assert isinstance(ours.executor_spec, executor_spec.BeamExecutorSpec)
    assert ours.executor_spec.executor_class is Executor


def test_preprocessing_fn_is_ours_when_none_is_given(channels):
    properties = SequenceTransform(**channels, transform={"tokens": VocabularyConfig(min_count=2)}).exec_properties
    module, _, name = properties["preprocessing_fn"].rpartition(".")
    assert callable(getattr(__import__(module, fromlist=[name]), name))
    assert json.loads(properties["custom_config"]) == {
        "sequence_transform": {"transform": {"tokens": {"min_count": 2}}},
        "code": CODE,
    }


def test_preprocessing_fn_and_custom_config_are_the_users_when_given(channels):
    component = SequenceTransform(
        **channels, preprocessing_fn="support.flat_corpus.our_ids", custom_config={"factor": 2}
    )
    assert component.exec_properties["preprocessing_fn"] == "support.flat_corpus.our_ids"
    custom_config = json.loads(component.exec_properties["custom_config"])
    assert custom_config.pop("code").keys() >= CODE.keys()
    assert custom_config == {"factor": 2, "sequence_transform": {}}


def test_properties_change_with_what_a_given_file_holds(channels, tmp_path):
    file = tmp_path / "words.txt"
    settings = {"tokens": VocabularyConfig(file=str(file))}
    properties = []
    for text in ("a\nb\n", "a\nb\n", "b\na\n"):
        file.write_text(text)
        properties.append(SequenceTransform(**channels, transform=settings).exec_properties)
    assert properties[0] == properties[1] != properties[2]


def test_a_given_file_that_is_not_there_is_named(channels, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"words.txt does not exist"):
        SequenceTransform(**channels, transform={"tokens": VocabularyConfig(file=str(tmp_path / "words.txt"))})
    with pytest.raises(tf.errors.NotFoundError, match=r"glove.txt"):
        SequenceTransform(**channels, transform={"tokens": VocabularyConfig(embeddings=str(tmp_path / "glove.txt"))})


def test_properties_change_with_the_size_of_given_vectors(channels, tmp_path):
    file = tmp_path / "glove.txt"
    settings = {"tokens": VocabularyConfig(embeddings=str(file))}
    properties = []
    for text in ("a 1\n", "a 1.5\n"):
        file.write_text(text)
        properties.append(SequenceTransform(**channels, transform=settings).exec_properties)
    assert properties[0] != properties[1]


def test_output_data_format_is_one_of_two(channels):
    assert json.loads(
        SequenceTransform(**channels, output_data_format=example_gen_pb2.FORMAT_TF_EXAMPLE).exec_properties[
            "custom_config"
        ]
    ) == {"sequence_transform": {"flat": True}, "code": CODE}
    with pytest.raises(ValueError, match="`output_data_format` is FORMAT_PROTO, expected"):
        SequenceTransform(**channels, output_data_format=example_gen_pb2.FORMAT_PROTO)
