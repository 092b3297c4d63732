"""Stock TFX's Trainer takes what SequenceTransform writes."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tfx.components.trainer import component, executor
from tfx.dsl.components.base import base_executor
from tfx.proto import trainer_pb2
from tfx.types import channel_utils


def test_stock_trainer_trains_on_transformed_examples(transformed, tmp_path):
    inputs = {
        "examples": transformed.outputs["transformed_examples"],
        "transform_graph": transformed.outputs["transform_graph"],
    }
    trainer = component.Trainer(
        **{name: channel_utils.as_channel(artifacts) for name, artifacts in inputs.items()},
        run_fn="stock_run_fn.run_fn",
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
    )
    outputs = {}
    for name, channel in trainer.outputs.items():
        artifact = channel.type()
        artifact.uri = str(tmp_path / name)
        outputs[name] = [artifact]
    context = base_executor.BaseExecutor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")
    executor.GenericExecutor(context).Do(inputs, outputs, trainer.exec_properties)
    (saved,) = Path(outputs["model"][0].uri).rglob("saved_model.pb")
    weights = tf.train.list_variables(str(saved.parent / "variables" / "variables"))
    rows = transformed.graph.num_buckets_for_transformed_feature("tokens")
    assert [rows, 4] in [shape for _, shape in weights]
