import json
import math

import pytest

from tfx_sequence.pipeline.runs.evaluation_results import read_intervals, read_metrics


def test_read_metrics_gives_what_the_file_holds_when_there_is_a_file(tmp_path):
    metrics = {"test": {"accuracy": 0.9375, "steps": 8}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert read_metrics(str(tmp_path)) == metrics
    assert read_intervals(str(tmp_path)) == {}


def test_read_metrics_gives_the_whole_not_the_slices_when_tfma_wrote_them(tmp_path):
    import pandas
    import tensorflow_model_analysis as tfma
    from tensorflow_model_analysis.proto import config_pb2

    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["word"])],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    config_pb2.MetricConfig(class_name="MeanSquaredError"),
                ]
            )
        ],
    )
    rows = pandas.DataFrame({"label": [1.0, 0.0, 1.0], "prediction": [1.0, 0.5, 0.0], "word": ["a", "a", "b"]})
    tfma.analyze_raw_data(rows, config, output_path=str(tmp_path))
    metrics = read_metrics(str(tmp_path))
    assert metrics["example_count"] == 3
    # (0 + 0.25 + 1) / 3
    assert metrics["mean_squared_error"] == pytest.approx(1.25 / 3)
    assert read_intervals(str(tmp_path)) == {}


def test_read_metrics_gives_plain_values_and_read_intervals_their_bounds_when_there_are_samples(tmp_path):
    import tensorflow as tf
    from tensorflow_model_analysis.api import types
    from tensorflow_model_analysis.metrics import metric_types
    from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer as writer

    values = {
        "example_count": 200.0,
        "accuracy": types.ValueWithTDistribution(0.9, 0.01, 19, 0.91),
        "empty": float("nan"),
    }
    metrics = {metric_types.MetricKey(name): value for name, value in values.items()}
    with tf.io.TFRecordWriter(str(tmp_path / "metrics-00000-of-00001.tfrecord")) as file:
        for key in ((), (("word", "a"),)):
            file.write(writer.convert_slice_metrics_to_proto((key, metrics), []).SerializeToString())
    got = read_metrics(str(tmp_path))
    assert math.isnan(got.pop("empty"))
    assert got == {"example_count": 200, "accuracy": 0.91}
    # Student's t of 19 degrees of freedom is 2.093 at 95%; TFMA puts it around the mean of the samples.
    assert read_intervals(str(tmp_path)) == {
        "accuracy": pytest.approx((0.9 - 2.093 * 0.01, 0.9 + 2.093 * 0.01), abs=1e-4)
    }


def test_read_metrics_says_so_when_the_folder_holds_no_evaluation(tmp_path):
    with pytest.raises(
        ValueError, match=rf"^{tmp_path} holds no evaluation: neither metrics\.json nor metrics of TFMA$"
    ):
        read_metrics(str(tmp_path))
    with pytest.raises(ValueError, match="holds no evaluation"):
        read_intervals(str(tmp_path))
