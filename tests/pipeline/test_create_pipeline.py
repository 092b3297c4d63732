"""What create_pipeline wires when a config asks for it; nothing runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from tfx.proto import infra_validator_pb2

from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.pipeline import create_pipeline


def make_components(config_file: Path, more: str = "") -> dict[str, Any]:
    """Returns id to component, in order, of the pipeline of the small config with the tables `more`."""
    config = config_file.read_text(encoding="utf-8").replace("conllu", "jsonl")
    (config_file.parent / "corpus" / "a.jsonl").write_text("")
    config_file.write_text(config + more, encoding="utf-8")
    return {node.id: node for node in create_pipeline(load_config(str(config_file))).components}


EVERYTHING = """
[tuning]
space = { "model.units" = [3] }

[training]
warm_start = true

[evaluation]
thresholds = { upos_accuracy = { worse_by = 0 } }

[serving]
infra_validate = ["latest"]
infer = ["test"]
"""

ALWAYS = [
    "SequenceExampleGen",
    "StatisticsGen",
    "SequenceSchemaGen",
    "SequenceExampleValidator",
    "SequenceTransform",
    "SequenceTrainer",
    "Evaluator",
    "Pusher",
]


def test_pipeline_has_nothing_more_when_the_config_asks_for_nothing(config_file: Path) -> None:
    got = make_components(config_file)
    assert list(got) == ALWAYS
    assert "base_model" not in got["SequenceTrainer"].inputs
    assert "infra_blessing" not in got["Pusher"].inputs


@pytest.mark.parametrize(
    ("more", "trainer", "evaluator"),
    [
        ("[training]\nwarm_start = true\n", True, False),
        ("[evaluation]\nthresholds = { upos_accuracy = { worse_by = 0 } }\n", False, True),
        (
            "[training]\nwarm_start = true\n[evaluation]\nthresholds = { upos_accuracy = { worse_by = 0 } }\n",
            True,
            True,
        ),
    ],
)
def test_one_resolver_gives_the_latest_blessed_model_to_those_who_need_it(
    config_file: Path, more: str, trainer: bool, evaluator: bool
) -> None:
    got = make_components(config_file, more)
    assert sorted(got) == sorted([*ALWAYS, "LatestBlessedModel"])
    latest = got["LatestBlessedModel"].outputs["model"]
    assert (got["SequenceTrainer"].inputs.get("base_model") is latest) == trainer
    assert (got["Evaluator"].inputs.get("baseline_model") is latest) == evaluator


def test_pipeline_connects_every_stage_when_the_config_asks_for_all(config_file: Path) -> None:
    got = make_components(config_file, EVERYTHING)
    names = {id(channel): f"{name}.{key}" for name, node in got.items() for key, channel in node.outputs.items()}
    # The Resolver finds its inputs among the models of all earlier runs.
    del got["LatestBlessedModel"]
    assert {name: {key: names[id(channel)] for key, channel in node.inputs.items()} for name, node in got.items()} == {
        "SequenceExampleGen": {},
        "StatisticsGen": {"examples": "SequenceExampleGen.examples"},
        "SequenceSchemaGen": {"statistics": "StatisticsGen.statistics"},
        "SequenceExampleValidator": {
            "statistics": "StatisticsGen.statistics",
            "schema": "SequenceSchemaGen.schema",
            "examples": "SequenceExampleGen.examples",
        },
        "SequenceTransform": {"examples": "SequenceExampleGen.examples", "schema": "SequenceSchemaGen.schema"},
        "Tuner": {
            "examples": "SequenceTransform.transformed_examples",
            "transform_graph": "SequenceTransform.transform_graph",
        },
        "SequenceTrainer": {
            "examples": "SequenceTransform.transformed_examples",
            "transform_graph": "SequenceTransform.transform_graph",
            "base_model": "LatestBlessedModel.model",
            "hyperparameters": "Tuner.best_hyperparameters",
        },
        "Evaluator": {
            "examples": "SequenceExampleGen.examples",
            "model": "SequenceTrainer.model",
            "baseline_model": "LatestBlessedModel.model",
        },
        "InfraValidator": {"model": "SequenceTrainer.model", "examples": "SequenceExampleGen.examples"},
        "Pusher": {
            "model": "SequenceTrainer.model",
            "model_blessing": "Evaluator.blessing",
            "infra_blessing": "InfraValidator.blessing",
        },
        "BulkInferrer": {
            "examples": "SequenceExampleGen.examples",
            "model": "SequenceTrainer.model",
            "model_blessing": "Evaluator.blessing",
        },
    }
    assert got["SequenceExampleValidator"] in got["SequenceTransform"].upstream_nodes


def test_warm_start_is_no_setting_of_the_trainer_itself(config_file: Path) -> None:
    got = make_components(
        config_file, '[training]\nwarm_start = true\nepochs = 7\n[tuning]\nspace = { "model.units" = [3] }\n'
    )
    for name in ("SequenceTrainer", "Tuner"):
        custom = got[name].exec_properties["custom_config"]
        assert '"epochs": 7' in custom
        assert "warm_start" not in custom


def test_infra_validator_stands_between_the_model_and_the_pusher(config_file: Path) -> None:
    got = make_components(
        config_file, '[serving]\ninfra_validate = ["2.16.1", "latest"]\n[evaluation]\nsplits = ["eval", "test"]\n'
    )
    assert sorted(got) == sorted([*ALWAYS, "InfraValidator"])
    validator = got["InfraValidator"]
    assert validator.inputs["model"] is got["SequenceTrainer"].outputs["model"]
    assert validator.inputs["examples"] is got["SequenceExampleGen"].outputs["examples"]
    assert got["Pusher"].inputs["infra_blessing"] is validator.outputs["blessing"]
    assert got["Pusher"].inputs["model_blessing"] is got["Evaluator"].outputs["blessing"]

    specs = {
        "serving_spec": (
            infra_validator_pb2.ServingSpec(),
            {"tensorflowServing": {"tags": ["2.16.1", "latest"]}, "localDocker": {}},
        ),
        "request_spec": (
            infra_validator_pb2.RequestSpec(),
            {"tensorflowServing": {"signatureNames": ["serving_default"]}, "splitName": "eval", "numExamples": 10},
        ),
    }
    for name, (proto, expected) in specs.items():
        json_format.Parse(validator.exec_properties[name], proto)
        assert json_format.MessageToDict(proto) == expected


def test_import_does_not_start_the_runtime_of_tensorflow() -> None:
    # A scheduler imports a pipeline often, and a process whose runtime has started can no longer choose its devices.
    # TensorFlow refuses this setting as soon as its runtime has started.
    script = (
        "import tensorflow as tf, tfx_sequence.pipeline.pipeline, tfx_sequence.components.sequence_trainer.run_fn; "
        "tf.config.threading.set_intra_op_parallelism_threads(1); print('not started')"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert shown == "not started\n"


def test_a_root_that_stock_components_read_as_a_pattern_is_refused(config_file: Path) -> None:
    config_file.write_text(config_file.read_text().replace('name = "tiny"', 'name = "tiny"\nroot = "runs[1]"'))
    with pytest.raises(
        ValueError, match=r"pipeline\.root is .*runs\[1\]', but TFX reads \*, \? and \[ in it as patterns"
    ):
        create_pipeline(load_config(config_file))
