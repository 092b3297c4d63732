"""Components check their arguments when they are made, and name the argument that is wrong."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from tfx import types
from tfx.types import standard_artifacts

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen, SplitConfig
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import ModelConfig, SequenceTrainer, TrainingConfig
from tfx_sequence.components.sequence_transform import NumberConfig, SequenceTransform, VocabularyConfig
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "x": Feature(kind="float"),
        "tag": Feature(kind="categorical", role="label"),
    }
)
CHANNELS = {
    "examples": types.Channel(type=standard_artifacts.Examples),
    "transform_graph": types.Channel(type=standard_artifacts.TransformGraph),
    "schema": types.Channel(type=standard_artifacts.Schema),
    "statistics": types.Channel(type=standard_artifacts.ExampleStatistics),
}


def train(**arguments):
    return SequenceTrainer(examples=CHANNELS["examples"], transform_graph=CHANNELS["transform_graph"], **arguments)


def transform(**arguments):
    return SequenceTransform(examples=CHANNELS["examples"], schema=CHANNELS["schema"], **arguments)


def generate(**arguments):
    return SequenceExampleGen(**{"input_base": "data", "spec": SPEC, "read": ReadConfig(format="jsonl"), **arguments})


def schema(**arguments):
    return SequenceSchemaGen(statistics=CHANNELS["statistics"], **arguments)


def evaluate(**arguments):
    return make_eval_config(SPEC, **arguments)


@pytest.mark.parametrize(
    ("make", "arguments", "error", "message"),
    [
        (train, {"training": 3}, TypeError, "`training` is 3, of the type int, expected a TrainingConfig or a dict"),
        (train, {"model": TrainingConfig()}, TypeError, "of the type TrainingConfig, expected a ModelConfig"),
        (train, {"training": ModelConfig()}, TypeError, "of the type ModelConfig, expected a TrainingConfig"),
        (train, {"training": {"epoch": 3}}, ValueError, "`training`: epoch: Extra inputs are not permitted"),
        (train, {"labels": "pos"}, TypeError, "`labels` is 'pos', of the type str, expected a list of names"),
        (train, {"labels": [1]}, TypeError, "`labels` is .*expected a list of names"),
        (train, {"custom_config": "x"}, TypeError, "`custom_config` is 'x', of the type str, expected a dict"),
        (
            train,
            {"custom_config": {"training": {}}},
            ValueError,
            "has the key 'training'; pass its value as",
        ),
        (train, {"custom_config": {"labels": []}}, ValueError, "has the key 'labels'"),
        (transform, {"custom_config": {"sequence_transform": {}}}, ValueError, "has the key 'sequence_transform'"),
        (transform, {"transform": {"words": 3}}, TypeError, r"`transform\['words'\]` is 3"),
        (transform, {"transform": {"words": {"min": 3}}}, ValueError, r"`transform\['words'\]`: min: Extra inputs"),
        (transform, {"numbers": {"x": {"scale": "log"}}}, ValueError, r"`numbers\['x'\]`: scale: Input should be"),
        (transform, {"numbers": [3]}, TypeError, "`numbers` is .*expected a dict of names and NumberConfig"),
        (generate, {"read": "jsonl"}, TypeError, "`read` is 'jsonl', of the type str, expected a ReadConfig"),
        (generate, {"split": 8}, TypeError, "`split` is 8, of the type int, expected a SplitConfig"),
        (generate, {"split": {"train": 8}}, ValueError, "`split`: train: Extra inputs are not permitted"),
        (generate, {"spec": ["words"]}, TypeError, "`spec` is .*expected a SequenceSpec"),
        (
            generate,
            {"read": {"format": "csv"}},
            ValueError,
            "the options of the format 'csv': group_by: Field required",
        ),
        (schema, {"spec": {"features": {}}}, ValueError, "`spec`: Value error, a spec needs at least one sequence"),
        (evaluate, {"thresholds": {"tag_accuracy": 0.5}}, TypeError, r"`thresholds\['tag_accuracy'\]` is 0.5"),
        (evaluate, {"slices": "length_bucket"}, TypeError, "`slices` is 'length_bucket', expected a list of names"),
    ],
)
def test_component_names_the_argument_when_it_is_wrong(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)


def test_settings_may_be_dicts():
    def properties(component):
        return {name: value for name, value in component.exec_properties.items() if isinstance(value, str)}

    for make, as_dicts, as_settings in (
        (
            train,
            {"model": {"units": 3}, "training": {"epochs": 2}},
            {"model": ModelConfig(units=3), "training": TrainingConfig(epochs=2)},
        ),
        (
            transform,
            {"transform": {"words": {"min_count": 2}}, "numbers": {"x": {"buckets": 3}}},
            {"transform": {"words": VocabularyConfig(min_count=2)}, "numbers": {"x": NumberConfig(buckets=3)}},
        ),
        (
            generate,
            {"spec": json.loads(SPEC.to_json()), "read": {"format": "jsonl"}, "split": {"shares": {"train": 1}}},
            {"split": SplitConfig(shares={"train": 1})},
        ),
        (schema, {"spec": json.loads(SPEC.to_json())}, {"spec": SPEC}),
    ):
        assert properties(make(**as_dicts)) == properties(make(**as_settings))
    assert evaluate(thresholds={"tag_accuracy": {"at_least": 0.5}}).metrics_specs


def test_state_dir_may_be_a_path_object():
    config = json.loads(train(state_dir=Path("/some/where")).exec_properties["custom_config"])
    assert config["state_dir"] == "/some/where"


@pytest.mark.parametrize(
    "name", ["evaluator", "example_gen", "example_validator", "schema_gen", "trainer", "transform"]
)
def test_package_has_its_public_names_and_no_others(name):
    package = importlib.import_module(f"tfx_sequence.components.sequence_{name}")
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="attribute no_such_name"):
        _ = package.no_such_name
