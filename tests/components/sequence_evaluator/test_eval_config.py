"""Tests that TFMA reads the metrics, thresholds and slices in the EvalConfig of a spec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs
from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components.sequence_evaluator import Threshold, make_eval_config
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "genre": Feature(kind="categorical", context=True),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "pitch": Feature(kind="vector", width=2, role="label"),
    }
)


def read_metrics(config: config_pb2.EvalConfig) -> list[Any]:
    return [metric for _, _, metric in metric_specs.keys_and_metrics_from_specs(config, config.metrics_specs)]


def read_thresholds(config: config_pb2.EvalConfig) -> dict[str, Any]:
    """Metric, as `name` or as `name difference`, to what TFMA takes its one threshold to be."""
    found = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    return {f"{key.name}{' difference' * key.is_diff}": threshold for key, [(_, threshold)] in found.items()}


def test_eval_config_measures_each_label_by_its_kind() -> None:
    config = make_eval_config(SPEC)
    tfma.utils.verify_eval_config(tfma.utils.update_eval_config_with_defaults(config))
    count, *ours = read_metrics(config)
    assert count.name == "example_count"
    figures = [figure for metric in ours for figure in metric.accumulator.names]
    of_values = [
        "accuracy",
        "count",
        "cross_entropy",
        "bits_per_step",
        "perplexity",
        "macro_precision",
        "macro_recall",
        "macro_f1",
    ]
    of_spans = ["span_precision", "span_recall", "span_f1", "span_macro_f1"]
    assert figures == [
        *(f"tags_{name}" for name in of_values + of_spans),
        *(f"intent_{name}" for name in of_values),
        "pitch_mae",
        "pitch_rmse",
    ]
    assert [metric.accumulator.names_by_value for metric in ours if metric.accumulator.names_by_value] == []
    assert {metric.kwargs["label"]: metric.kwargs["per_step"] for metric in ours} == {
        "tags": True,
        "intent": False,
        "pitch": True,
    }
    assert ours[-1].kwargs["width"] == 2
    # Without this threshold, no model would be blessed.
    (threshold,) = read_thresholds(config).items()
    assert (threshold[0], threshold[1].lower_bound.value) == ("example_count", 1)
    (model,) = config.model_specs
    assert (model.model_type, model.signature_name) == ("tf_generic", "evaluation")
    assert list(model.preprocessing_function_names) == ["slices"]


def test_thresholds_are_of_the_figures_that_they_name() -> None:
    config = make_eval_config(
        SPEC,
        min_accuracy=0.5,
        thresholds={
            "tags_accuracy": Threshold(at_least=0.7, worse_by=0.01),
            "tags_span_f1": Threshold(at_least=0.6, at_most=0.9),
            "tags_f1/NOUN": Threshold(at_least=0.1),
            "tags_perplexity": Threshold(at_most=3, worse_by=0.25),
            "pitch_rmse": Threshold(worse_by=0),
        },
        by_label=True,
    )
    got = read_thresholds(config)
    values = {name: threshold for name, threshold in got.items() if not name.endswith("difference")}
    assert {name: threshold.lower_bound.value for name, threshold in values.items()} == {
        "example_count": 1,
        "tags_accuracy": 0.7,
        "intent_accuracy": 0.5,
        "tags_span_f1": 0.6,
        "tags_f1/NOUN": 0.1,
        "tags_perplexity": 0,
    }
    assert {name: t.upper_bound.value for name, t in values.items() if t.HasField("upper_bound")} == {
        "tags_span_f1": 0.9,
        "tags_perplexity": 3,
    }
    changes = {name.split()[0]: threshold for name, threshold in got.items() if name not in values}
    assert {name: (t.direction, t.absolute.value) for name, t in changes.items()} == {
        "tags_accuracy": (config_pb2.HIGHER_IS_BETTER, -0.01),
        "tags_perplexity": (config_pb2.LOWER_IS_BETTER, 0.25),
        "pitch_rmse": (config_pb2.LOWER_IS_BETTER, 0),
    }


@pytest.mark.parametrize(("given", "least"), [(0.3, 0.5), (0.7, 0.7), (None, 0.5)])
def test_the_stricter_of_two_least_accuracies_holds(given: float | None, least: float) -> None:
    config = make_eval_config(SPEC, 0.5, thresholds={"tags_accuracy": Threshold(at_least=given)})
    assert read_thresholds(config)["tags_accuracy"].lower_bound.value == least


@pytest.mark.parametrize("name", ["tags_f2", "words_accuracy", "tags_f1/NOUN"])
def test_threshold_of_no_metric_is_refused_with_the_metrics_that_there_are(name: str) -> None:
    message = f"there is a threshold of {name!r}, but the metrics are tags_accuracy, .*, pitch_rmse$"
    with pytest.raises(ValueError, match=message):
        make_eval_config(SPEC, thresholds={name: Threshold(at_least=0)})


def test_slices_are_by_context_features_and_lengths_beside_the_whole() -> None:
    config = make_eval_config(SPEC, slices=["genre", "length_bucket", ("genre", "length_bucket")])
    keys = [list(spec.feature_keys) for spec in config.slicing_specs]
    assert keys == [[], ["genre"], ["length_bucket"], ["genre", "length_bucket"]]
    with pytest.raises(ValueError, match=r"a slice by 'words', but records can be sliced by genre, intent, length_b"):
        make_eval_config(SPEC, slices=["words"])


def test_confidence_intervals_are_left_out_unless_wanted() -> None:
    assert not make_eval_config(SPEC).options.compute_confidence_intervals.value
    options = make_eval_config(SPEC, confidence_intervals=True).options
    assert options.compute_confidence_intervals.value
    assert options.confidence_intervals.method == config_pb2.ConfidenceIntervalOptions.JACKKNIFE
    # TFMA computes no interval for the figure with the metric's name if the metric disallows it.
    without = {
        key.name
        for key in metric_specs.metric_keys_to_skip_for_confidence_intervals(
            make_eval_config(SPEC, confidence_intervals=True).metrics_specs, config_pb2.EvalConfig()
        )
    }
    assert without == {"example_count", "tags_count", "intent_count"}


def test_further_metric_has_thresholds_by_its_own_figures() -> None:
    name = "support.own_metrics:WholeRecords"
    thresholds = {"tags_whole": Threshold(at_least=0.5, worse_by=0.1), "tags_broken": Threshold(worse_by=0.1)}
    config = make_eval_config(SPEC, thresholds=thresholds, metrics=[name])
    tfma.utils.verify_eval_config(tfma.utils.update_eval_config_with_defaults(config, has_baseline=True))
    own = [metric for metric in read_metrics(config)[1:] if metric.kwargs.get("metric") == name]
    assert [(metric.name, metric.kwargs["per_step"]) for metric in own] == [
        ("tags_whole", True),
        ("tags_broken", True),
        ("intent_whole", False),
    ]
    got = read_thresholds(config)
    assert got["tags_whole"].lower_bound.value == 0.5
    directions = {figure: got[f"{figure} difference"].direction for figure in thresholds}
    assert directions == {"tags_whole": config_pb2.HIGHER_IS_BETTER, "tags_broken": config_pb2.LOWER_IS_BETTER}
    with pytest.raises(ValueError, match=r"the metrics are .*, tags_whole, tags_broken, "):
        make_eval_config(SPEC, thresholds={"tags_hole": Threshold(at_least=0.5)}, metrics=[name])


def test_changed_code_of_a_further_metric_is_another_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    code = "from support.own_metrics import WholeRecords\nclass Whole(WholeRecords): ...\n"
    configs = []
    for more in ("", "", "# changed"):
        (tmp_path / "changing_metric.py").write_text(code + more)
        configs.append(make_eval_config(SPEC, metrics=["changing_metric:Whole"]))
    assert configs[0] == configs[1]
    assert configs[0] != configs[2]


def test_further_metric_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="the metric 'accuracy' is always computed"):
        make_eval_config(SPEC, metrics=["accuracy"])
    with pytest.raises(TypeError, match="`metrics` is 'whole', of the type str, expected a list of names"):
        make_eval_config(SPEC, metrics="whole")
