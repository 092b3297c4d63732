"""Makes the stock Evaluator's configuration (an EvalConfig) for the labels of a spec."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components import arguments
from tfx_sequence.components.own_code.fingerprint import fingerprint_code
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
"""The TFMA classes of the built-in metrics. Stored EvalConfigs name these classes, so they must stay.

A new metric needs no entry: metrics that are not in this table use `SequenceMetric`.
"""


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
    """Makes an EvalConfig that measures the labels of a model over real steps only.

    The model must be one that SequenceTrainer exports. The result is a plain proto, to which slices, metrics and
    thresholds can be added as to any other EvalConfig. docs/evaluation.md lists the figures of each kind of label.

    Args:
      spec: The description of the records. Its features with the role `label` are measured. If the transform makes the
        labels, pass the spec that `make_transformed_spec` returns.
      min_accuracy: The minimum accuracy of each label that is a value of a set.
      thresholds: A dict of figure name to threshold. A model is blessed if it meets all thresholds and `min_accuracy`,
        and if there was at least one record.
      slices: The parts of the data to measure separately. A slice is the name of a context feature, `length_bucket`, or
        a list of such names for each combination of their values.
      by_label: Whether to compute precision, recall and F1 also for each value of a label and each type of span. Their
        names are such as `tags_f1/NOUN`.
      confidence_intervals: Whether to compute 95% confidence intervals, by the jackknife over 20 parts of the data. The
        Evaluator then takes longer, and needs about 100 records in each slice.
      metrics: The additional metrics, as the names of metrics in installed packages or as classes `module:Class`. See
        docs/evaluation.md.

    Raises:
      TypeError: if an argument has another type.
      ValueError: if a metric does not exist or fits no label, if the figure of a threshold does not exist, or if a
        slice names something other than a context feature or `length_bucket`.
    """
    thresholds = arguments.parse_settings_by_name("thresholds", Threshold, thresholds)
    # `check_names` refuses a string, which `list` would turn into a list of letters.
    additional_metrics = arguments.check_names("metrics", metrics if isinstance(metrics, str) else list(metrics))
    slices = _parse_slices(slices)
    _raise_first_problem(find_metric_problems(spec, additional_metrics))
    label_metrics = list_metrics(spec, by_label, additional_metrics)
    thresholds = require_accuracy(thresholds, label_metrics, min_accuracy)
    _raise_first_problem(find_threshold_problems(label_metrics, thresholds))
    _raise_first_problem(find_slice_problems(spec, slices))
    model_spec = config_pb2.ModelSpec(
        model_type="tf_generic", signature_name=EVALUATION, preprocessing_function_names=[SLICES]
    )
    metric_configs = [_make_record_count_config()]
    for metric in label_metrics:
        metric_configs += _make_metric_configs(metric, thresholds, confidence_intervals)
    config = config_pb2.EvalConfig(
        model_specs=[model_spec],
        # The slice without keys is the whole data.
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=names) for names in ((), *slices)],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metric_configs)],
    )
    if confidence_intervals:
        config.options.compute_confidence_intervals.value = True
        config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    return config


def _parse_slices(slices: Iterable[str | Iterable[str]]) -> list[tuple[str, ...]]:
    """Returns each slice as a tuple of feature names.

    Raises:
      TypeError: if `slices` is a string.
    """
    if isinstance(slices, str):
        raise TypeError(f"`slices` is {slices!r}, expected a list of names")
    return [(names,) if isinstance(names, str) else tuple(names) for names in slices]


def _raise_first_problem(problems: Iterable[tuple[str, str]]) -> None:
    """Raises a ValueError with the message of the first problem, if there is a problem."""
    first_problem = next(iter(problems), None)
    if first_problem is not None:
        _, message = first_problem
        raise ValueError(message)


def _make_record_count_config() -> config_pb2.MetricConfig:
    """Makes the config of the number of records, with a threshold of at least 1.

    Without any threshold the Evaluator does not bless a model, and Pusher never pushes.
    """
    config = config_pb2.MetricConfig(class_name="ExampleCount")
    config.threshold.value_threshold.lower_bound.value = 1
    return config


def _make_metric_configs(
    metric: LabelMetric, thresholds: Mapping[str, Threshold], confidence_intervals: bool
) -> Iterator[config_pb2.MetricConfig]:
    """Yields one config per threshold of a metric's figures, or a single config if the metric has no threshold.

    A config is named after the figure of its threshold, because TFMA applies a threshold to the figure with the name of
    the config.
    """
    accumulator = metric.accumulator
    names = [name for name in thresholds if accumulator.find_figure(name)] or accumulator.names[:1]
    if confidence_intervals:
        # A count must not have an interval. TFMA only asks the metric that is named after a figure about its interval,
        # so each count needs a config that is named after it.
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
    """Makes the config of a metric, named after one of the metric's figures."""
    tfma_class = _TFMA_CLASSES.get(metric.name, tfma_metrics.SequenceMetric)
    settings = dict(metric.arguments)
    # TFX stores no other fact about the code with the Evaluator, so a change of the config is what runs it again.
    settings[CODE] = json.dumps(fingerprint_code([METRICS.find_row(metric.name).target]))
    if metric.name not in _TFMA_CLASSES:
        settings["metric"] = metric.name
    return config_pb2.MetricConfig(
        class_name=tfma_class.__name__,
        module=tfma_metrics.__name__,
        config=json.dumps({**settings, "name": name}),
    )


def _make_threshold(metric: LabelMetric, name: str, threshold: Threshold) -> config_pb2.MetricThreshold:
    proto = config_pb2.MetricThreshold()
    if threshold.at_least is not None:
        proto.value_threshold.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        proto.value_threshold.upper_bound.value = threshold.at_most
    if threshold.worse_by is not None:
        change = proto.change_threshold
        figure = metric.accumulator.find_figure(name)
        # TFMA compares the difference candidate - baseline with the bound. If more is better, the bound is a minimum.
        # Then "may be worse by 0.01" is the bound -0.01. If less is better, the bound is a maximum.
        if figure is not None and figure.more_is_better:
            change.direction = config_pb2.HIGHER_IS_BETTER
            change.absolute.value = -threshold.worse_by
        else:
            change.direction = config_pb2.LOWER_IS_BETTER
            change.absolute.value = threshold.worse_by
    return proto
