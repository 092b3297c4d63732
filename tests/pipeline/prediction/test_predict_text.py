import io
import json
import os
import subprocess
import sys
import types

import pytest
import tensorflow as tf
from support.tiny_model import LanguageModel, LengthModel, SentenceModel, save

from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.prediction.predict_text import predict_text


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    save(LengthModel(), folder / "3")
    return str(folder)


@pytest.fixture
def stdin(monkeypatch):
    def stdin(data):
        stream = types.SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False)
        monkeypatch.setattr(sys, "stdin", stream)

    return stdin


def test_predict_writes_a_token_a_line_when_sentences_are_arguments(serving, capfd):
    assert main(["predict", serving, "Bu  bir", "çok iyi"]) == 0
    assert capfd.readouterr() == ("Bu\tL2\nbir\tL3\n\nçok\tL4\niyi\tL3\n\n", "")


def test_predict_reads_a_sentence_a_line_when_there_are_no_arguments(serving, capfd, stdin):
    stdin("Bu bir\n\nçok iyi".encode())
    assert main(["predict", serving]) == 0
    assert capfd.readouterr().out == "Bu\tL2\nbir\tL3\n\n\nçok\tL4\niyi\tL3\n\n"


def test_predict_writes_an_object_a_sentence_when_asked_for_json(serving, capfd, stdin):
    stdin("çok a\n\n".encode())
    assert main(["predict", "--json", serving]) == 0
    first, second = capfd.readouterr().out.splitlines()
    assert json.loads(first) == {"tokens": ["çok", "a"], "upos": ["L4", "L1"], "upos_score": pytest.approx([0.2, 0.5])}
    assert "çok" in first
    assert json.loads(second) == {"tokens": [], "upos": [], "upos_score": []}


def test_predict_writes_answers_about_the_sentence_beside_those_about_its_tokens(tmp_path, capfd):
    model = save(SentenceModel(), tmp_path / "1")
    assert main(["predict", model, "Bu bir", "", "çok"]) == 0
    assert capfd.readouterr().out == (
        "# parity = even\n# size = 5.0\nBu\tL2\nbir\tL3\n\n"
        "# parity = even\n# size = 0.0\n\n"
        "# parity = odd\n# size = 4.0\nçok\tL4\n\n"
    )
    assert main(["predict", "--json", model, "Bu bir", ""]) == 0
    first, empty = map(json.loads, capfd.readouterr().out.splitlines())
    assert first == {
        "tokens": ["Bu", "bir"],
        "upos": ["L2", "L3"],
        "upos_score": pytest.approx([1 / 3, 1 / 4]),
        "parity": "even",
        "parity_score": pytest.approx(1 / 3),
        "size": 5.0,
    }
    assert empty == {
        "tokens": [], "upos": [], "upos_score": [], "parity": "even", "parity_score": 1.0, "size": 0.0
    }  # fmt: skip


def test_predict_has_no_answer_about_tokens_that_the_model_did_not_read(tmp_path, capfd):
    model = save(LengthModel(max_steps=2), tmp_path / "1")
    assert main(["predict", model, "Bu bir kitap ve", "iyi"]) == 0
    assert capfd.readouterr().out == "Bu\tL2\nbir\tL3\nkitap\t_\nve\t_\n\niyi\tL3\n\n"
    assert main(["predict", "--json", model, "Bu bir kitap ve"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "tokens": ["Bu", "bir", "kitap", "ve"],
        "upos": ["L2", "L3", None, None],
        "upos_score": [0.33333334, 0.25, None, None],
    }


def test_predict_shows_what_a_language_model_says_before_the_first_and_after_the_last_value(tmp_path, capfd):
    model = save(LanguageModel(), tmp_path / "1")
    assert main(["predict", model, "Bu bir", ""]) == 0
    assert capfd.readouterr().out == "_\tbegin\nBu\tBu\nbir\tbir\n\n_\tbegin\n\n"
    assert main(["predict", "--json", model, "Bu bir", ""]) == 0
    first, empty = map(json.loads, capfd.readouterr().out.splitlines())
    assert first == {"tokens": [None, "Bu", "bir"], "target": ["begin", "Bu", "bir"], "target_score": [1.0] * 3}
    assert empty == {"tokens": [None], "target": ["begin"], "target_score": [1.0]}


def test_predict_keeps_answers_beside_their_steps_when_steps_are_added_and_cut_off(tmp_path, capfd):
    model = save(LanguageModel(before=1, after=1, max_steps=2), tmp_path / "1")
    assert main(["predict", model, "a bb ccc"]) == 0
    assert capfd.readouterr().out == "_\tbegin\na\ta\nbb\tbb\nccc\t_\n_\tend\n\n"


class OtherStepsModel(tf.Module):
    """Answers about `factor` times as many steps as there are tokens, and does not say which these are."""

    def __init__(self, factor):
        super().__init__()
        self._factor = factor

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.string, "tokens"),
            tf.TensorSpec([None], tf.int64, "lengths"),
        ]
    )
    def serve(self, tokens, lengths):
        counts = tf.cast(self._factor * tf.cast(lengths, tf.float32), tf.int64)
        return {"upos": tf.repeat(tokens, 2, axis=1), "lengths": counts}


