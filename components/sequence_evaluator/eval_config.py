"""The stock Evaluator's configuration for sequence labels."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components import arguments
from tfx_sequence.components.sequence_evaluator import metrics
from tfx_sequence.components.sequence_evaluator.formulas import bounds_of, measures, wrong_slices, wrong_thresholds
from tfx_sequence.components.sequence_evaluator.thresholds import Threshold, less_is_better
from tfx_sequence.schemas.contract import EVALUATION, SLICES
from tfx_sequence.schemas.spec import SequenceSpec

_METRICS: dict[Any, str] = {
    metric.tally: metric.__name__
    for metric in (
        metrics.SequenceAccuracy,
        metrics.SequenceCrossEntropy,
        metrics.SequenceLabelScores,
        metrics.SequenceNumberErrors,
        metrics.SequenceSpanScores,
    )
}


def make_eval_config(
    spec: SequenceSpec,
    min_accuracy: float | None = None,
    *,
    thresholds: Mapping[str, Threshold] | None = None,
    slices: Iterable[str | Iterable[str]] = (),
    by_label: bool = False,
    confidence_intervals: bool = False,
) -> config_pb2.EvalConfig:
    """An EvalConfig that measures a model as SequenceTrainer exports it, by real steps.

    It is a plain proto: add slices, metrics or thresholds to it as to any other. The metrics of each label:

    - of values: `_accuracy`, `_count`, `_cross_entropy`, `_bits_per_step`, `_perplexity`, `_macro_precision`,
      `_macro_recall`, `_macro_f1`;
    - with `spans` also `_span_precision`, `_span_recall`, `_span_f1`, `_span_macro_f1`;
    - of numbers: `_mae`, `_rmse`.

    Args:
      spec: What the records are; its features of role `label` are measured. Labels that the transform makes are in the
        spec that `transformed_spec` gives.
      min_accuracy: The least accuracy of each label of values.
      thresholds: Metric to threshold. The model is blessed if all hold, `min_accuracy` too, and there was a record.
      slices: What to measure parts of the data by: names of context features, `length_bucket`, or several of them for
        each combination of their values.
      by_label: Also precision, recall and F1 of each value of a label and of each type of spans, as `tags_f1/NOUN`.
      confidence_intervals: With 95% confidence intervals, by the jackknife over 20 parts of the data. The Evaluator
        takes longer, and needs some 100 records in each slice.

    Raises:
      TypeError: if an argument is of another type.
      ValueError: if a threshold is of no metric, or a slice of no context feature.
    """
    measured = measures(spec, by_label)
    bounds = bounds_of(measured, min_accuracy, arguments.settings_of_each("thresholds", Threshold, thresholds))
    if isinstance(slices, str):
        raise TypeError(f"`slices` is {slices!r}, expected a list of names")
    slices = [(each,) if isinstance(each, str) else tuple(each) for each in slices]
    for _, message in (*wrong_thresholds(measured, bounds), *wrong_slices(spec, slices)):
        raise ValueError(message)
    config = config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(
                model_type="tf_generic", signature_name=EVALUATION, preprocessing_function_names=[SLICES]
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=names) for names in ((), *slices)],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="ExampleCount")])],
    )
    # Without any threshold the Evaluator neither blesses nor refuses, and Pusher never pushes.
    config.metrics_specs[0].metrics[0].threshold.value_threshold.lower_bound.value = 1
    for metric in measured:
        # TFMA takes a threshold to be of the value that the metric is named after; and leaves that one without an
        # interval, if the metric says so.
        named = [name for name in bounds if metric.has(name)] or metric.values[:1]
        count = f"{metric.arguments['label']}_count"
        if confidence_intervals and count in metric.values and count not in named:
            named.append(count)
        for name in named:
            added = config.metrics_specs[0].metrics.add(
                class_name=_METRICS[metric.kind],
                module=metrics.__name__,
                config=json.dumps({**metric.arguments, "name": name}),
            )
            if name in bounds:
                added.threshold.CopyFrom(_proto(name, bounds[name]))
    if confidence_intervals:
        config.options.compute_confidence_intervals.value = True
        config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    return config


def _proto(name: str, threshold: Threshold) -> config_pb2.MetricThreshold:
    proto = config_pb2.MetricThreshold()
    if threshold.at_least is not None:
        proto.value_threshold.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        proto.value_threshold.upper_bound.value = threshold.at_most
    if threshold.worse_by is not None:
        less = less_is_better(name)
        change = proto.change_threshold
        change.direction = config_pb2.LOWER_IS_BETTER if less else config_pb2.HIGHER_IS_BETTER
        change.absolute.value = threshold.worse_by if less else -threshold.worse_by
    return proto
