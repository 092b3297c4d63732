"""Tests that records without steps do not make statistics and schemas depend on the batches that Beam makes."""

import apache_beam as beam
import pytest
import tensorflow_data_validation as tfdv
from tfx_bsl.coders.sequence_example_coder import SequenceExamplesToRecordBatchDecoder

from tfx_sequence.components.sequence_schema_gen import infer_schema
from tfx_sequence.schemas.records.examples import encode
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tokens": Feature(kind="token"),
        "count": Feature(kind="integer"),
        "shape": Feature(kind="vector", width=2),
        "tags": Feature(kind="categorical", role="label"),
    },
    min_length=0,
)
LENGTHS = [0, 3, 0, 0, 1, 2, 0, 0]


def records():
    for n in LENGTHS:
        yield encode(
            SPEC, {"tokens": ["a"] * n, "count": [7] * n, "shape": [[0.5, 1.5]] * n, "tags": ["X", "Y", "X"][:n]}
        )


def statistics(batch_size, path):
    serialized = list(records())
    batches = [serialized[i : i + batch_size] for i in range(0, len(serialized), batch_size)]
    with beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner") as pipeline:
        _ = (
            pipeline
            | beam.Create(batches)
            | beam.Map(lambda batch: SequenceExamplesToRecordBatchDecoder("##SEQUENCE##").DecodeBatch(batch))
            | tfdv.GenerateStatistics(tfdv.StatsOptions())
            | tfdv.WriteStatisticsToBinaryFile(path)
        )
    return tfdv.load_stats_binary(path)


def counts(found):
    """Type, presence and numbers of values of each feature, at each level."""
    out = {}
    for feature in found.datasets[0].features:
        stats = getattr(feature, feature.WhichOneof("stats"))
        common = stats.common_stats
        levels = [
            (level.num_missing, level.num_non_missing, level.min_num_values, level.max_num_values, level.tot_num_values)
            for level in common.presence_and_valency_stats
        ]
        out[".".join(feature.path.step)] = (feature.type, common.num_missing, common.tot_num_values, levels)
    return out


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_statistics_and_schema_are_those_of_one_batch(batch_size, tmp_path):
    whole = statistics(len(LENGTHS), str(tmp_path / "whole.pb"))
    parts = statistics(batch_size, str(tmp_path / "parts.pb"))
    assert counts(parts) == counts(whole)
    assert infer_schema({"train": parts}, SPEC) == infer_schema({"train": whole}, SPEC)
    assert not tfdv.validate_statistics(parts, infer_schema({"train": whole}, SPEC)).anomaly_info
