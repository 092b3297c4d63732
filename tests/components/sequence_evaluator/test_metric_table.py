"""Tests the rows in the table of metrics, and the selection of metrics for labels."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.paths import ROOT

from tfx_sequence.components.sequence_evaluator.accumulators import Counts
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, list_metrics
from tfx_sequence.schemas.families import UnknownMemberError
from tfx_sequence.schemas.spec import Feature, SequenceSpec

WHOLE = "support.own_metrics:WholeRecords"

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "pitch": Feature(kind="vector", width=2, role="label"),
    }
)
ANSWERS: dict[str, np.ndarray[Any, Any]] = {
    "tags": np.array([b"B-PER", b"O"], object),
    "tags_label": np.array([b"B-PER", b"B-PER"], object),
    "tags_cross_entropy": np.array(1.5),
    "intent": np.array(b"buy", object),
    "intent_label": np.array(b"buy", object),
    "intent_cross_entropy": np.array(0.5),
    "pitch": np.zeros(4),
    "pitch_label": np.ones(4),
    "lengths": np.array(2),
}


def labels_of(name: str, spec: SequenceSpec = SPEC) -> dict[str, dict[str, Any]]:
    metrics = [metric for metric in list_metrics(spec, by_label=True, additional=[WHOLE]) if metric.name == name]
    return {metric.arguments["label"]: metric.arguments for metric in metrics}


@pytest.mark.parametrize("name", [*METRICS.rows, WHOLE])
def test_metric_computes_the_figures_that_it_declares(name: str) -> None:
    metrics = [metric for metric in list_metrics(SPEC, by_label=True, additional=[WHOLE]) if metric.name == name]
    assert metrics
    for metric in metrics:
        counts: Counts = Counter()
        counts.update(metric.accumulator.count(ANSWERS))
        figures = {f"{metric.accumulator.label}_{figure}" for figure in metric.accumulator.compute(counts)}
        assert {figure for figure in figures if "/" not in figure} == set(metric.accumulator.names)
        by_value = {figure.partition("/")[0] for figure in figures if "/" in figure}
        assert by_value == set(metric.accumulator.names_by_value)
        assert all(metric.accumulator.find_figure(figure) for figure in figures)
        assert metric.accumulator.find_figure("words_accuracy") is None


@pytest.mark.parametrize("name", METRICS.rows)
def test_class_of_a_metric_says_what_it_computes(name: str) -> None:
    metric = METRICS.load(name)
    assert metric.__doc__
    assert set(metric.arguments) <= {"per_step", "by_label", "width"}
    assert ("by_label" in metric.arguments) == bool(metric.figures_by_value)


def test_metrics_are_made_for_the_labels_of_their_kind() -> None:
    assert labels_of("accuracy") == {
        "tags": {"label": "tags", "per_step": True},
        "intent": {"label": "intent", "per_step": False},
    }
    assert labels_of("span_scores") == {"tags": {"label": "tags", "by_label": True}}
    assert labels_of("number_errors") == {"pitch": {"label": "pitch", "per_step": True, "width": 2}}
    assert list(labels_of(WHOLE)) == ["tags", "intent"]


def test_figures_by_value_are_there_only_if_they_are_wanted() -> None:
    (scores,) = [metric.accumulator for metric in list_metrics(SPEC) if metric.name == "span_scores"]
    assert scores.names_by_value == []
    assert scores.find_figure("tags_span_f1/PER") is None


def test_metric_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(UnknownMemberError, match=r"^'acuracy', expected one of accuracy, "):
        list_metrics(SPEC, additional=["acuracy"])


def test_installed_package_adds_a_metric_and_tensorflow_is_not_loaded(tmp_path: Path) -> None:
    info = tmp_path / "own_metrics-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-metrics\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{METRICS.group}]\nwhole_records = {WHOLE}\n")
    program = """
import sys
from tfx_sequence.components.sequence_evaluator.config_checks import find_metric_problems, find_threshold_problems
from tfx_sequence.components.sequence_evaluator.metric_table import METRICS, list_metrics
from tfx_sequence.schemas.spec import Feature, SequenceSpec

spec = SequenceSpec(
    features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")}
)
assert "whole_records" in METRICS.list_names()
assert not list(find_metric_problems(spec, ["whole_records"]))
assert not list(find_threshold_problems(list_metrics(spec, additional=["whole_records"]), ["tags_whole"]))
assert not {"tensorflow", "tensorflow_model_analysis", "apache_beam"} & set(sys.modules)
"""
    path = f"{tmp_path}:{ROOT / 'tests'}"
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": path})
