"""Stock TFX's Trainer takes what SequenceTransform writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import tensorflow as tf
from support import transform_corpus
from tfx.components.trainer import component, executor
from tfx.dsl.components.base import base_executor
from tfx.proto import trainer_pb2
from tfx.types import channel_utils

from tfx_sequence.components.sequence_trainer import Column, parse_records


def train(transformed, run_fn, folder):
    """Runs a stock Trainer on what SequenceTransform wrote. Returns the model's folder."""
    inputs = {
        "examples": transformed.outputs["transformed_examples"],
        "transform_graph": transformed.outputs["transform_graph"],
    }
    trainer = component.Trainer(
        **{name: channel_utils.as_channel(artifacts) for name, artifacts in inputs.items()},
        run_fn=run_fn,
        train_args=trainer_pb2.TrainArgs(splits=["train"]),
        eval_args=trainer_pb2.EvalArgs(splits=["eval"]),
    )
    outputs = {}
    for name, channel in trainer.outputs.items():
        artifact = channel.type()
        artifact.uri = str(folder / name)
        outputs[name] = [artifact]
    context = base_executor.BaseExecutor.Context(tmp_dir=str(folder / "tmp"), unique_id="1")
    executor.GenericExecutor(context).Do(inputs, outputs, trainer.exec_properties)
    (saved,) = Path(outputs["model"][0].uri).rglob("saved_model.pb")
    return saved.parent


def test_stock_trainer_trains_on_transformed_examples(transformed, tmp_path):
    saved = train(transformed, "support.stock_run_fn.run_fn", tmp_path)
    weights = tf.train.list_variables(str(saved / "variables" / "variables"))
    rows = transformed.graph.num_buckets_for_transformed_feature("tokens")
    assert [rows, 4] in [shape for _, shape in weights]


def test_run_fn_of_the_docs_trains_on_padded_batches(transformed, tmp_path, root, monkeypatch):
    page = (root / "docs" / "toolkit.md").read_text(encoding="utf-8")
    *_, code = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "toolkit_run_fn.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    model = tf.saved_model.load(str(train(transformed, "toolkit_run_fn.run_fn", tmp_path)))
    columns = {"tokens": Column("int64"), "tags": Column("int64")}
    records = parse_records(tf.constant(transformed.serialized("train")), columns)
    ids = tf.RaggedTensor.from_row_lengths(records.steps["tokens"], records.lengths)
    lengths = ids.row_lengths()
    logits = model.serve([ids.to_tensor(), lengths])
    tags = {tag for record in transform_corpus.RECORDS["train"] for tag in record["tags"]}
    assert logits.shape == [len(lengths), max(lengths), len(tags)]
    further = model.serve([ids.to_tensor(shape=[None, int(max(lengths)) + 3]), lengths])
    np.testing.assert_allclose(further[:, :-3], logits, atol=1e-5)
    labels = tf.RaggedTensor.from_row_lengths(records.steps["tags"], records.lengths)
    assert {int(id) for id in labels.flat_values} == set(range(1, len(tags) + 1))
