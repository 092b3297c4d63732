"""Checks the CRF against an enumeration of all label sequences."""

import itertools

import hypothesis.strategies as st
import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from tfx_sequence.components.sequence_trainer.losses.crf import LinearChainCRF, TagConstraints, make_tag_constraints
from tfx_sequence.components.sequence_trainer.losses.crf_partition import compute_log_partition
from tfx_sequence.components.sequence_trainer.losses.sequence import sequence_loss

_LENGTHS = [4, 1, 0, 2, 3]


def _crf(num_labels, seed=0, scale=1.0, **options):
    generator = np.random.default_rng(seed)
    layer = LinearChainCRF(num_labels, dtype="float64", **options)
    for weight in layer.weights:
        weight.assign(generator.normal(scale=scale, size=weight.shape))
    return layer


def _score(layer, logits, path):
    transitions, start, end = (np.array(weight) for weight in (layer.transitions, layer.start, layer.end))
    score = start[path[0]] + end[path[-1]] + sum(logits[step, label] for step, label in enumerate(path))
    return score + sum(transitions[pair] for pair in itertools.pairwise(path))


def _all_scores(layer, logits, num_labels):
    return {path: _score(layer, logits, path) for path in itertools.product(range(num_labels), repeat=len(logits))}


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 3),
    st.lists(st.integers(0, 4), min_size=1, max_size=4),
    st.sampled_from([0.1, 1.0, 10.0]),
    st.integers(0, 2**32),
)
def test_likelihood_and_decoding_equal_enumeration(num_labels, lengths, scale, seed):
    layer = _crf(num_labels, seed, scale)
    generator = np.random.default_rng(seed + 1)
    steps = max(1, *lengths) + 1
    logits = generator.normal(scale=scale, size=(len(lengths), steps, num_labels))
    labels = generator.integers(1, num_labels + 1, (len(lengths), steps))
    for row, length in enumerate(lengths):
        logits[row, length:], labels[row, length:] = np.nan, 99
    likelihood = layer.compute_log_likelihood(logits, labels, np.array(lengths)).numpy()
    ids, scores = (tensor.numpy() for tensor in layer.decode(logits, np.array(lengths)))
    for row, length in enumerate(lengths):
        assert not ids[row, length:].any()
        if length == 0:
            assert likelihood[row] == scores[row] == 0
            continue
        paths = _all_scores(layer, logits[row, :length], num_labels)
        gold = paths[tuple(labels[row, :length] - 1)]
        np.testing.assert_allclose(likelihood[row], gold - np.logaddexp.reduce(list(paths.values())), atol=1e-10)
        np.testing.assert_allclose(scores[row], max(paths.values()), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(paths[tuple(ids[row, :length] - 1)], scores[row], rtol=1e-12, atol=1e-12)


def test_gradients_equal_numeric_ones():
    generator = np.random.default_rng(0)
    lengths = np.array([3, 1, 0])
    arguments = [generator.normal(size=shape) * 2 for shape in ((3, 4, 2), (2, 2), (2,), (2,))]
    weights = generator.normal(size=3)

    def weighted(logits, transitions, start, end):
        return tf.reduce_sum(weights * compute_log_partition(logits, lengths, transitions, start, end))

    analytic, numeric = tf.test.compute_gradient(weighted, [tf.constant(value) for value in arguments])
    for one, other in zip(analytic, numeric, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_gradients_equal_those_of_the_log_space_recursion():
    generator = np.random.default_rng(0)
    lengths = np.array([7, 1, 0, 5])
    arguments = [tf.constant(generator.normal(size=shape) * 3) for shape in ((4, 7, 5), (5, 5), (5,), (5,))]

    def log_space(logits, transitions, start, end):
        total = tf.zeros([], tf.float64)
        for row, length in enumerate(lengths):
            if length:
                scores = start + logits[row, 0]
                for step in range(1, length):
                    scores = tf.reduce_logsumexp(scores[:, None] + transitions, 0) + logits[row, step]
                total += tf.reduce_logsumexp(scores + end)
        return total

    results = []
    for function in (log_space, lambda x, *rest: tf.reduce_sum(compute_log_partition(x, lengths, *rest))):
        with tf.GradientTape() as tape:
            tape.watch(arguments)
            value = function(*arguments)
        results.append([value, *tape.gradient(value, arguments)])
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-10, atol=1e-13)
    assert not results[1][1].numpy()[np.arange(7) >= lengths[:, None]].any()


def test_loss_has_no_gradient_at_padded_steps_and_none_is_nan_in_a_graph():
    generator = np.random.default_rng(0)
    layer = LinearChainCRF(3)
    lengths = tf.constant(_LENGTHS)
    logits = generator.normal(size=(5, 6, 3)).astype(np.float32)
    labels = generator.integers(1, 4, (5, 6))
    garbage = np.arange(6) >= np.array(_LENGTHS)[:, None]
    logits[garbage], labels[garbage] = np.nan, -4

    @tf.function
    def gradients(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = layer.compute_loss(logits, labels, lengths).value
        return loss, tape.gradient(loss, [logits, *(weight.value for weight in layer.trainable_weights)])

    loss, (by_logits, *by_weights) = gradients(tf.constant(logits))
    assert np.isfinite(loss)
    assert not by_logits.numpy()[garbage].any()
    assert np.isfinite(by_logits).all()
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in by_weights)


@pytest.mark.parametrize("reduction", ["sequence_mean", "token_mean", "sum"])
def test_loss_is_that_of_a_softmax_when_there_are_no_transitions(reduction):
    generator = np.random.default_rng(0)
    logits, labels = generator.normal(size=(5, 4, 3)), generator.integers(1, 4, (5, 4))
    lengths, weights = np.array(_LENGTHS), generator.uniform(size=5)
    options = {"reduction": reduction, "sequence_weights": weights}
    loss = LinearChainCRF(3, dtype="float64").compute_loss(logits, labels, lengths, **options)
    np.testing.assert_allclose(loss, sequence_loss(logits, labels, lengths, **options), rtol=1e-12)


def test_fifty_more_steps_of_padding_change_nothing():
    generator = np.random.default_rng(0)
    layer = _crf(3)
    logits, labels = generator.normal(size=(5, 4, 3)), generator.integers(1, 4, (5, 4))
    more = np.pad(logits, [(0, 0), (0, 50), (0, 0)]), np.pad(labels, [(0, 0), (0, 50)])
    lengths = np.array(_LENGTHS)
    np.testing.assert_allclose(
        layer.compute_log_likelihood(*more, lengths), layer.compute_log_likelihood(logits, labels, lengths), rtol=1e-14
    )
    np.testing.assert_array_equal(layer(more[0], lengths)[:, :4], layer(logits, lengths))


@pytest.mark.parametrize("scale", [500.0, 1e6])
def test_likelihood_stays_finite_when_scores_are_far_apart(scale):
    layer = _crf(3, scale=scale)
    logits = tf.constant(np.random.default_rng(1).normal(scale=scale, size=(4, 6, 3)))
    labels, lengths = np.ones((4, 6), int), np.array([6, 1, 3, 5])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = layer.compute_loss(logits, labels, lengths).value
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, logits)).all()


