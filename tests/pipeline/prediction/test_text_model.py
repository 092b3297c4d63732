import itertools

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_model import LengthModel, save

from tfx_sequence.pipeline.prediction.text_model import ModelError, Tagger, batches, find_model


class VectorModel(tf.Module):
    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "tokens"),
            tf.TensorSpec([None, None], tf.float32, "pitch"),
            tf.TensorSpec([None], tf.int64, "lengths"),
        ]
    )
    def serve(self, tokens, pitch, lengths):
        return {"upos": tokens, "upos_id": lengths}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save(LengthModel(), tmp_path_factory.mktemp("serving") / "1")


@pytest.fixture(scope="module")
def tagger(model):
    return Tagger(model)


def test_tagger_knows_feature_and_labels_by_the_signature(tagger):
    assert tagger.feature == "tokens"
    assert tagger.labels == ["upos"]


def test_tagger_labels_each_token_when_lengths_differ(tagger):
    first, empty, last = tagger.tag([["a", "çok"], [], ["evlerimizde"]])
    assert first.labels == {"upos": ["L1", "L4"]}
    assert first.scores["upos"] == pytest.approx([1 / 2, 1 / 5])
    assert empty.labels == {"upos": ()}
    assert last.labels == {"upos": ["L11"]}


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_tagger_gives_a_result_a_sentence_when_there_are_no_tokens(tagger, sentences):
    assert len(tagger.tag(sentences)) == len(sentences)


def test_tagger_keeps_the_order_when_there_are_many_batches(tagger, monkeypatch):
    monkeypatch.setattr("tfx_sequence.pipeline.prediction.text_model.BATCH_TOKENS", 50)
    sentences = [["x" * (1 + (i * j) % 7) for j in range((i * 13) % 11)] for i in range(200)]
    tagged = tagger.tag(sentences)
    assert [list(tags.labels["upos"]) for tags in tagged] == [[f"L{len(token)}" for token in s] for s in sentences]


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 200))
def test_batches_hold_each_sequence_once_and_stay_within_the_limit(lengths, tokens):
    groups = list(batches(lengths, tokens))
    assert sorted(itertools.chain.from_iterable(groups)) == [i for i, length in enumerate(lengths) if length]
    for group in groups:
        sizes = [lengths[i] for i in group]
        assert sizes == sorted(sizes)
        assert len(group) == 1 or len(group) * max(sizes) <= tokens
    order = [lengths[i] for i in itertools.chain.from_iterable(groups)]
    assert order == sorted(order)


def test_batches_are_as_few_as_the_limit_allows_when_lengths_are_equal():
    assert [len(group) for group in batches([5] * 7, 15)] == [3, 3, 1]


def test_tagger_says_so_when_the_signature_is_missing(tmp_path):
    path = save(LengthModel(), tmp_path / "1", signature="serving_default")
    with pytest.raises(ModelError, match=r"1: the model has no signature 'serve_sequences', only serving_default$"):
        Tagger(path)


def test_tagger_names_the_inputs_when_tokens_are_not_enough(tmp_path):
    path = save(VectorModel(), tmp_path / "1")
    with pytest.raises(
        ModelError, match=r"one sequence of strings, but it takes pitch \(float32\), tokens \(string\);"
    ):
        Tagger(path)


def test_find_model_takes_the_newest_version_by_number(tmp_path):
    for version in ("9", "10", "tmp"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").touch()
    (tmp_path / "11").mkdir()
    assert find_model(str(tmp_path)) == str(tmp_path / "10")
    assert find_model(str(tmp_path / "9")) == str(tmp_path / "9")


def test_find_model_says_what_it_looked_for_when_there_is_none(tmp_path):
    with pytest.raises(ModelError, match=r"neither a saved_model\.pb nor a numbered version with one$"):
        find_model(str(tmp_path))
    with pytest.raises(ModelError, match=r"nowhere: there is no such folder;"):
        find_model(str(tmp_path / "nowhere"))
