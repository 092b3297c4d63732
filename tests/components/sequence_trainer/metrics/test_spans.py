"""Checks spans and span F1 against seqeval."""

import warnings

import hypothesis.strategies as st
import numpy as np
import pytest
import seqeval.scheme
import tensorflow as tf
from hypothesis import given, settings
from seqeval.metrics import sequence_labeling, v1

from tfx_sequence.components.sequence_trainer.metrics.labels import SpanF1
from tfx_sequence.components.sequence_trainer.metrics.spans import find_spans
from tfx_sequence.schemas.tags import read_tags

_BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-a-b", "I-a-b"]
_BIOES = ["O", *(f"{prefix}-{name}" for name in ("PER", "LOC") for prefix in "BIES")]
_STRICT = {"BIO": seqeval.scheme.IOB2, "BIOES": seqeval.scheme.IOBES}


def _pad(sequences, tags, width):
    batch = np.full((len(sequences), width), 3)  # Garbage: a tag that would make a span
    for row, sequence in enumerate(sequences):
        batch[row, : len(sequence)] = [tags.index(tag) + 1 for tag in sequence]
    return batch


def _seqeval(true, predicted, scheme, average):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if scheme == "lenient":
            return sequence_labeling.precision_recall_fscore_support(true, predicted, average=average)
        return v1.precision_recall_fscore_support(true, predicted, average=average, scheme=_STRICT[scheme])


def _check(true, predicted, tags, scheme, batches=2):
    metric = SpanF1(tags, scheme)
    for part in range(batches):
        rows = true[part::batches], predicted[part::batches]
        lengths = np.array([len(row) for row in rows[0]], int)
        width = max([1, *lengths]) + part
        metric.update_state(_pad(rows[0], tags, width), _pad(rows[1], tags, width), lengths)
    result = metric.result()
    micro = _seqeval(true, predicted, scheme, "micro")
    np.testing.assert_allclose([result[name] for name in ("precision", "recall", "f1")], micro[:3], rtol=1e-12)
    by_type = {
        name: scores
        for name, scores in metric.compute_scores_by_type().items()
        if scores["support"] or scores["recall"]
    }
    true_types = {name: scores["f1"].numpy() for name, scores in by_type.items()}
    per_type = _seqeval(true, predicted, scheme, None)
    supported = per_type[3] > 0
    np.testing.assert_allclose([true_types[name] for name in sorted(true_types)], per_type[2][supported], rtol=1e-12)
    if len(per_type[2]):
        np.testing.assert_allclose(result["macro_f1"], np.mean(per_type[2]), rtol=1e-12)
    return result


_CASES = [(_BIO, "lenient"), (_BIO, "BIO"), (_BIOES, "lenient"), (_BIOES, "BIOES")]


@pytest.mark.parametrize(("tags", "scheme"), _CASES)
@settings(deadline=None, max_examples=20)
@given(st.data())
def test_span_f1_equals_seqevals_on_random_tags(tags, scheme, data):
    pairs = data.draw(st.lists(st.lists(st.tuples(*[st.sampled_from(tags)] * 2), max_size=8), min_size=2, max_size=6))
    true = [[tag for tag, _ in pair] for pair in pairs]
    predicted = [[tag for _, tag in pair] for pair in pairs]
    _check(true, predicted, tags, scheme)


@pytest.mark.parametrize(("tags", "scheme"), _CASES)
def test_span_f1_equals_seqevals_on_spans_with_a_few_wrong_tags(tags, scheme):
    generator = np.random.default_rng(0)
    true = [_spans(generator, tags) for _ in range(200)]
    predicted = [
        [tags[generator.integers(len(tags))] if generator.random() < 0.1 else tag for tag in sequence]
        for sequence in true
    ]
    result = _check(true, predicted, tags, scheme, batches=5)
    assert 0.5 < result["f1"] < 0.95  # Neither of them trivial


def _spans(generator, tags):
    """A legal sequence of spans, as an annotator writes it."""
    bioes = "E-PER" in tags
    names = sorted({tag[2:] for tag in tags if tag != "O"})
    sequence = []
    for _ in range(generator.integers(0, 6)):
        name, size = names[generator.integers(len(names))], generator.integers(1, 5)
        if bioes and size == 1:
            sequence.append(f"S-{name}")
        else:
            sequence += [f"B-{name}", *[f"I-{name}"] * (size - 1)]
            if bioes:
                sequence[-1] = f"E-{name}"
        sequence += ["O"] * generator.integers(0, 3)
    return sequence


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("lenient", "I-P I-P I-L O B-L B-P E-P I-P S-P", [(0, 1), (2, 2), (4, 4), (5, 6), (7, 7), (8, 8)]),
        ("BIOES", "I-P I-P I-L O B-L B-P E-P I-P S-P", [(5, 6), (8, 8)]),
        ("BIO", "I-P I-P I-L O B-L B-P I-P B-P I-L", [(4, 4), (5, 6), (7, 7)]),
        ("lenient", "O O", []),
    ],
)
def test_find_spans_finds_those_that_the_module_shows(scheme, tags, expected):
    sequence = tags.split()
    names = sorted(set(sequence))
    ids = np.array([[names.index(tag) + 1 for tag in sequence]] * 2)
    spans = find_spans(ids, np.array([len(sequence), 0]), read_tags(names, scheme))
    starts = tf.where(spans.is_start)[:, 0].numpy()
    assert [(start, spans.run_ends.numpy()[start]) for start in starts] == expected


def test_spans_end_with_their_sequence_and_work_in_a_graph():
    metric = SpanF1(["O", "B-X", "I-X"])
    update = tf.function(metric.update_state)
    # Two rows that are full: the I-X that begins the second must not go on with the first.
    update(tf.constant([[1, 2, 3], [3, 3, 1]]), tf.constant([[1, 2, 3], [3, 3, 1]]), tf.constant([3, 3]))
    assert metric.compute_scores_by_type()["X"]["support"] == 2
    assert metric.result()["f1"] == 1
    metric.reset_state()
    assert metric.result()["f1"] == 0