_BIO = ["O", "B-X", "I-X", "B-Y", "I-Y"]
_BIOES = ["O", *(f"{prefix}-{name}" for name in "XY" for prefix in "BIES")]


def _legal(tags, scheme):
    """Whether a sequence of tags is well formed, read from left to right."""
    inside = None
    for tag in tags:
        prefix, _, name = tag.partition("-")
        if prefix in ("I", "E"):
            if inside != name:
                return False
        elif inside is not None and scheme == "BIOES":
            return False
        inside = name if prefix in ("B", "I") else None
    return scheme == "BIO" or inside is None


@pytest.mark.parametrize(("tags", "scheme"), [(_BIO, "BIO"), (_BIOES, "BIOES")])
def test_constraints_allow_exactly_the_well_formed_sequences(tags, scheme):
    constraints = make_tag_constraints(tags, scheme)
    for length in (1, 2, 3):
        for path in itertools.product(range(len(tags)), repeat=length):
            allowed = constraints.start[path[0]] and constraints.end[path[-1]]
            allowed = allowed and all(constraints.transitions[pair] for pair in itertools.pairwise(path))
            assert allowed == _legal([tags[label] for label in path], scheme)


@pytest.mark.parametrize(("tags", "scheme"), [(_BIO, "BIO"), (_BIOES, "BIOES")])
def test_decoding_finds_the_best_well_formed_sequence(tags, scheme):
    layer = _crf(len(tags), constraints=make_tag_constraints(tags, scheme))
    generator = np.random.default_rng(2)
    lengths = np.array([1, 2, 3, 3, 0])
    logits = generator.normal(scale=3, size=(5, 3, len(tags)))
    ids, scores = layer.decode(logits, lengths)
    for row, length in enumerate(lengths[:-1]):
        paths = _all_scores(layer, logits[row, :length], len(tags))
        legal = {path: score for path, score in paths.items() if _legal([tags[label] for label in path], scheme)}
        best = max(legal, key=legal.get)
        assert tuple(ids[row, :length].numpy() - 1) == best
        np.testing.assert_allclose(scores[row], legal[best])


