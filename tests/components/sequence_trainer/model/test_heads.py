"""Heads: losses, answers and metrics against NumPy, and what padding may not change."""

from __future__ import annotations

import dataclasses
import itertools
import random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import HEADS
from tfx_sequence.components.sequence_trainer.losses import sampled as sampled_softmax
from tfx_sequence.components.sequence_trainer.losses.softmax_summary import SoftmaxSummary
from tfx_sequence.components.sequence_trainer.model.embedding import make_embedding
from tfx_sequence.components.sequence_trainer.model.heads import labels as softmax_head
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, Head, HeadContext
from tfx_sequence.components.sequence_trainer.model.heads.labels import CRFHead, SoftmaxHead
from tfx_sequence.components.sequence_trainer.model.heads.language_model import LanguageModelHead
from tfx_sequence.components.sequence_trainer.model.heads.regression import RegressionHead
from tfx_sequence.components.sequence_trainer.task.task import Label

LENGTHS = np.array([3, 0, 2])
TAGS = Label("tags", per_step=True, classes=(b"O", b"B-A", b"I-A"), spans="BIO")
INTENT = Label("intent", per_step=False, classes=(b"x", b"y"))
NEXT = Label("next", per_step=True, classes=(b"a", b"b", b"c", b"[OOV]"), same_ids=("words",))
PRICE = Label("price", per_step=False)
PLACE = Label("place", per_step=True, width=2)


def _encoded(steps: int = 3) -> Encoded:
    values = np.random.default_rng(0).normal(size=[3, 3, 4])
    padded = np.zeros([3, steps, 4], np.float32)
    padded[:, :3] = values * (np.arange(3) < LENGTHS[:, None])[..., None]
    return Encoded(tf.constant(padded), tf.constant(values[:, 0], tf.float32), tf.constant(LENGTHS))


def _batch(steps: int = 3, padding: int = 0) -> dict[str, tf.Tensor]:
    def padded(values: list[list[float]], dtype: type) -> tf.Tensor:
        out = np.full([3, steps, *np.shape(values[0])[1:]], padding, dtype)
        for row, value in enumerate(values):
            out[row, : len(value)] = value
        return tf.constant(out)

    return {
        "tags": padded([[2, 3, 1], [], [1, 2]], np.int64),
        "next": padded([[1, 4, 2], [], [3, 3]], np.int64),
        "place": padded([[[0.5, 1], [2, 3], [4, 5]], np.zeros([0, 2]), [[1, 1], [0, 0]]], np.float32),
        "intent": tf.constant([1, 2, 2], tf.int64),
        "price": tf.constant([1.5, 0, -2]),
        "importance": tf.constant([2.0, 1, 0.5]),
        "lengths": tf.constant(LENGTHS),
    }


def _head(kind: str, **settings: object) -> Head:
    keras.utils.set_random_seed(3)
    if kind == "tied":
        table = make_embedding(len(NEXT.classes) + 1, 5, name="table")
        table.build()
        config = HeadConfig(kind="language_model", tied="words", **settings)
        return LanguageModelHead(NEXT, config, HeadContext(embeddings={"words": table}))
    return {
        "softmax": lambda: SoftmaxHead(TAGS, HeadConfig(**settings)),
        "intent": lambda: SoftmaxHead(INTENT, HeadConfig(pooling="attention", **settings)),
        "crf": lambda: CRFHead(TAGS, HeadConfig(kind="crf")),
        "language": lambda: LanguageModelHead(NEXT, HeadConfig(kind="language_model", **settings)),
        "price": lambda: RegressionHead(PRICE, HeadConfig(pooling="mean")),
        "place": lambda: RegressionHead(PLACE, HeadConfig()),
    }[kind]()


def _randomise(layer: Head) -> None:
    generator = np.random.default_rng(5)
    for weight in layer.weights:
        weight.assign(generator.normal(size=weight.shape))


def _weights(layer: Head) -> dict[str, np.ndarray]:
    """The weights by the name of their layer and their own."""
    return {"/".join(weight.path.split("/")[-2:]): weight.numpy() for weight in layer.weights}


KINDS = ["softmax", "intent", "crf", "language", "tied", "price", "place"]


