import json

import pytest

from tfx_sequence.pipeline.metrics import read_metrics


def test_read_metrics_gives_what_the_file_holds_when_there_is_a_file(tmp_path):
    metrics = {"test": {"accuracy": 0.9375, "steps": 8}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    assert read_metrics(str(tmp_path)) == metrics


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


def test_read_metrics_says_so_when_the_folder_holds_no_evaluation(tmp_path):
    with pytest.raises(
        ValueError, match=rf"^{tmp_path} holds no evaluation: neither metrics\.json nor metrics of TFMA$"
    ):
        read_metrics(str(tmp_path))