def test_decoding_breaks_as_few_constraints_as_it_can_when_none_can_be_kept():
    tags = ["B-X", "I-X", "E-X"]
    layer = _crf(3, constraints=make_tag_constraints(tags, "BIOES"))
    ids = layer(np.zeros((1, 1, 3)), np.array([1]))
    assert ids.shape == (1, 1)
    assert ids[0, 0] != 2  # I-X alone would break two


def test_layer_survives_its_config():
    layer = LinearChainCRF(5, constraints=make_tag_constraints(_BIO, "BIO"), name="crf")
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (again.num_labels, again.name, again.dtype) == (5, "crf", "float32")
    for one, other in zip(layer.constraints, again.constraints, strict=True):
        np.testing.assert_array_equal(one, other)
    assert keras.layers.deserialize(keras.layers.serialize(LinearChainCRF(2))).constraints is None


def test_layer_works_in_a_functional_model_under_mixed_precision():
    logits, lengths = keras.Input((None, 3)), keras.Input((), dtype="int64")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = LinearChainCRF(3)
    finally:
        keras.config.set_dtype_policy(policy)
    assert layer.transitions.dtype == "float32"
    model = keras.Model([logits, lengths], layer(logits, lengths))
    values = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    predicted = model([values, np.array([4, 2])])
    expected = (values.argmax(-1) + 1) * (np.arange(4) < [[4], [2]])
    np.testing.assert_array_equal(predicted, expected)


def test_constraints_of_another_number_of_labels_are_refused():
    with pytest.raises(
        ValueError,
        match=r"for 4 labels, .* must have the shapes .*\(4, 4\).*, but they have .*\(5,\), \(5, 5\), \(5,\)",
    ):
        LinearChainCRF(4, constraints=make_tag_constraints(_BIO, "BIO"))
    with pytest.raises(ValueError, match="for 1 labels, the start"):
        LinearChainCRF(1, constraints=TagConstraints(np.ones(1), np.ones((1, 2)), np.ones(1)))


def test_layer_refuses_no_labels_and_logits_of_another_number_of_labels():
    with pytest.raises(ValueError, match="`num_labels` must be at least 1, but is 0"):
        LinearChainCRF(0)
    for logits in (tf.zeros([2, 4, 2]), tf.zeros([4, 3])):
        with pytest.raises(ValueError, match=r"logits must be \[B, T, 3\], one per label, but are"):
            LinearChainCRF(3).decode(logits, np.array([4, 2]))
