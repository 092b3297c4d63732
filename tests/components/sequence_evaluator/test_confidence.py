"""Tests the confidence intervals that TFMA computes with the combiners of this package."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from apache_beam.testing.util import assert_that
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.evaluators import metrics_plots_and_validations_evaluator
from tensorflow_model_analysis.extractors import slice_key_extractor
from tensorflow_model_analysis.proto import config_pb2

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "words": Feature(kind="token"),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "pitch": Feature(kind="float", role="label"),
    }
)
RECORDS, STEPS, SHARE = 400, 5, 0.8


def _extracts() -> list[dict[str, Any]]:
    """Records whose steps are right or wrong by chance, each by itself."""
    random = np.random.default_rng(0)
    right = random.random([RECORDS, STEPS]) < SHARE
    return [
        {
            constants.FEATURES_KEY: {},
            constants.PREDICTIONS_KEY: {
                "lengths": np.array(STEPS),
                "tags_label": np.array([b"B-PER"] * STEPS, object),
                "tags": np.where(steps, b"B-PER", b"O").astype(object),
                "tags_cross_entropy": random.exponential(STEPS),
                "pitch_label": np.zeros(STEPS),
                "pitch": random.normal(size=STEPS),
            },
        }
        for steps in right
    ]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["JACKKNIFE", "POISSON_BOOTSTRAP"])
def test_confidence_intervals_are_as_wide_as_the_binomial_distribution_says(method: str) -> None:
    config = make_eval_config(SPEC, confidence_intervals=True, by_label=True)
    config.options.confidence_intervals.method = config_pb2.ConfidenceIntervalOptions.ConfidenceIntervalMethod.Value(
        method
    )
    config = tfma.utils.update_eval_config_with_defaults(config)
    extracts = _extracts()
    hits = np.mean([np.mean(each[constants.PREDICTIONS_KEY]["tags"] == b"B-PER") for each in extracts])

    def check(results: list[Any]) -> None:
        ((key, metrics),) = results
        assert key == ()
        values = {metric.name: value for metric, value in metrics.items()}
        assert "__ERROR__" not in values
        accuracy = values.pop("tags_accuracy")
        assert accuracy.unsampled_value == pytest.approx(hits, abs=1e-12)
        error = np.sqrt(SHARE * (1 - SHARE) / (RECORDS * STEPS))
        # The standard deviation of 20 samples has a relative error of about 1/6.
        assert accuracy.sample_standard_deviation == pytest.approx(error, rel=0.6)
        # Counts have no intervals.
        assert (values.pop("example_count"), values.pop("tags_count")) == (RECORDS, RECORDS * STEPS)
        assert {"tags_perplexity", "tags_span_f1", "tags_f1/B-PER", "pitch_rmse"} <= values.keys()
        assert all(value.sample_standard_deviation >= 0 for value in values.values())

    evaluator = metrics_plots_and_validations_evaluator.MetricsPlotsAndValidationsEvaluator(
        config, run_after=slice_key_extractor.SLICE_KEY_EXTRACTOR_STAGE_NAME
    )
    with beam.Pipeline("apache_beam.runners.portability.fn_api_runner.FnApiRunner") as pipeline:
        slices = slice_key_extractor.ExtractSliceKeys([tfma.slicer.SingleSliceSpec()], materialize=False)
        evaluated = pipeline | beam.Create(extracts) | slices | evaluator.ptransform
        assert_that(evaluated[constants.METRICS_KEY], check)
