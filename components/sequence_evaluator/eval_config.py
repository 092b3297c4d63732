"""The stock Evaluator's configuration for the labels of a spec."""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components import arguments
from tfx_sequence.components.sequence_evaluator import metrics as tfma_metrics
from tfx_sequence.components.sequence_evaluator.config_checks import (
    find_metric_problems,
    find_slice_problems,
    find_threshold_problems,
)
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, LabelMetric, list_metrics
from tfx_sequence.components.sequence_evaluator.thresholds import Threshold, require_accuracy
from tfx_sequence.schemas.contract import CODE, EVALUATION, SLICES
from tfx_sequence.schemas.spec import SequenceSpec

_TFMA_CLASSES = {
    "accuracy": tfma_metrics.SequenceAccuracy,
    "cross_entropy": tfma_metrics.SequenceCrossEntropy,
    "label_scores": tfma_metrics.SequenceLabelScores,
    "span_scores": tfma_metrics.SequenceSpanScores,
    "number_errors": tfma_metrics.SequenceNumberErrors,
}
"""The metrics that have a TFMA class of their own, which EvalConfigs of the past name. All others share one class."""


def make_eval_config(
    spec: SequenceSpec,
    min_accuracy: float | None = None,
    *,
    thresholds: Mapping[str, Threshold] | None = None,
    slices: Iterable[str | Iterable[str]] = (),
    by_label: bool = False,
    confidence_intervals: bool = False,
    metrics: Iterable[str] = (),
) -> config_pb2.EvalConfig:
    """Makes an EvalConfig that measures a model as SequenceTrainer exports it, by real steps.

    It is a plain proto: add slices, metrics or thresholds to it as to any other. The figures of each label:

    - of values: `_accuracy`, `_count`, `_cross_entropy`, `_bits_per_step`, `_perplexity`, `_macro_precision`,
      `_macro_recall`, `_macro_f1`;
    - with `spans` also `_span_precision`, `_span_recall`, `_span_f1`, `_span_macro_f1`;
    - of numbers: `_mae`, `_rmse`.

    Args:
      spec: What the records are; its features of role `label` are measured. Labels that the transform makes are in the
        spec that `transformed_spec` gives.
      min_accuracy: The least accuracy of each label of values.
      thresholds: Figure to threshold. The model is blessed if all hold, `min_accuracy` too, and there was a record.
      slices: What to measure parts of the data by: names of context features, `length_bucket`, or several of them for
        each combination of their values.
      by_label: Also precision, recall and F1 of each value of a label and of each type of spans, as `tags_f1/NOUN`.
      confidence_intervals: With 95% confidence intervals, by the jackknife over 20 parts of the data. The Evaluator
        takes longer, and needs some 100 records in each slice.
      metrics: Further metrics: names that installed packages give their own, or classes as `module:Class`; see
        docs/evaluation.md.

    Raises:
      TypeError: if an argument is of another type.
      ValueError: if there is no such metric, or it fits no label, or a threshold is of no figure, or a slice of no
        context feature.
    """
    thresholds = arguments.parse_settings_by_name("thresholds", Threshold, thresholds)
    further = arguments.check_names("metrics", metrics if isinstance(metrics, str) else list(metrics))
    if isinstance(slices, str):
        raise TypeError(f"`slices` is {slices!r}, expected a list of names")
    slices = [(names,) if isinstance(names, str) else tuple(names) for names in slices]
    for _, message in find_metric_problems(spec, further):
        raise ValueError(message)
    label_metrics = list_metrics(spec, by_label, further)
    thresholds = require_accuracy(thresholds, label_metrics, min_accuracy)
    for _, message in (*find_threshold_problems(label_metrics, thresholds), *find_slice_problems(spec, slices)):
        raise ValueError(message)
    model_spec = config_pb2.ModelSpec(
        model_type="tf_generic", signature_name=EVALUATION, preprocessing_function_names=[SLICES]
    )
    metric_configs = [_count_records()]
    for metric in label_metrics:
        metric_configs += _make_metric_configs(metric, thresholds, confidence_intervals)
    config = config_pb2.EvalConfig(
        model_specs=[model_spec],
        # The slice without keys is the whole of the data.
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=names) for names in ((), *slices)],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metric_configs)],
    )
    if confidence_intervals:
        config.options.compute_confidence_intervals.value = True
        config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    return config


def _count_records() -> config_pb2.MetricConfig:
    """Makes the count of records, with a threshold that any data meets.

    Without any threshold the Evaluator neither blesses nor refuses, and Pusher never pushes.
    """
    config = config_pb2.MetricConfig(class_name="ExampleCount")
    config.threshold.value_threshold.lower_bound.value = 1
    return config


def _make_metric_configs(
    metric: LabelMetric, thresholds: Mapping[str, Threshold], confidence_intervals: bool
) -> Iterator[config_pb2.MetricConfig]:
    """Yields a config for each threshold of a metric's figures, or a single one if there is no threshold."""
    accumulator = metric.accumulator
    names = [name for name in thresholds if accumulator.find_figure(name)] or accumulator.names[:1]
    if confidence_intervals:
        # TFMA leaves a figure without an interval only if a metric that is named after the figure says so.
        for name in accumulator.names:
            figure = accumulator.find_figure(name)
            if figure is not None and figure.is_count and name not in names:
                names.append(name)
    for name in names:
        config = _make_metric_config(metric, name)
        if name in thresholds:
            config.threshold.CopyFrom(_make_threshold(metric, name, thresholds[name]))
        yield config


def _make_metric_config(metric: LabelMetric, name: str) -> config_pb2.MetricConfig:
    """Makes the config of a metric that is named after one of its figures."""
    tfma_class = _TFMA_CLASSES.get(metric.name, tfma_metrics.SequenceMetric)
    settings = dict(metric.arguments)
    if metric.name not in METRICS.rows:
        settings[CODE] = _fingerprint(type(metric.accumulator))
    if metric.name not in _TFMA_CLASSES:
        settings["metric"] = metric.name
    return config_pb2.MetricConfig(
        class_name=tfma_class.__name__,
        module=tfma_metrics.__name__,
        config=json.dumps({**settings, "name": name}),
    )


def _fingerprint(metric_class: type[Any]) -> str:
    """Hashes the module of a class that is not of this package, whose version a run does not depend on otherwise."""
    file = sys.modules[metric_class.__module__].__file__
    return hashlib.sha256(pathlib.Path(file).read_bytes() if file else b"").hexdigest()


def _make_threshold(metric: LabelMetric, name: str, threshold: Threshold) -> config_pb2.MetricThreshold:
    proto = config_pb2.MetricThreshold()
    if threshold.at_least is not None:
        proto.value_threshold.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        proto.value_threshold.upper_bound.value = threshold.at_most
    if threshold.worse_by is not None:
        change = proto.change_threshold
        figure = metric.accumulator.find_figure(name)
        # TFMA bounds the candidate's figure minus the baseline's: from below where more is better, else from above.
        if figure is not None and figure.more_is_better:
            change.direction = config_pb2.HIGHER_IS_BETTER
            change.absolute.value = -threshold.worse_by
        else:
            change.direction = config_pb2.LOWER_IS_BETTER
            change.absolute.value = threshold.worse_by
    return proto
