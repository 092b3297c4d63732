"""Compares the Evaluator's metrics with scikit-learn, seqeval and NumPy, for records with different padding."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from seqeval.metrics import classification_report
from sklearn.metrics import precision_recall_fscore_support

from tfx_sequence.components.sequence_evaluator.accumulators import (
    AccuracyAccumulator,
    Counts,
    CrossEntropyAccumulator,
    LabelScoresAccumulator,
    MetricAccumulator,
    NumberErrorsAccumulator,
    SpanScoresAccumulator,
)

RANDOM = np.random.default_rng(0)
RECORD_LENGTHS = (4, 1, 0, 7, 20)
TAGS = np.array([b"O", b"B-PER", b"I-PER", b"B-LOC", b"I-LOC", b"I-ORG"], object)


def make_records(values: np.ndarray[Any, Any]) -> list[dict[str, np.ndarray[Any, Any]]]:
    """Makes labels and predictions whose padding differs in length, and would count as right if it were counted."""
    records = []
    for length in RECORD_LENGTHS:
        label, answer = RANDOM.choice(values, length), RANDOM.choice(values, length)
        records.append(
            {
                "tags_label": np.append(label, [values[0]] * 3),
                "tags": np.append(answer, [values[0]] * 5),
                "lengths": np.array([length]),
            }
        )
    return records


def compute_figures(accumulator: MetricAccumulator, records: list[dict[str, np.ndarray[Any, Any]]]) -> dict[str, float]:
    total: Counts = Counter()
    for record in records:
        total.update(accumulator.count(record))
    return {f"{accumulator.label}_{figure}": value for figure, value in accumulator.compute(total).items()}


def read_real_steps(records: list[dict[str, np.ndarray[Any, Any]]], name: str) -> list[list[Any]]:
    return [record[name][:length].tolist() for record, length in zip(records, RECORD_LENGTHS, strict=True)]


def test_accuracy_is_that_of_the_real_steps_of_all_records() -> None:
    records = make_records(TAGS)
    labels = itertools.chain(*read_real_steps(records, "tags_label"))
    predictions = itertools.chain(*read_real_steps(records, "tags"))
    hits = sum(label == prediction for label, prediction in zip(labels, predictions, strict=True))
    assert compute_figures(AccuracyAccumulator("tags", True), records) == {
        "tags_accuracy": hits / sum(RECORD_LENGTHS),
        "tags_count": sum(RECORD_LENGTHS),
    }


@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize(("answer", "right"), [(b"buy", 1), (b"sell", 0)])
def test_a_label_a_record_counts_once_whatever_the_length(shape: tuple[int, ...], answer: bytes, right: int) -> None:
    record = {
        "intent_label": np.full(shape, b"buy", object),
        "intent": np.full(shape, answer, object),
        "lengths": np.array(9),
    }
    assert compute_figures(AccuracyAccumulator("intent", False), [record]) == {
        "intent_accuracy": right,
        "intent_count": 1,
    }


def test_label_scores_equal_scikit_learns() -> None:
    records = make_records(TAGS[[0, 1, 2]]) + make_records(TAGS[[3]])
    label, answer = (
        [record[name][: int(record["lengths"][0])].tolist() for record in records] for name in ("tags_label", "tags")
    )
    truth, answers = list(itertools.chain(*label)), list(itertools.chain(*answer))
    got = compute_figures(LabelScoresAccumulator("tags", True, by_label=True), records)
    macro = precision_recall_fscore_support(truth, answers, average="macro", zero_division=0)[:3]
    assert [got[f"tags_macro_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(macro, abs=1e-12)
    names = sorted({*truth})
    of_each = precision_recall_fscore_support(truth, answers, labels=names, zero_division=0)
    for score, numbers in zip(("precision", "recall", "f1"), of_each[:3], strict=True):
        for name, number in zip(names, numbers, strict=True):
            assert got[f"tags_{score}/{name.decode()}"] == pytest.approx(number, abs=1e-12)
    assert len(got) == 3 + 3 * len(names)


def test_label_scores_name_only_values_that_occur_as_label() -> None:
    record = {"tags_label": TAGS[[0]], "tags": TAGS[[1]], "lengths": np.array(1)}
    assert compute_figures(LabelScoresAccumulator("tags", True, by_label=True), [record]) == {
        **dict.fromkeys(("tags_macro_precision", "tags_macro_recall", "tags_macro_f1"), 0.0),
        **dict.fromkeys(("tags_precision/O", "tags_recall/O", "tags_f1/O"), 0.0),
    }


@pytest.mark.filterwarnings("ignore")  # seqeval warns of types that nobody predicted.
def test_span_scores_equal_seqevals() -> None:
    records = make_records(TAGS)
    truth, answers = (
        [[tag.decode() for tag in tags] for tags in read_real_steps(records, name)] for name in ("tags_label", "tags")
    )
    report = classification_report(truth, answers, output_dict=True)
    got = compute_figures(SpanScoresAccumulator("tags", by_label=True), records)
    for score, name in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
        assert got[f"tags_span_{score}"] == pytest.approx(report["micro avg"][name], abs=1e-12)
        for type_ in ("PER", "LOC", "ORG"):
            assert got[f"tags_span_{score}/{type_}"] == pytest.approx(report[type_][name], abs=1e-12)
    assert got["tags_span_macro_f1"] == pytest.approx(report["macro avg"]["f1-score"], abs=1e-12)


def test_cross_entropy_is_by_real_steps() -> None:
    nats = RANDOM.uniform(0, 9, len(RECORD_LENGTHS))
    records = [
        {"tags_cross_entropy": np.array(total), "lengths": np.array(length)}
        for total, length in zip(nats, RECORD_LENGTHS, strict=True)
    ]
    mean = nats.sum() / sum(RECORD_LENGTHS)
    assert compute_figures(CrossEntropyAccumulator("tags", True), records) == pytest.approx(
        {"tags_cross_entropy": mean, "tags_bits_per_step": np.log2(np.exp(mean)), "tags_perplexity": np.exp(mean)}
    )


@pytest.mark.parametrize("width", [1, 3])
def test_number_errors_equal_numpys(width: int) -> None:
    truth = [RANDOM.normal(size=[length, width]).astype(np.float32) for length in RECORD_LENGTHS]
    answers = [RANDOM.normal(size=[length, width]).astype(np.float32) for length in RECORD_LENGTHS]
    records = [
        {
            "pitch_label": np.append(label.ravel(), np.full(2 * width, 99)),
            "pitch": np.append(answer.ravel(), np.full(5 * width, -99)),
            "lengths": np.array(len(label)),
        }
        for label, answer in zip(truth, answers, strict=True)
    ]
    errors = np.concatenate(answers).astype(np.float64) - np.concatenate(truth).astype(np.float64)
    assert compute_figures(NumberErrorsAccumulator("pitch", True, width), records) == pytest.approx(
        {"pitch_mae": np.abs(errors).mean(), "pitch_rmse": np.sqrt((errors**2).mean())}
    )


@pytest.mark.parametrize(
    "accumulator",
    [
        AccuracyAccumulator("tags", True),
        LabelScoresAccumulator("tags", False),
        SpanScoresAccumulator("tags"),
        NumberErrorsAccumulator("tags", True),
    ],
)
def test_a_label_that_the_model_lacks_is_named_beside_what_it_gives(accumulator: MetricAccumulator) -> None:
    with pytest.raises(
        ValueError, match=r"of the label 'tags' need 'tags_label', but .* returns lengths, upos, upos_label\."
    ):
        accumulator.count({"lengths": np.array(1), "upos": TAGS[[0]], "upos_label": TAGS[[0]]})


@pytest.mark.parametrize(
    ("accumulator", "empty"),
    [
        (AccuracyAccumulator("tags", True), {"tags_accuracy": math.nan, "tags_count": 0.0}),
        (CrossEntropyAccumulator("tags", True), dict.fromkeys(("tags_cross_entropy", "tags_perplexity"), math.nan)),
        (NumberErrorsAccumulator("tags", True), dict.fromkeys(("tags_mae", "tags_rmse"), math.nan)),
        (LabelScoresAccumulator("tags", True), {"tags_macro_f1": 0.0}),
        (SpanScoresAccumulator("tags"), {"tags_span_f1": 0.0, "tags_span_macro_f1": 0.0}),
    ],
)
def test_without_any_step_means_are_nan_and_scores_are_zero(
    accumulator: MetricAccumulator, empty: dict[str, float]
) -> None:
    figures = compute_figures(accumulator, [])
    assert list(figures) == accumulator.names
    np.testing.assert_equal({name: figures[name] for name in empty}, empty)
