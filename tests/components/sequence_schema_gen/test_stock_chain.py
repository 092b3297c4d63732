"""Stock components around ours: what fails with stock SchemaGen (tensorflow/tfx#4714, #5520) and works with ours."""

import glob
import re

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
import tensorflow_transform as tft
from tfx import v1 as tfx
from tfx.proto import example_gen_pb2

from tfx_sequence.components.sequence_example_validator import ExamplesInvalidError, SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label"),
        "lpc": Feature(kind="vector", width=2),
        "parts": Feature(kind="token", nested=True),
        "id": Feature(kind="token", role="key", context=True),
    }
)


def record(name, tags):
    lpc = [[float(i), float(len(tags))] for i in range(len(tags))]
    tokens, parts = [f"w{i}" for i in range(len(tags))], [["p"] * (i + len(tags) - 2) for i in range(len(tags))]
    return {"id": name, "tokens": tokens, "tags": tags, "lpc": lpc, "parts": parts}


RECORDS = {
    "train": [record("1", ["X", "Y"]), record("2", ["X"]), record("3", ["Y", "X", "X"])],
    # This label does not occur in train.
    "test": [record("4", ["Z", "X"]), record("1", ["X"])],
}


def run(folder, schema_gen, *later):
    """Runs ImportExampleGen, StatisticsGen, a schema gen, stock Transform, then the components that `later` make."""
    for split, records in RECORDS.items():
        with tf.io.TFRecordWriter(f"{folder}/{split}.gz", "GZIP") as writer:
            for each in records:
                writer.write(encode(SPEC, each))
    splits = [tfx.proto.Input.Split(name=split, pattern=f"{split}.gz") for split in RECORDS]
    examples = tfx.components.ImportExampleGen(
        input_base=str(folder),
        input_config=tfx.proto.Input(splits=splits),
        payload_format=example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE,
    )
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = schema_gen(statistics=statistics.outputs["statistics"])
    # Any `preprocessing_fn` can be used here. This one returns its inputs.
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"], schema=schema.outputs["schema"], preprocessing_fn="copy.copy"
    )
    channels = (statistics.outputs["statistics"], schema.outputs["schema"], examples.outputs["examples"])
    more = [make(*channels) for make in later]
    for component in more:
        component.add_upstream_node(transform)
    tfx.orchestration.LocalDagRunner().run(
        tfx.dsl.Pipeline(
            pipeline_name="chain",
            pipeline_root=f"{folder}/root",
            metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{folder}/m.db"),
            components=[examples, statistics, schema, transform, *more],
        )
    )


@pytest.mark.slow
def test_stock_transform_fails_on_the_schema_of_stock_schema_gen(tmp_path):
    """The day that this passes, SequenceSchemaGen has one reason less to be."""
    with pytest.raises(AssertionError, match="must provide raw_record_column_name"):
        run(tmp_path, tfx.components.SchemaGen)


@pytest.mark.slow
def test_stock_transform_runs_and_validator_stops_the_pipeline_when_schema_gen_is_ours(tmp_path):
    with pytest.raises(
        ExamplesInvalidError, match=r"split 'test', feature 'tags': .* missing from the schema: Z "
    ) as caught:
        run(
            tmp_path,
            lambda statistics: SequenceSchemaGen(statistics=statistics, spec=SPEC),
            lambda statistics, schema, examples: SequenceExampleValidator(statistics, schema, examples),
        )
    (graph,) = glob.glob(f"{tmp_path}/root/Transform/transform_graph/*")
    output = tft.TFTransformOutput(graph)
    (data,) = glob.glob(f"{tmp_path}/root/Transform/transformed_examples/*/Split-test/*")
    serialized, _ = tf.data.TFRecordDataset(data, "GZIP")
    parsed = tf.io.parse_example(serialized[None], output.transformed_feature_spec())
    assert parsed["tokens"].to_list() == [[[b"w0"], [b"w1"]]]
    assert parsed["lpc"].to_list() == [[[0.0, 2.0], [1.0, 2.0]]]
    assert parsed["parts"].to_list() == [[[], [b"p"]]]
    assert parsed["id"].numpy().tolist() == [b"4"]
    # TFX removes the outputs of a failed component. The message names the folder that still contains the findings.
    kept = re.search(r"All anomalies are in (\S+)\. ", str(caught.value))[1]
    anomalies = {split: tfdv.load_anomalies_text(f"{kept}/{split}.pbtxt").anomaly_info for split in RECORDS}
    assert set(anomalies["test"]) == {"##SEQUENCE##.tags", "id"}
    # Only the records show that a key of train occurs again in test.
    assert list(anomalies["train"]) == ["id"]
    assert "1 of 3 records: '1', record 0 of " in anomalies["train"]["id"].description