@pytest.mark.parametrize("name", HEADS.rows)
def test_every_head_of_the_table_is_tested_here(name: str) -> None:
    assert HEADS.load(name) in {type(_head(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_head_gives_the_same_loss_metrics_and_answers_however_far_the_batch_is_padded(kind: str) -> None:
    layer = _head(kind)
    layer(_encoded())
    _randomise(layer)
    found = []
    for steps, padding in ((3, 0), (8, 0), (8, 1)):
        outputs, batch = layer(_encoded(steps)), _batch(steps, padding)
        metrics = layer.make_metrics()
        metrics.update(outputs, batch)
        answers = layer.predict(outputs, batch["lengths"])
        if layer.label.per_step:
            for name, value in answers.items():
                assert set(value[:, 3:].numpy().ravel()) <= {b"", 0}, name
            answers = {name: value[:, :3] for name, value in answers.items()}
        losses = [
            float(layer.compute_loss(outputs, batch, way).value) for way in ("sequence_mean", "token_mean", "sum")
        ]
        found.append((losses, metrics.result(), answers))
    for losses, figures, answers in found[1:]:
        assert losses == pytest.approx(found[0][0], rel=1e-5)
        assert figures == pytest.approx(found[0][1], rel=1e-5)
        for name, value in found[0][2].items():
            if value.dtype == tf.float32:
                np.testing.assert_allclose(answers[name], value, rtol=1e-5, atol=1e-6)
            else:
                np.testing.assert_array_equal(answers[name], value)


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_of_a_head_have_the_one_that_is_watched(kind: str) -> None:
    layer = _head(kind)
    metrics = layer.make_metrics()
    metrics.update(layer(_encoded()), _batch())
    assert metrics.watched in metrics.result()
    metrics.reset()
    assert metrics.result()[metrics.watched] == 0


def test_softmax_head_answers_with_the_likeliest_value_and_its_probability() -> None:
    layer = _head("softmax")
    logits = layer(_encoded()).numpy()
    answers = layer.predict(tf.constant(logits), tf.constant(LENGTHS))
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    for row, length in enumerate(LENGTHS):
        for step in range(3):
            best = int(probabilities[row, step].argmax()) if step < length else -1
            assert answers["tags_id"][row, step] == best + 1
            assert answers["tags"][row, step] == (TAGS.classes[best] if step < length else b"")
            assert float(answers["tags_score"][row, step]) == pytest.approx(
                probabilities[row, step, best] if step < length else 0, rel=1e-5
            )


@pytest.mark.parametrize("kind", ["softmax", "intent", "language", "tied"])
@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.2}])
def test_head_of_many_values_has_the_loss_the_metrics_and_the_answers_of_all_logits(
    kind: str, settings: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = _head(kind, **settings)
    layer(_encoded())
    _randomise(layer)
    found = []
    for kept in (512, 0):
        monkeypatch.setattr(softmax_head, "MAX_KEPT_CLASSES", kept)
        outputs, batch, metrics = layer(_encoded()), _batch(), layer.make_metrics()
        assert isinstance(outputs, SoftmaxSummary) == (kept == 0)
        metrics.update(outputs, batch)
        numbers = [
            float(layer.compute_loss(outputs, batch, way).value) for way in ("sequence_mean", "token_mean", "sum")
        ]
        numbers += [*layer.compute_cross_entropy(outputs, batch).numpy(), *metrics.result().values()]
        found.append((numbers, layer.predict(outputs, batch["lengths"])))
    (expected_numbers, expected_answers), (numbers, answers) = found
    assert numbers == pytest.approx(expected_numbers, rel=1e-6, abs=1e-6)
    for name, value in expected_answers.items():
        if value.dtype == tf.float32:
            np.testing.assert_allclose(answers[name], value, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(answers[name], value)


def test_class_weights_count_for_a_label_of_many_values_too(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = SoftmaxHead(TAGS, HeadConfig(class_weights={"O": 3, "I-A": 0.5}))
    expected = float(layer.compute_loss(layer(_encoded()), _batch(), "sum").value)
    monkeypatch.setattr(softmax_head, "MAX_KEPT_CLASSES", 0)
    assert float(layer.compute_loss(layer(_encoded()), _batch(), "sum").value) == pytest.approx(expected, rel=1e-6)


def test_evaluation_of_many_values_never_holds_the_logits_of_all_steps() -> None:
    values = 1000
    label = Label("next", per_step=True, classes=tuple(b"%d" % value for value in range(values)))
    layer = LanguageModelHead(label, HeadConfig(kind="language_model", label_smoothing=0.1))
    metrics = layer.make_metrics()
    layer(_encoded())

    def evaluate(encoded: Encoded, labels: tf.Tensor) -> list[tf.Tensor]:
        outputs, batch = layer(encoded), {"next": labels, "lengths": encoded.lengths}
        metrics.update(outputs, batch)
        answers = layer.predict(outputs, encoded.lengths)
        return [
            layer.compute_loss(outputs, batch, "sum").value,
            layer.compute_cross_entropy(outputs, batch),
            *answers.values(),
        ]

    specs = [
        Encoded(
            tf.TensorSpec([None, None, 4], tf.float32),
            tf.TensorSpec([None, 4], tf.float32),
            tf.TensorSpec([None], tf.int64),
        ),
        tf.TensorSpec([None, None], tf.int64),
    ]
    graph = tf.function(evaluate).get_concrete_function(*specs).graph
    tensors = [tensor for operation in graph.get_operations() for tensor in operation.outputs]
    # The loop over chunks is one operation here. Its body is a graph of its own.
    assert [tensor for tensor in tensors if tensor.shape.rank == 3 and tensor.shape[-1] == values] == []
    assert [tensor for tensor in tensors if tensor.shape.rank == 2 and tensor.shape.as_list() == [None, values]] == []


@pytest.mark.parametrize("kind", ["softmax", "intent", "language", "tied"])
def test_sampled_head_trains_by_what_the_whole_softmax_is_made_of(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # With all values drawn the two losses are one.
    monkeypatch.setattr(sampled_softmax, "compute_sampling_chances", lambda classes, _: np.ones(classes, np.float32))
    layer = _head(kind, sampled=1)
    trained = layer(_encoded(), training=True)
    _randomise(layer)
    trained = layer(_encoded(), training=True)
    assert trained.shape[-1] == (5 if kind == "tied" else 4)
    loss = layer.compute_loss(trained, _batch(), "sequence_mean", training=True)
    assert float(loss.value) > 0
    np.testing.assert_allclose(loss, layer.compute_loss(layer(_encoded()), _batch(), "sequence_mean"), rtol=1e-5)


def test_sampled_head_draws_anew_for_each_batch_and_by_its_seed() -> None:
    found = []
    for seed in (7, 7, 8):
        keras.utils.set_random_seed(3)
        context = HeadContext(seeds=random.Random(seed))
        layer = LanguageModelHead(NEXT, HeadConfig(kind="language_model", sampled=2), context)
        outputs = layer(_encoded(), training=True)
        found.append([float(layer.compute_loss(outputs, _batch(), "sum", training=True).value) for _ in range(5)])
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) > 1


def test_sampled_head_always_samples_unseen_values() -> None:
    label = dataclasses.replace(NEXT, oov_ids=range(4, 5))
    context = HeadContext(seeds=random.Random(7))
    layer = LanguageModelHead(label, HeadConfig(kind="language_model", sampled=1), context)
    layer(_encoded(), training=True)
    # Only unseen values have a high score, so the loss of a step is at least that score if they are in its sample.
    layer.set_weights([np.zeros([4, 4]), np.array([0.0, 0, 0, 50])])
    batch = {**_batch(), "next": tf.constant([[1, 2, 2], [0, 0, 0], [3, 3, 0]], tf.int64)}
    for _ in range(10):
        loss = layer.compute_loss(layer(_encoded(), training=True), batch, "token_mean", training=True)
        assert float(loss.value) > 40


def test_sampled_head_names_the_key_when_there_are_not_more_values() -> None:
    message = r"^model\.heads\.tags\.sampled: must be less than 3, the number of the label's values, but is 3"
    with pytest.raises(TaskError, match=message):
        SoftmaxHead(TAGS, HeadConfig(sampled=3))
    # Unseen values are sampled in any case.
    with pytest.raises(TaskError, match=r"sampled: must be less than 3, .* but is 3"):
        SoftmaxHead(dataclasses.replace(NEXT, oov_ids=range(4, 5)), HeadConfig(sampled=3))


def test_crf_head_answers_with_the_best_allowed_sequence_and_marginal_probabilities() -> None:
    layer = _head("crf")
    layer(_encoded())
    _randomise(layer)
    logits = layer(_encoded()).numpy()
    answers = layer.predict(tf.constant(logits), tf.constant(LENGTHS))
    weights = _weights(layer)
    transitions, start, end = (weights[f"crf/{name}"] for name in ("transitions", "start", "end"))
    for row, length in enumerate(LENGTHS):
        scores: dict[tuple[int, ...], float] = {}
        for path in itertools.product(range(3), repeat=int(length)):
            score = sum(logits[row, t, y] for t, y in enumerate(path))
            score += sum(transitions[pair] for pair in itertools.pairwise(path))
            scores[path] = score + (start[path[0]] + end[path[-1]] if path else 0)
        # I-A (2) does not begin a sequence, and does not follow O (0).
        allowed = [p for p in scores if p[:1] != (2,) and (0, 2) not in itertools.pairwise(p)]
        best = max(allowed, key=scores.__getitem__)
        assert answers["tags_id"][row, :length].numpy().tolist() == [y + 1 for y in best]
        total = sum(map(np.exp, scores.values()))
        for step, y in enumerate(best):
            share = sum(np.exp(score) for path, score in scores.items() if path[step] == y) / total
            assert float(answers["tags_score"][row, step]) == pytest.approx(share, rel=1e-4)


def test_crf_head_of_spans_is_watched_by_their_f1() -> None:
    figures = _head("crf").make_metrics()
    assert figures.watched == "tags_span_f1"
    assert {"tags_accuracy", "tags_span_precision", "tags_span_recall", "tags_span_f1"} <= figures.result().keys()


def test_language_head_measures_the_exponential_of_the_mean_negative_log_probability() -> None:
    layer = _head("language")
    outputs, batch, metrics = layer(_encoded()), _batch(), layer.make_metrics()
    metrics.update(outputs, batch)
    logits = outputs.numpy().astype(np.float64)
    log_probabilities = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses = [
        -log_probabilities[row, step, batch["next"][row, step] - 1]
        for row, length in enumerate(LENGTHS)
        for step in range(length)
    ]
    assert metrics.result()["next_cross_entropy"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert metrics.result()["next_perplexity"] == pytest.approx(np.exp(np.mean(losses)), rel=1e-5)


def test_tied_head_scores_a_value_by_its_vector_as_an_input() -> None:
    layer = _head("tied")
    encoded = _encoded()
    outputs = layer(encoded)
    weights = _weights(layer)
    expected = encoded.steps.numpy() @ weights["projection/kernel"] @ weights["table/embeddings"][1:].T
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_regression_head_has_the_squared_error_and_answers_with_numbers() -> None:
    layer = _head("place")
    outputs, batch, metrics = layer(_encoded()), _batch(), layer.make_metrics()
    errors = [(outputs[row, : LENGTHS[row]].numpy() - batch["place"][row, : LENGTHS[row]].numpy()) for row in range(3)]
    metrics.update(outputs, batch)
    every = np.concatenate(errors)
    assert metrics.result() == pytest.approx(
        {"place_mae": np.abs(every).mean(), "place_rmse": np.sqrt((every**2).mean())}, rel=1e-5
    )
    loss = layer.compute_loss(outputs, batch, "token_mean").value
    assert float(loss) == pytest.approx((every**2).sum(-1).mean(), rel=1e-5)
    answers = layer.predict(outputs, batch["lengths"])
    np.testing.assert_allclose(answers["place"][0], outputs[0], rtol=1e-6)


def _measure(layer: Head, *batches: dict[str, tf.Tensor]) -> None:
    statistics = layer.make_statistics()
    for batch in batches:
        statistics.update(batch)
    statistics.finish()


@pytest.mark.parametrize("padding", [0, 999])
def test_regression_head_learns_in_standard_deviations_and_answers_in_the_unit_of_its_label(padding: int) -> None:
    layer, batch = _head("place"), _batch(8, padding)
    outputs = layer(_encoded(8))
    _measure(layer, batch, batch)
    real = np.concatenate([batch["place"][row, :length].numpy() for row, length in enumerate(LENGTHS)])
    mean, scale = real.mean(0), real.std(0)
    raw = np.concatenate([outputs[row, :length].numpy() for row, length in enumerate(LENGTHS)])
    errors = raw - (real - mean) / scale
    assert float(layer.compute_loss(outputs, batch, "token_mean").value) == pytest.approx(
        (errors**2).sum(-1).mean(), rel=1e-5
    )
    answers = layer.predict(outputs, batch["lengths"])["place"]
    np.testing.assert_allclose(answers[0, :3], mean + scale * raw[:3], rtol=1e-5)
    assert not np.any(answers[1])
    metrics = layer.make_metrics()
    metrics.update(outputs, batch)
    values = metrics.result()
    rmse = np.sqrt(((errors * scale) ** 2).mean())
    assert values == pytest.approx({"place_mae": np.abs(errors * scale).mean(), "place_rmse": rmse}, rel=1e-5)
    assert metrics.compute_score(values) == pytest.approx(-rmse / np.sqrt((scale**2).mean()), rel=1e-5)


def test_regression_head_leaves_out_missing_labels_and_counts_records_by_their_weight() -> None:
    layer = RegressionHead(PRICE, HeadConfig(), HeadContext(weight="importance"))
    layer(_encoded())
    _measure(layer, _batch() | {"price": tf.constant([5.0, np.nan, 2.0])})
    values = [5.0] * 4 + [2.0]  # The weights are 2, 1 and 0.5.
    np.testing.assert_allclose((layer.mean[0], layer.scale[0]), (np.mean(values), np.std(values)), rtol=1e-12)


@pytest.mark.parametrize("value", [0.1, 0, -7.5])
def test_regression_head_of_a_label_that_never_changes_has_the_scale_one(value: float) -> None:
    layer = _head("price")
    outputs = layer(_encoded())
    _measure(layer, _batch() | {"price": tf.fill([3], tf.constant(value, tf.float32))})
    assert layer.scale.numpy().tolist() == [1]
    np.testing.assert_allclose(layer.predict(outputs, LENGTHS)["price"], value + outputs[:, 0], rtol=1e-6)


def test_regression_head_tells_large_integers_apart() -> None:
    # float32 has steps of 128 there.
    times = 1_700_000_000 + 10_000 * np.arange(3)
    layer, batch = _head("price"), _batch() | {"price": tf.constant(times, tf.int64)}
    outputs, metrics = layer(_encoded()), layer.make_metrics()
    _measure(layer, batch)
    _, targets, _ = layer.convert_to_steps(outputs, batch)
    np.testing.assert_allclose(targets[:, 0, 0], (times - times.mean()) / times.std(), rtol=1e-6)
    metrics.update(tf.zeros([3, 1]), batch)
    assert metrics.result()["price_rmse"] == pytest.approx(times.std(), rel=1e-6)


def test_regression_head_keeps_its_answers_when_the_unit_of_its_label_changes_after_a_warm_start() -> None:
    layer = _head("place")
    layer(_encoded())
    _measure(layer, _batch())
    before = layer.predict(layer(_encoded()), LENGTHS)["place"]
    _measure(layer, _batch() | {"place": _batch()["place"] * 1000 + 70})
    np.testing.assert_allclose(layer.predict(layer(_encoded()), LENGTHS)["place"], before, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_scores_of_heads_have_no_unit(unit: float) -> None:
    layer = _head("price")
    layer(_encoded())
    batch = _batch() | {"price": unit * _batch()["price"]}
    _measure(layer, batch)
    metrics = layer.make_metrics()
    metrics.update(tf.zeros([3, 1]), batch)
    # These outputs are the mean of the label, which explains nothing.
    assert metrics.compute_score(metrics.result()) == pytest.approx(-1, rel=1e-5)
    # A model that knows nothing gives each of four values the probability 1 / 4.
    guess = {"next_cross_entropy": np.log(4)}
    assert LanguageModelHead(NEXT, HeadConfig()).make_metrics().compute_score(guess) == pytest.approx(-1)
    tags = SoftmaxHead(TAGS, HeadConfig()).make_metrics()
    assert tags.compute_score({"tags_span_f1": 0.75, "loss": 3.0}) == 0.75


def test_regression_head_answers_one_number_a_record_without_an_axis() -> None:
    layer = _head("price")
    assert layer.predict(layer(_encoded()), tf.constant(LENGTHS))["price"].shape == (3,)


@pytest.mark.parametrize("label", [TAGS, INTENT, PRICE])
def test_records_count_by_their_weight(label: Label) -> None:
    kind = RegressionHead if label is PRICE else SoftmaxHead
    layer = kind(label, HeadConfig(weight=3), HeadContext(weight="importance"))
    outputs, batch = layer(_encoded()), _batch()
    weighted = layer.compute_loss(outputs, batch, "sequence_mean")
    total = normaliser = 0.0
    for row, importance in enumerate([2.0, 1, 0.5]):
        one = {name: value[row : row + 1] for name, value in batch.items()}
        one["importance"] = tf.ones([1])
        parts = layer.compute_loss(outputs[row : row + 1], one, "sequence_mean")
        total += importance * float(parts.total)
        normaliser += importance * float(parts.normaliser)
    assert (float(weighted.total), float(weighted.normaliser)) == pytest.approx((total, normaliser), rel=1e-5)


@pytest.mark.parametrize(
    ("start", "unit", "dtype", "is_refused"),
    [
        # float32 has steps of 131,072 at 1.7e12: milliseconds of some minutes are rounded by more than their deviation.
        (1_700_000_000_000, 1_000, np.int64, True),
        (1_700_000_000_000, 86_400_000, np.int64, False),
        (1_000, 1_000, np.int64, False),
        (1_700_000_000_000, 1_000, np.float32, False),
    ],
)
def test_integers_that_answers_would_round_are_refused(start: int, unit: int, dtype: Any, is_refused: bool) -> None:
    layer = RegressionHead(PRICE, HeadConfig())
    labels = (start + unit * np.arange(-50, 51, dtype=np.int64)).astype(dtype)
    layer(encoded := Encoded(tf.zeros([101, 1, 2]), tf.zeros([101, 2]), tf.ones([101], tf.int64)))
    statistics = layer.make_statistics()
    statistics.update({PRICE.name: tf.constant(labels), "lengths": encoded.lengths})
    if is_refused:
        with pytest.raises(TaskError, match="rounded by up to 65536; subtract a fixed number"):
            statistics.finish()
        return
    statistics.finish()
    # The answer at each label's own standardised number is the label.
    outputs = tf.constant((labels - layer.mean.numpy()) / layer.scale.numpy(), tf.float32)[:, None]
    answers = layer.predict(outputs, encoded.lengths)[PRICE.name].numpy().astype(float)
    # float32 labels are rounded already, so their answers may be one step of float32 beside them.
    coarseness = 0 if dtype is np.int64 else 131_072
    error = np.sqrt(np.mean((answers - labels.astype(float)) ** 2))
    assert error <= max(0.01 * labels.astype(float).std(), coarseness)


@pytest.mark.parametrize("in_graph", [False, True])
def test_negative_weight_is_refused_by_losses_and_metrics_and_nan_is_not(in_graph: bool) -> None:
    layer = SoftmaxHead(INTENT, HeadConfig(), HeadContext(weight="importance"))
    metrics = layer.make_metrics()
    logits = tf.zeros([2, 2])

    def compute(weights: tf.Tensor) -> tf.Tensor:
        batch = {
            "intent": tf.constant([1, 2], tf.int64),
            "lengths": tf.constant([1, 1], tf.int64),
            "importance": weights,
        }
        metrics.update(logits, batch)
        return layer.compute_loss(logits, batch, "sequence_mean").total

    run = tf.function(compute) if in_graph else compute
    assert np.isnan(run(tf.constant([1, np.nan])))
    with pytest.raises(tf.errors.InvalidArgumentError, match="`importance` must be at least 0"):
        run(tf.constant([1.0, -1.0]))


def test_class_weights_scale_the_loss_of_their_value() -> None:
    layer, plain = SoftmaxHead(INTENT, HeadConfig(class_weights={"y": 10})), SoftmaxHead(INTENT, HeadConfig())
    logits, batch = tf.constant([[0.3, -0.2], [0.1, 0.9], [1.0, 2.0]]), _batch()
    weighted = float(layer.compute_raw_loss(logits, batch, "sum").total)
    first = float(plain.compute_raw_loss(logits[:1], {"intent": batch["intent"][:1]}, "sum").total)
    rest = float(plain.compute_raw_loss(logits[1:], {"intent": batch["intent"][1:]}, "sum").total)
    assert weighted == pytest.approx(first + 10 * rest, rel=1e-5)


def test_class_weights_name_the_key_when_the_label_has_no_such_value() -> None:
    message = r"model\.heads\.intent\.class_weights: the label has no value 'z'; its values are x, y"
    with pytest.raises(TaskError, match=message):
        SoftmaxHead(INTENT, HeadConfig(class_weights={"z": 2}))


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_of_a_head_say_for_each_result_which_way_is_better(kind: str) -> None:
    metrics = _head(kind).make_metrics()
    assert metrics.list_directions().keys() == metrics.result().keys()
    assert metrics.list_directions()[metrics.watched] == metrics.more_is_better


@pytest.mark.parametrize(
    ("head_class", "label", "message"),
    [
        (SoftmaxHead, PRICE, "the label 'price' has no values, but this head chooses one"),
        (CRFHead, PLACE, "the label 'place' has no values, but this head chooses one"),
        (CRFHead, INTENT, "the label 'intent' has one value per record, but a CRF needs one per step"),
        (RegressionHead, TAGS, "the label 'tags' has 3 values, but this head predicts numbers"),
    ],
)
def test_head_refuses_a_label_of_another_type(head_class: type[Head], label: Label, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        head_class(label, HeadConfig())
