import pytest
import tensorflow as tf
from support.tiny_model import LengthModel, save

from tfx_sequence.pipeline.prediction.saved_model import ModelError
from tfx_sequence.pipeline.prediction.text_model import TextModel
from tfx_sequence.schemas.spec import Feature


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
def text_model(model):
    return TextModel(model)


def test_text_model_knows_its_feature_by_the_signature(text_model):
    assert text_model.spec.features == {"tokens": Feature(kind="token")}


def test_text_model_answers_each_token_when_lengths_differ(text_model):
    first, empty, last = text_model.answer([["a", "çok"], [], ["evlerimizde"]])
    assert first.steps["upos"] == ["L1", "L4"]
    assert first.steps["upos_score"] == pytest.approx([1 / 2, 1 / 5])
    assert empty.steps == {"upos": [], "upos_id": [], "upos_score": []}
    assert last.steps["upos"] == ["L11"]
    assert first.context == {}


@pytest.mark.parametrize("sentences", [[], [[]], [[], []]])
def test_text_model_gives_a_result_a_sentence_when_there_are_no_tokens(text_model, sentences):
    assert len(text_model.answer(sentences)) == len(sentences)


def test_text_model_keeps_the_order_when_there_are_many_batches(model):
    sentences = [["x" * (1 + (i * j) % 7) for j in range((i * 13) % 11)] for i in range(200)]
    answers = TextModel(model, batch_tokens=50).answer(sentences)
    assert [answer.steps["upos"] for answer in answers] == [[f"L{len(token)}" for token in s] for s in sentences]


def test_text_model_says_so_when_the_signature_is_missing(tmp_path):
    path = save(LengthModel(), tmp_path / "1", signature="serving_default")
    with pytest.raises(
        ModelError, match=r"1: the model has no signature 'serve_sequences', only serving_default; export it with"
    ):
        TextModel(path)


def test_text_model_names_the_inputs_when_tokens_are_not_enough(tmp_path):
    path = save(VectorModel(), tmp_path / "1")
    with pytest.raises(
        ModelError, match=r"one sequence of strings, but it takes pitch \(float32\), tokens \(string\);"
    ):
        TextModel(path)