@pytest.mark.parametrize(
    ("make_model", "count"),
    [(lambda: OtherStepsModel(2), 4), (lambda: OtherStepsModel(0.5), 1), (lambda: LengthModel(max_steps=0), 0)],
    ids=["more", "fewer", "none"],
)
def test_predict_refuses_a_model_when_it_is_not_known_which_steps_its_answers_are_about(
    tmp_path, capfd, make_model, count
):
    path = save(make_model(), tmp_path / "1")
    assert main(["predict", path, "a b"]) == 2
    assert f"gives {count} answers about a record of 2 steps" in capfd.readouterr().err


def test_predict_keeps_the_order_when_the_input_is_longer_than_a_chunk(serving, capfd, stdin):
    sentences = [["x" * (1 + i % 5)] * (i % 4) for i in range(100)]
    stdin("".join(" ".join(sentence) + "\n" for sentence in sentences).encode())
    assert predict_text(serving, [], as_json=True, chunk_size=7) == 0
    tagged = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["tokens"] for line in tagged] == sentences
    assert [line["upos"] for line in tagged] == [[f"L{len(token)}" for token in sentence] for sentence in sentences]


def test_predict_names_the_line_when_the_text_is_not_utf8(serving, capfd, stdin):
    stdin(b"fine\nnot \xff fine\n")
    assert main(["predict", serving]) == 2
    assert capfd.readouterr().err == "tfx-sequence: standard input, line 2: not UTF-8 text, at byte 4\n"


def test_predict_names_the_sentence_when_an_argument_is_not_utf8(serving, capfd):
    assert main(["predict", serving, "fine", os.fsdecode(b"not \xff fine")]) == 2
    assert capfd.readouterr().err == "tfx-sequence: sentence 2 of the command line: not UTF-8 text\n"


def test_predict_keeps_the_log_when_the_model_itself_fails(tmp_path, capfd):
    class Broken(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, None], tf.string, "tokens"),
                tf.TensorSpec([None], tf.int64, "lengths"),
            ]
        )
        def serve(self, tokens, lengths):
            with tf.control_dependencies([tf.debugging.Assert(False, ["broken"])]):
                return {"upos": tf.identity(tokens), "upos_id": lengths, "upos_score": lengths}

    save(Broken(), tmp_path / "1")
    assert main(["predict", str(tmp_path), "a b"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("tfx-sequence: InvalidArgumentError: ")
    log = err.rpartition("(what was logged: ")[2].strip().removesuffix(")")
    with open(log, encoding="utf-8") as file:
        assert "Traceback" in file.read()
    os.remove(log)


def test_predict_ends_quietly_when_its_reader_has_read_enough(serving):
    command = [sys.executable, "-c", "import sys; from tfx_sequence.pipeline.cli import main; sys.exit(main())"]
    with subprocess.Popen(
        [*command, "predict", serving], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdout.close()
        # More than a chunk of sentences, and little enough for the pipe to hold while nobody reads.
        process.stdin.write("a b c\n" * 5000)
        process.stdin.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")
