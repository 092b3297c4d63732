"""Tests the metrics as TFMA computations, as the stock Evaluator runs them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import constants

from tfx_sequence.components.sequence_evaluator import (
    SequenceAccuracy,
    SequenceCrossEntropy,
    SequenceLabelScores,
    SequenceMetric,
    SequenceNumberErrors,
    SequenceSpanScores,
)
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS

METRIC_CLASSES = [
    SequenceAccuracy("tags"),
    SequenceCrossEntropy("tags"),
    SequenceLabelScores("tags", by_label=True),
    SequenceSpanScores("tags", by_label=True),
    SequenceNumberErrors("pitch", width=2),
    *(SequenceMetric(name, "pitch" if METRICS.load(name).label_kind == "numbers" else "tags") for name in METRICS.rows),
]


def make_answers(seed: int, length: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    tags = np.array([b"O", b"B-PER", b"I-PER"], object)
    return {
        "tags": random.choice(tags, length + 2),
        "tags_label": random.choice(tags, length + 1),
        "tags_cross_entropy": random.uniform(),
        "pitch": random.normal(size=2 * length + 2),
        "pitch_label": random.normal(size=2 * length),
        "lengths": np.array(length),
    }


def last_computation(metric: tfma.metrics.Metric, model_names: list[str]) -> tfma.metrics.MetricComputation:
    return metric.computations(model_names=model_names)[-1]


def describe(metric: Any) -> str:
    return str(metric.kwargs.get("metric", type(metric).__name__))


@pytest.mark.parametrize("model_name", ["", "candidate"])
@pytest.mark.parametrize("metric", METRIC_CLASSES, ids=describe)
def test_metric_gives_the_same_figures_however_records_are_grouped(metric: Any, model_name: str) -> None:
    records = [make_answers(seed, length) for seed, length in enumerate((4, 1, 0, 7))]
    computation = last_computation(metric, [model_name])
    (preprocessor,), combiner = computation.preprocessors, computation.combiner
    results = []
    for groups in ([records], [records[:1], records[1:]], [[record] for record in reversed(records)]):
        totals = []
        for group in groups:
            total = combiner.create_accumulator()
            for record in group:
                named = {model_name: record, "baseline": make_answers(99, 3)} if model_name else record
                for counts in preprocessor.process({constants.PREDICTIONS_KEY: named}):
                    total = combiner.add_input(total, counts)
            totals.append(total)
        results.append(combiner.extract_output(combiner.merge_accumulators(totals)))
    for one, other in itertools.pairwise(results):
        assert one == pytest.approx(other)
    assert {key.model_name for key in results[0]} == {model_name}
    assert set(computation.keys) <= set(results[0])
    assert metric.accumulator.names == [key.name for key in computation.keys]


def test_merging_leaves_the_parts_as_they_are() -> None:
    combiner = last_computation(SequenceAccuracy("tags"), [""]).combiner
    parts = [combiner.create_accumulator() for _ in range(2)]
    for part in parts:
        part.update(right=1, labels=2)
    combiner.merge_accumulators(parts)
    assert parts == [{"right": 1, "labels": 2}] * 2


def test_one_computation_serves_metrics_that_are_named_after_different_figures() -> None:
    first, second = SequenceSpanScores("tags"), SequenceSpanScores("tags", name="tags_span_f1")
    assert (first.name, second.name) == ("tags_span_precision", "tags_span_f1")
    assert last_computation(first, [""]) == last_computation(second, [""])
    assert last_computation(first, [""]) != last_computation(SequenceSpanScores("other"), [""])


@pytest.mark.parametrize("metric", METRIC_CLASSES, ids=describe)
def test_metric_is_remade_from_its_config(metric: Any) -> None:
    again = type(metric).from_config(metric.get_config())
    assert again.name == metric.name
    assert again.accumulator.names == metric.accumulator.names
    assert again.accumulator.names_by_value == metric.accumulator.names_by_value
