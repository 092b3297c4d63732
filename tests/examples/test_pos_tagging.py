"""The part-of-speech pipeline of `make run` as it stands: its metrics, and the answers of the model that it pushes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tfx_sequence.pipeline.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.example]

Sentence = list[tuple[str, str]]


def _sentences(path: Path) -> list[Sentence]:
    """An independent reader of the treebank: (form, tag) of each row, a blank line after each sentence."""
    blocks = path.read_text(encoding="utf-8").strip("\n").split("\n\n")
    rows = [[line.split("\t") for line in block.splitlines() if not line.startswith("#")] for block in blocks]
    return [[(row[1], row[3]) for row in block if row[0].isdigit()] for block in rows]


@pytest.fixture(scope="module")
def test_sentences(treebank: Any) -> list[Sentence]:
    """The official test split: in each file, every tenth sentence from the tenth on."""
    return [sentence for file in treebank for sentence in _sentences(file)[9::10]]


@pytest.fixture(scope="module")
def demo(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own config, in a folder of its own."""
    config = tmp_path_factory.mktemp("demo") / "pipeline.toml"
    config.write_bytes((root / "examples" / "pos_tagging" / "pipeline.toml").read_bytes())
    return config


@pytest.fixture(scope="module")
def demo_report(demo: Path) -> dict[str, Any]:
    """The report of one run of the demo, by the installed command."""
    command = Path(sys.executable).with_name("tfx-sequence")
    ran = subprocess.run([command, "run", "--json", demo], stdout=subprocess.PIPE, text=True, check=True)
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


def test_demo_reaches_its_accuracy_over_exactly_the_real_tokens_of_the_test_split(
    demo_report: dict[str, Any], test_sentences: list[Sentence]
) -> None:
    metrics = demo_report["metrics"]
    assert len(test_sentences) == metrics["example_count"] == 485
    assert metrics["upos_count"] == sum(map(len, test_sentences))
    assert metrics["upos_accuracy"] >= 0.90
    assert {component["status"] for component in demo_report["components"].values()} == {"ran"}


def test_predict_gives_the_accuracy_that_the_run_reported(
    demo_report: dict[str, Any],
    test_sentences: list[Sentence],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # `predict` takes spaces for the ends of tokens, so sentences with a space within a token are asked about otherwise.
    plain = [sentence for sentence in test_sentences if not any(" " in form for form, _ in sentence)]
    text = tmp_path / "sentences.txt"
    text.write_text("".join(" ".join(form for form, _ in sentence) + "\n" for sentence in plain), encoding="utf-8")
    with text.open(encoding="utf-8") as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert main(["predict", demo_report["model"]]) == 0
    blocks = capfd.readouterr().out.strip("\n").split("\n\n")
    answers = [[tuple(line.split("\t")) for line in block.splitlines()] for block in blocks]
    assert [[form for form, _ in answer] for answer in answers] == [[form for form, _ in s] for s in plain]
    rest = [sentence for sentence in test_sentences if sentence not in plain]
    right = sum(answer == gold for a, s in zip(answers, plain, strict=True) for answer, gold in zip(a, s, strict=True))
    right += _right_by_signature(demo_report["model"], rest)
    total = sum(map(len, test_sentences))
    assert right / total == pytest.approx(demo_report["metrics"]["upos_accuracy"], abs=1e-12)


def _right_by_signature(model: str, sentences: list[Sentence]) -> int:
    signature = tf.saved_model.load(model).signatures["serve_sequences"]
    right = 0
    for sentence in sentences:
        forms, tags = zip(*sentence, strict=True)
        answer = signature(tokens=tf.constant([forms]), lengths=tf.constant([len(forms)], tf.int64))
        right += sum(tag == gold.encode() for tag, gold in zip(answer["upos"].numpy()[0], tags, strict=True))
    return right


def test_second_run_of_the_demo_reuses_every_component(
    demo: Path, demo_report: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--json", str(demo)]) == 0
    out, shown = capfd.readouterr()
    report = json.loads(out)
    assert {component["status"] for component in report["components"].values()} == {"reused"}
    assert (report["metrics"], report["model"]) == (demo_report["metrics"], demo_report["model"])
    assert "SequenceTrainer: reused" in shown


def test_served_model_answers_for_an_empty_sequence_an_unseen_word_and_longer_padding(
    demo_report: dict[str, Any],
) -> None:
    signature = tf.saved_model.load(demo_report["model"]).signatures["serve_sequences"]
    forms = [["Bu", "qqqxyz", "."], ["", "", ""], ["Evet", "", ""]]
    lengths = tf.constant([3, 0, 1], tf.int64)
    answer = signature(tokens=tf.constant(forms), lengths=lengths)
    longer = signature(tokens=tf.constant([row + ["garbage"] * 50 for row in forms]), lengths=lengths)
    for row, length in enumerate([3, 0, 1]):
        assert all(answer["upos"].numpy()[row, :length])
        assert list(answer["upos"].numpy()[row, length:]) == [b""] * (3 - length)
        assert list(answer["upos_id"].numpy()[row, length:]) == [0] * (3 - length)
        assert list(longer["upos"].numpy()[row, :length]) == list(answer["upos"].numpy()[row, :length])
    assert answer["lengths"].numpy().tolist() == [3, 0, 1]


def test_serialized_examples_and_raw_tokens_get_the_same_answer(
    demo_report: dict[str, Any], test_sentences: list[Sentence]
) -> None:
    signatures = tf.saved_model.load(demo_report["model"]).signatures
    sentence = test_sentences[0]
    example = tf.train.SequenceExample()
    for form, _ in sentence:
        example.feature_lists.feature_list["tokens"].feature.add().bytes_list.value.append(form.encode())
    from_example = signatures["serving_default"](examples=tf.constant([example.SerializeToString()]))
    forms = tf.constant([[form for form, _ in sentence]])
    from_tokens = signatures["serve_sequences"](tokens=forms, lengths=tf.constant([len(sentence)], tf.int64))
    assert from_example["upos"].numpy().tolist() == from_tokens["upos"].numpy().tolist()
    assert from_example["upos_score"].numpy() == pytest.approx(from_tokens["upos_score"].numpy(), abs=1e-6)
