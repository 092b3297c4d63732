"""The metrics that the stock Evaluator runs, over batches that are padded to different lengths."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import numpy as np
import pytest
from tensorflow_model_analysis import constants

from tfx_sequence.components.sequence_evaluator import SequenceAccuracy, make_eval_config
from tfx_sequence.schemas import Feature, SequenceSpec

RANDOM = np.random.default_rng(0)
LENGTHS = (4, 1, 0, 7)


def _record(length: int) -> tuple[dict[str, Any], int]:
    """The extracts of one record, its padding of labels and of predictions of different lengths, and its hits."""
    labels, predicted = RANDOM.integers(1, 3, length), RANDOM.integers(1, 3, length)
    extracts = {
        constants.TRANSFORMED_FEATURES_KEY: {"tags": np.pad(labels, (0, 3))},
        # Padding that would count as right if it counted.
        constants.PREDICTIONS_KEY: {"tags_id": np.pad(predicted, (0, 5)), "lengths": np.array(length)},
    }
    return extracts, int((labels == predicted).sum())


@pytest.mark.parametrize("model_name", ["", "candidate"])
def test_sequence_accuracy_equals_the_hits_over_the_real_steps_of_all_records(model_name: str) -> None:
    records = [_record(length) for length in LENGTHS]
    (computation,) = SequenceAccuracy("tags").computations(model_names=[model_name])
    (preprocessor,) = computation.preprocessors
    combiner: beam.CombineFn = computation.combiner
    totals = []
    for extracts, _ in records:
        named = {key: {model_name: value} if model_name else value for key, value in extracts.items()}
        total = combiner.create_accumulator()
        for counts in preprocessor.process(named):
            total = combiner.add_input(total, counts)
        totals.append(total)
    result = combiner.extract_output(combiner.merge_accumulators(totals))
    by_name = {key.name: value for key, value in result.items()}
    assert by_name == {"tags_accuracy": sum(hits for _, hits in records) / sum(LENGTHS), "tags_count": sum(LENGTHS)}
    assert {key.model_name for key in result} == {model_name}
    assert set(result) == set(computation.keys)


def test_sequence_accuracy_is_nan_when_there_is_no_real_step() -> None:
    (computation,) = SequenceAccuracy("tags", name="hits").computations(model_names=[""])
    result = {key.name: value for key, value in computation.combiner.extract_output((0, 0)).items()}
    assert np.isnan(result["hits"])
    assert result["tags_count"] == 0


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize(("predicted", "right"), [(2, 1), (1, 0)])
def test_one_label_a_record_counts_once_whatever_the_length(shape: tuple[int, ...], predicted: int, right: int) -> None:
    (computation,) = SequenceAccuracy("intent", per_step=False).computations(model_names=[""])
    extracts = {
        constants.TRANSFORMED_FEATURES_KEY: {"intent": np.full(shape, 2)},
        constants.PREDICTIONS_KEY: {"intent_id": np.full(shape, predicted), "lengths": np.array(9)},
    }
    assert list(computation.preprocessors[0].process(extracts)) == [(right, 1)]


def test_eval_config_names_metric_signatures_and_threshold() -> None:
    spec = SequenceSpec(
        features={
            "words": Feature(kind="token"),
            "tags": Feature(kind="categorical", role="label"),
            "intent": Feature(kind="categorical", role="label", context=True),
        }
    )
    config = make_eval_config(spec, min_accuracy=0.5)
    (model,) = config.model_specs
    assert (model.model_type, model.signature_name) == ("tf_generic", "serving_default")
    assert list(model.preprocessing_function_names) == ["transformed_labels"]
    count, tags, intent = config.metrics_specs[0].metrics
    assert count.class_name == "ExampleCount"
    assert [metric.config for metric in (tags, intent)] == [
        '{"label": "tags", "per_step": true}',
        '{"label": "intent", "per_step": false}',
    ]
    assert tags.threshold.value_threshold.lower_bound.value == 0.5
    assert not make_eval_config(spec).metrics_specs[0].metrics[1].HasField("threshold")
