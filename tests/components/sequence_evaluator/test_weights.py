"""Weights of records and of steps: the trainer and the Evaluator compute the same weighted means as NumPy."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from seqeval.metrics import f1_score, precision_score, recall_score
from sklearn.metrics import precision_recall_fscore_support as label_scores

from tfx_sequence.components.sequence_evaluator.accumulators import (
    Counts,
    LabelScoresAccumulator,
    MetricAccumulator,
    SpanScoresAccumulator,
)
from tfx_sequence.components.sequence_evaluator.metric_table import list_metrics
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.metrics.labels import LabelScores
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.serving.serving_model import ServingModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TAGS, INTENTS = (b"O", b"B-A", b"I-A", b"B-C"), (b"x", b"y")
LENGTHS = (12, 1, 0, 30, 17, 8)
RANDOM = np.random.default_rng(3)
RECORD_WEIGHTS = [2.0, 1.0, 3.0, 0.0, 1.0, 2.0]
STEP_WEIGHTS = [RANDOM.integers(0, 4, length).astype(float) for length in LENGTHS]
RECORDS: list[dict[str, Any]] = [
    {
        "pitch": RANDOM.normal(size=length),
        "tags": RANDOM.choice(TAGS, length).tolist(),
        "price": RANDOM.normal(size=length),
        "intent": [RANDOM.choice(INTENTS)],
    }
    for length in LENGTHS
]


def _make_task(per_step: bool) -> SequenceTask:
    features = {
        "pitch": Feature(kind="float"),
        "tags": Feature(kind="categorical", role="label", spans="BIO"),
        "price": Feature(kind="float", role="label"),
        "intent": Feature(kind="categorical", role="label", context=True),
        "importance": Feature(kind="float", role="weight", context=not per_step),
    }
    return SequenceTask(
        raw=SequenceSpec(features=features, min_length=0),
        inputs=(Input("pitch", num_ids=None, width=1, context=False),),
        labels=(
            Label("tags", per_step=True, classes=TAGS, spans="BIO"),
            Label("price", per_step=True),
            Label("intent", per_step=False, classes=INTENTS),
        ),
        columns={
            "pitch": Column("float32"),
            "tags": Column("int64"),
            "price": Column("float32"),
            "intent": Column("int64", context=True),
            "importance": Column("float32", context=not per_step),
        },
        weight="importance",
    )


def _serialize(record: dict[str, Any], weight: Any) -> bytes:
    example = tf.train.SequenceExample()
    values = {**record, "importance": np.atleast_1d(weight)}
    for name, steps in values.items():
        in_context = name == "intent" or (name == "importance" and np.ndim(weight) == 0)
        lists = example.feature_lists.feature_list[name] if not in_context else None
        for value in steps:
            feature = example.context.feature[name] if lists is None else lists.feature.add()
            if isinstance(value, bytes):
                feature.bytes_list.value.append(value)
            else:
                feature.float_list.value.append(value)
        if lists is not None:
            lists.SetInParent()
    return example.SerializeToString()


class _Transform(tf.Module):
    """In place of a transform graph: labels become ids."""

    def __call__(self, raw: dict[str, Any]) -> dict[str, Any]:
        outputs = {}
        for name, value in raw.items():
            flat = value.flat_values if isinstance(value, tf.RaggedTensor) else value
            if name in ("tags", "intent"):
                classes = tf.constant(TAGS if name == "tags" else INTENTS)
                flat = tf.argmax(flat[:, None] == classes, 1) + 1
            outputs[name] = value.with_values(flat) if isinstance(value, tf.RaggedTensor) else flat
        return outputs


class Results:
    """The metrics of one model for all records, as the trainer and as the Evaluator compute them."""

    def __init__(self, weights: Any, tags_head: str = "softmax") -> None:
        per_step = np.ndim(weights[0]) > 0
        task = _make_task(per_step)
        keras.utils.set_random_seed(2)
        config = ModelConfig.model_validate(
            {"units": 5, "bidirectional": False, "heads": {"tags": {"kind": tags_head}}}
        )
        model = SequenceModel(task, config, seed=2)
        served = ServingModel(model, task, SimpleNamespace(transform_features_layer=_Transform))  # type: ignore[arg-type]
        examples = tf.constant([_serialize(*pair) for pair in zip(RECORDS, weights, strict=True)])
        batch = served.transform_features(examples)
        # Random outputs, so that the metrics are neither 0 nor 1.
        model(batch)
        random = np.random.default_rng(5)
        model.set_weights([3 * random.normal(size=weight.shape).astype(weight.dtype) for weight in model.get_weights()])
        self.outputs = model(batch)
        self.trainer: dict[str, float] = {}
        for name, head in model.heads.items():
            metrics = head.make_metrics()
            metrics.update(self.outputs[name], batch)
            self.trainer |= metrics.result()
        scores = LabelScores(len(TAGS))
        answers = {name: value.numpy() for name, value in served.answer_evaluation(examples).items()}
        scores.update_state(
            batch["tags"], answers["tags_id"], batch["lengths"], model.heads["tags"].get_label_weights(batch)
        )
        self.trainer |= {f"tags_{name}": float(value) for name, value in scores.result().items()}
        self.answers = [{name: value[row] for name, value in answers.items()} for row in range(len(RECORDS))]
        self.evaluator: dict[str, float] = {}
        for metric in list_metrics(task.raw):
            counts: Counts = Counter()
            for record in self.answers:
                counts.update(metric.accumulator.count(record))
            figures = metric.accumulator.compute(counts)
            self.evaluator |= {f"{metric.accumulator.label}_{name}": value for name, value in figures.items()}

    def real(self, name: str) -> np.ndarray[Any, Any]:
        return np.concatenate([answer[name][:length] for answer, length in zip(self.answers, LENGTHS, strict=True)])


@pytest.fixture(scope="module", params=["records", "steps"])
def results(request: pytest.FixtureRequest) -> Results:
    return Results(RECORD_WEIGHTS if request.param == "records" else STEP_WEIGHTS)


def _expect(results: Results) -> dict[str, float]:
    """The weighted means of all steps, or of all records."""
    per_step = np.ndim(results.answers[3]["tags_weight"]) > 0
    step_weights = np.concatenate(STEP_WEIGHTS) if per_step else np.repeat(RECORD_WEIGHTS, LENGTHS)
    labels, answers = results.real("tags_label").astype(str), results.real("tags").astype(str)
    errors = results.real("price") - results.real("price_label")
    macro = label_scores(labels, answers, average="macro", sample_weight=step_weights, zero_division=0)
    # A weight per step does not concern a label of the whole record.
    intent_weights = np.ones(len(LENGTHS)) if per_step else RECORD_WEIGHTS
    intent_hits = [answer["intent"] == answer["intent_label"] for answer in results.answers]
    return {
        "tags_accuracy": np.average(labels == answers, weights=step_weights),
        "tags_macro_precision": macro[0],
        "tags_macro_recall": macro[1],
        "tags_macro_f1": macro[2],
        "price_mae": np.average(np.abs(errors), weights=step_weights),
        "price_rmse": np.sqrt(np.average(errors.astype(float) ** 2, weights=step_weights)),
        "intent_accuracy": np.average(intent_hits, weights=intent_weights),
    }


def test_means_are_weighted_by_the_trainer_and_by_the_evaluator(results: Results) -> None:
    for name, value in _expect(results).items():
        assert results.trainer[name] == pytest.approx(value, rel=1e-5), name
        assert results.evaluator[name] == pytest.approx(value, rel=1e-5), name


def test_counts_are_not_weighted(results: Results) -> None:
    assert results.evaluator["tags_count"] == sum(LENGTHS)
    assert results.evaluator["intent_count"] == len(LENGTHS)


def test_trainer_and_evaluator_weigh_spans_in_the_same_way(results: Results) -> None:
    for name in ("precision", "recall", "f1", "macro_f1"):
        assert results.trainer[f"tags_span_{name}"] == pytest.approx(results.evaluator[f"tags_span_{name}"], abs=1e-9)


def test_spans_of_a_record_count_by_its_weight() -> None:
    results = Results(RECORD_WEIGHTS)
    repeated: dict[str, list[list[str]]] = {"tags_label": [], "tags": []}
    for answer, weight, length in zip(results.answers, RECORD_WEIGHTS, LENGTHS, strict=True):
        for name, sequences in repeated.items():
            sequences += [[tag.decode() for tag in answer[name][:length]]] * int(weight)
    expected = [score(*repeated.values()) for score in (precision_score, recall_score, f1_score)]
    assert 0 < expected[2] < 1
    found = [results.evaluator[f"tags_span_{name}"] for name in ("precision", "recall", "f1")]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    "accumulator", [LabelScoresAccumulator("tags"), SpanScoresAccumulator("tags")], ids=["values", "spans"]
)
def test_value_or_type_of_span_whose_weights_are_all_0_does_not_occur(accumulator: MetricAccumulator) -> None:
    # The last step, the only one of type C, does not count, and the steps before it are answered rightly.
    answers = {
        "lengths": np.array(3),
        "tags_label": np.array([b"B-A", b"O", b"B-C"]),
        "tags": np.array([b"B-A", b"O", b"O"]),
        "tags_weight": np.array([1.0, 1.0, 0.0]),
    }
    assert set(accumulator.compute(accumulator.count(answers)).values()) == {1.0}


@pytest.mark.parametrize("weights", [RECORD_WEIGHTS, STEP_WEIGHTS], ids=["records", "steps"])
def test_cross_entropy_is_weighted_by_the_trainer_and_by_the_evaluator(weights: Any) -> None:
    results = Results(weights, tags_head="language_model")
    log_probabilities = tf.nn.log_softmax(results.outputs["tags"]).numpy()
    losses, step_weights = [], []
    for row, length in enumerate(LENGTHS):
        classes = [TAGS.index(tag) for tag in RECORDS[row]["tags"]]
        losses += [-log_probabilities[row, step, tag_class] for step, tag_class in enumerate(classes)]
        step_weights += np.broadcast_to(weights[row], length).tolist()
    expected = np.average(losses, weights=step_weights)
    assert results.trainer["tags_cross_entropy"] == pytest.approx(expected, rel=1e-5)
    assert results.evaluator["tags_cross_entropy"] == pytest.approx(expected, rel=1e-5)
    assert results.evaluator["tags_perplexity"] == pytest.approx(np.exp(expected), rel=1e-5)


def test_cross_entropy_of_a_crf_is_multiplied_by_the_mean_weight_of_the_steps() -> None:
    weighted, plain = Results(STEP_WEIGHTS, "crf"), Results([np.ones(length) for length in LENGTHS], "crf")
    for weights, answer, reference in zip(STEP_WEIGHTS, weighted.answers, plain.answers, strict=True):
        expected = weights.mean() * reference["tags_cross_entropy"] if len(weights) else 0.0
        assert answer["tags_cross_entropy"] == pytest.approx(expected, rel=1e-5)
