"""The stock Evaluator's configuration for sequence labels."""

from __future__ import annotations

import json

from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components.sequence_evaluator import metrics
from tfx_sequence.schemas.spec import SequenceSpec


def make_eval_config(spec: SequenceSpec, min_accuracy: float | None = None) -> config_pb2.EvalConfig:
    """An EvalConfig that measures a model as SequenceTrainer exports it: masked accuracy of each label, overall.

    It is a plain proto: add slices, metrics or thresholds to it as to any other.

    Args:
      spec: What the records are; its features of role `label` are measured.
      min_accuracy: The least masked accuracy of each label at which the model is blessed; always blessed if None.
    """
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type="tf_generic",
                signature_name="serving_default",
                preprocessing_function_names=["transformed_labels"],
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="ExampleCount")])],
    )
    for label, feature in spec.with_role("label").items():
        metric = config.metrics_specs[0].metrics.add(
            class_name=metrics.SequenceAccuracy.__name__,
            module=metrics.__name__,
            config=json.dumps({"label": label, "per_step": not feature.context}),
        )
        if min_accuracy is not None:
            metric.threshold.value_threshold.lower_bound.value = min_accuracy
    return config
