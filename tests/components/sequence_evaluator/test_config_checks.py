"""Tests the checks of additional metrics. The checks of thresholds and slices are tested in `test_eval_config.py`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tfx_sequence.components.sequence_evaluator.config_checks import find_metric_problems
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")},
)


OWN = "support.own_metrics:"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("accuracy", "the metric 'accuracy' is always computed, and need not be named"),
        ("wholes", "the metric is 'wholes', expected one of accuracy, .*, or a class as 'module:Class'"),
        ("no_such_module:X", "the metric is 'no_such_module:X', but its class cannot be imported: No module .*"),
        (f"{OWN}Missing", ".* but its class cannot be imported: .* has no attribute 'Missing'"),
        (f"{OWN}not_a_metric", f"the metric is '{OWN}not_a_metric', expected a subclass of MetricAccumulator"),
        (f"{OWN}SpansOnly", f"the metric '{OWN}SpansOnly' is for labels that are spans, and there is no such label"),
        (f"{OWN}SameFigures", ".* has the figure 'tags_accuracy', which the metric 'accuracy' has already"),
    ],
)
def test_metric_that_cannot_be_used_is_named(name: str, problem: str) -> None:
    ((wrong, message),) = find_metric_problems(SPEC, [name])
    assert wrong == name
    assert re.fullmatch(problem, message)


def test_metric_that_is_named_twice_is_named_once_for_each_figure() -> None:
    name = f"{OWN}WholeRecords"
    assert list(find_metric_problems(SPEC, [name])) == []
    assert list(find_metric_problems(SPEC, [name, name])) == [
        (name, f"the metric {name!r} has the figure {figure!r}, which the metric {name!r} has already")
        for figure in ("tags_whole", "tags_broken")
    ]


@pytest.mark.parametrize(
    ("first", "second", "figure"),
    [
        ({"tags": {"spans": "BIO"}}, {"tags_span": {}}, "tags_span_macro_f1"),
        ({}, {"example": {}}, "example_count"),
    ],
)
def test_labels_whose_figures_have_equal_names_are_refused(
    first: dict[str, Any], second: dict[str, Any], figure: str
) -> None:
    labels = {name: Feature(kind="categorical", role="label", **fields) for name, fields in (first | second).items()}
    spec = SequenceSpec(features={"words": Feature(kind="token"), **labels})
    problems = list(find_metric_problems(spec, []))
    assert {name for name, _ in problems} == set(second)
    assert any(message.startswith(f"'{figure}' would be a figure of ") for _, message in problems)
    for name in second:
        del labels[name]
    labels["other"] = Feature(kind="categorical", role="label")
    assert not list(find_metric_problems(SequenceSpec(features={"words": Feature(kind="token"), **labels}), []))
